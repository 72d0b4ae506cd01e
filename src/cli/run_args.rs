//! The arguments of commands that train.

use std::path::PathBuf;

use clap::Args;

use super::candidates::devices;
use super::model_arg::RUNS;

/// Where a training takes place.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Compute on auto (a GPU if there is one, else the CPU), cpu, ndarray, wgpu[:N] or cuda[:N]; see `vae devices`
    #[arg(long, default_value = "auto", add = devices())]
    pub device: String,

    /// Train on the images in this folder, archive or array file, see `vae data`; with `--config`, read the config's data
    /// set from this folder [default: $VAE_DATA if it is set, else data/ and the user's cache]
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,

    /// Keep runs in this folder
    #[arg(long, value_name = "DIR", default_value = RUNS)]
    pub out: PathBuf,
}
