//! The arguments of every command that reads the data of a trained model.

use std::path::PathBuf;

use clap::Args;

/// Where the data of a trained model is, and whether it may be other data.
#[derive(Args, Clone, Debug, Default)]
pub struct DataArg {
    /// Read the data set from this folder or file [default: the training's `--data`, else $VAE_DATA, else data/ and the user's
    /// cache]
    #[arg(long = "data", value_name = "PATH")]
    pub folder: Option<PathBuf>,

    /// Accept other data than the model was trained on
    #[arg(long)]
    pub other_data: bool,

    /// Do not keep the fitted images of your own data for the next command
    #[arg(long)]
    pub no_cache: bool,
}

impl DataArg {
    /// Returns the first of the flags that was passed, as it was passed.
    pub fn given(&self) -> Option<String> {
        match &self.folder {
            Some(folder) => Some(format!("--data {}", folder.display())),
            None if self.other_data => Some("--other-data".to_owned()),
            None => self.no_cache.then(|| "--no-cache".to_owned()),
        }
    }
}
