//! `vae summary`: shows the layers of a network before it is trained, or of a trained model.

mod shown_network;
mod timing;

use std::path::PathBuf;

use clap::Args;

use self::shown_network::find;
use super::candidates::{devices, networks};
use super::images_args::ImagesArgs;
use super::next::next;
use super::output::show;
use super::train::check_memory;
use crate::device;
use crate::error::Result;
use crate::ops::on_host;
use crate::report::architecture::architecture;
use crate::train::MemoryNeed;

/// The explanation of the argument and the numbers, for `--help`.
const LONG_HELP: &str = "\
A name is first looked for as a file, then as a preset, then as a run; `runs/mnist` is the run `mnist`. The shape of the images is \
that of the data set. For images of your own, give the shape in the config, or let --data find it.

`activations` are the bytes that a step keeps of each layer for the backward pass. The last line also counts the images, the \
latents and the largest gradient. The memory is an estimate; `vae train` refuses a training that does not fit.

--time takes training steps on random images, as many as fit into about a second, three times. The time leaves out reading from disk, testing and \
saving. Black pixels are skipped, so images such as MNIST's can be faster.

Examples:
  vae summary mnist-conv
  vae summary mnist --set model.mlp.hidden=[800,400] --time
  vae summary --data photos
  vae summary digits-1 --json";

/// Show the layers of a network: shapes, parameters, multiply-adds, memory, and the time of a step
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct Summary {
    /// The network: a preset, a TOML file (`-` reads stdin), a run's name or folder, or a model file [default: the newest
    /// run in `runs`]
    #[arg(value_name = "CONFIG|RUN", add = networks())]
    network: Option<String>,

    /// Replace one value of the config, as in `model.mlp.latent=8` (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,

    /// Look at the images in this folder, archive or array file; without a CONFIG, show the network that is chosen for them
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,

    #[command(flatten)]
    images: ImagesArgs,

    /// Measure the time of a training step
    #[arg(long)]
    time: bool,

    /// Measure on this device: auto (a GPU if there is one, else the CPU), cpu, ndarray, wgpu[:N] or cuda[:N] [default: auto]
    #[arg(long, requires = "time", add = devices())]
    device: Option<String>,

    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Summary {
    pub fn run(self) -> Result<()> {
        let named = self.network.as_deref();
        let shown = find(named, &self.overrides, self.data.as_deref(), &self.images)?;
        let (config, network, images) = (&shown.config, &shown.network, shown.images);
        let need = MemoryNeed::new(config, network, images.unwrap_or(usize::MAX));
        let mut report = architecture(&shown.name, config, network, &need);
        if self.time {
            let selected = device::select(self.device.as_deref().unwrap_or("auto"))?;
            if on_host(&selected.device) {
                check_memory(&need, need.batch(), None)?;
            }
            let time = timing::measure(config, network, need.batch(), &selected)?;
            time.add_to(&mut report, images)?;
        }
        show(&report, self.json)?;
        if !self.json {
            next(shown.command);
        }
        Ok(())
    }
}
