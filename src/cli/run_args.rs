//! The arguments of commands that train.

use std::path::PathBuf;

use clap::Args;

use super::model_arg::RUNS;

/// Where a training takes place.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// auto (a GPU where there is one, else the CPU), cpu, ndarray, wgpu[:N] or cuda[:N]; see `vae devices`
    #[arg(long, default_value = "auto")]
    pub device: String,

    /// The folder that the data set lies in [default: $VAE_DATA, then data/, then the user's cache]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// The folder that runs are kept in
    #[arg(long, value_name = "DIR", default_value = RUNS)]
    pub out: PathBuf,
}
