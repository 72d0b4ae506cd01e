//! `vae export`: writes a run for other programs. Each format has a file.

mod csv;
mod destination;
mod records;
mod request;
mod tensorboard;

use clap::{Args, ValueEnum};

pub use self::destination::{Destination, check_own};
pub use self::records::written;
pub use self::tensorboard::{NAME as TENSORBOARD, latent_histograms, note_viewer};

use self::request::ExportRequest;
use super::draw::print;
use crate::error::Result;

/// The explanation of the formats, for `--help`.
const LONG_HELP: &str = "\
tensorboard: events of all epochs for TensorBoard (`tensorboard --logdir runs`), which W&B (`wandb sync`) and Aim read too. Each \
split has a folder of its own, so that their curves share a chart. There are the numbers of metrics.jsonl, the images that \
training keeps after each epoch, and a histogram of each latent's posterior mean, for 1000 test images and the run's model; \
these need the data, and are left out if it is not found. The step is that of the training. `vae train --log tensorboard` writes the same \
events while it trains.

csv: metrics.csv, with a line for each epoch and a column for each number and split, such as test/elbo. The columns step and \
timestamp are those that Trackio looks for.

The paths of the files are printed. An export into the run's folder replaces an earlier one; any other folder must be empty.

Examples:
  vae export mnist-1 --to tensorboard
  vae export mnist-1 --to csv --out tables";

/// Write a run for other programs: events for TensorBoard, or a table
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct Export {
    /// Write this format
    #[arg(long, value_enum, value_name = "FORMAT")]
    to: ExportFormat,

    #[command(flatten)]
    request: ExportRequest,
}

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// Events for TensorBoard: numbers, images and histograms of the latents
    Tensorboard,
    /// A table of the numbers of every epoch
    Csv,
}

impl Export {
    pub fn run(self) -> Result<()> {
        let paths = match self.to {
            ExportFormat::Tensorboard => tensorboard::export(&self.request),
            ExportFormat::Csv => csv::export(&self.request),
        };
        print(&paths?)
    }
}
