//! `vae export`: writes a run for other programs. Each format has a file.

mod csv;
mod exporting;
mod huggingface;
mod onnx;
mod records;
mod request;
mod tensorboard;

use clap::{Args, ValueEnum};

pub use self::records::written;
pub use self::tensorboard::latent_histograms;

use self::request::ExportRequest;
use super::draw::print;
use crate::error::Result;

/// The explanation of the formats, for `--help`.
const LONG_HELP: &str = "\
onnx: three models that onnxruntime and most other runtimes read, on every platform and in every language, and use.py, a short \
Python program that uses them. encoder.onnx takes images [N, C, H, W] in [0, 1] and gives the mean and the logarithm of the \
variance of q(z|x), [N, D]. decoder.onnx takes latents z [N, D] and gives images. score.onnx takes images and gives the score \
that `vae score --score error` prints, the squared error of the image decoded from the posterior mean, [N], and its map, [N, H, W], \
the squared error of each pixel. A conditional model also takes label [N, L], which is 1 for the image's class and 0 for the others. \
The metadata says what an image must be like, and has the config, the classes and the ELBO of report.json. It also has the scores of \
normal images that turn a score into a p-value, if the training set such images aside, or after `vae calibrate --score error`. A \
vamp or hierarchical prior is no part of decoder.onnx; prior.npy has 256 latents drawn from it.

huggingface: a folder for the Hugging Face Hub. README.md is the model's card, with the ELBO of report.json; complete it before you \
upload the folder. model.safetensors has the weights, and `vae` reads it too; config.json has the config; samples.png shows samples \
from the prior. modeling.py is the model as a plain torch.nn.Module, with encode, decode, sample and elbo; the module needs only PyTorch.

tensorboard: events of all epochs for TensorBoard (`tensorboard --logdir runs`). Each \
split has a folder of its own, so that their curves share a chart. There are the numbers of metrics.jsonl, the images that \
training keeps after each epoch, and a histogram of each latent's posterior mean, for 1000 test images and the run's model; \
the histograms need the data, and are left out if it is not found. The step is that of the training. `vae train --log tensorboard` writes the same \
events while it trains.

csv: metrics.csv, with a line for each epoch and a column for each number and split, such as test/elbo. The columns step and \
timestamp come first.

The paths of the files are printed. An export into the run's folder replaces an earlier one; any other folder must be empty.

Examples:
  vae export mnist-1 --to onnx
  vae export mnist-1 --to huggingface --out hub
  vae export mnist-1 --to tensorboard
  vae export mnist-1 --to csv --out tables";

/// Write a run for other programs: ONNX, Hugging Face, TensorBoard, or a table
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
    /// The encoder, the decoder and the score as ONNX models
    Onnx,
    /// A folder for the Hugging Face Hub, with the model as a PyTorch module
    Huggingface,
    /// Events for TensorBoard: numbers, images and histograms of the latents
    Tensorboard,
    /// A table of the numbers of every epoch
    Csv,
}

impl Export {
    pub fn run(self) -> Result<()> {
        let paths = match self.to {
            ExportFormat::Onnx => onnx::export(&self.request),
            ExportFormat::Huggingface => huggingface::export(&self.request),
            ExportFormat::Tensorboard => tensorboard::export(&self.request),
            ExportFormat::Csv => csv::export(&self.request),
        };
        print(&paths?)
    }
}
