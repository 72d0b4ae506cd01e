//! The arguments that every format of `vae export` has.

use std::path::PathBuf;

use clap::Args;

use crate::cli::candidates::{devices, runs};
use crate::cli::data_arg::DataArg;
use crate::error::{Error, Result};

/// Which run is exported, and into which folder.
#[derive(Args, Debug)]
pub struct ExportRequest {
    /// A run's folder or name, or a model file [default: the newest run in `runs`]
    #[arg(value_name = "RUN", add = runs())]
    pub run: Option<PathBuf>,

    /// Write into this new or empty folder [default: a folder named after the format, in the run's folder]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    #[command(flatten)]
    pub data: DataArg,

    /// Compute on auto (a GPU if there is one, else the CPU), cpu, ndarray, wgpu[:N] or cuda[:N]; see `vae devices`
    /// [default: auto]
    #[arg(long, add = devices())]
    pub device: Option<String>,
}

impl ExportRequest {
    /// Returns the first of the flags that say how to compute, as it was passed.
    pub fn computation(&self) -> Option<String> {
        let device = self.device.as_ref();
        let device = device.map(|device| format!("--device {device}"));
        self.data.given().or(device)
    }

    /// Checks that no flag says how to compute, for a format that needs no computation.
    ///
    /// # Errors
    /// Returns an error that names the flag.
    pub fn refuse_computation(&self, format: &str) -> Result<()> {
        self.computation().map_or(Ok(()), |given| {
            let what = format!("{given}: has no effect, because `--to {format}` computes nothing");
            Err(Error::request(what).with_hint("leave the flag out"))
        })
    }
}
