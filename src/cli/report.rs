//! `vae report`: writes a page about a run, which holds its numbers, charts and images, and the model itself.

mod exploring;
mod kept;
mod measured;
mod opening;
mod sections;
mod sheet;
mod starting_images;

use std::path::{Path, PathBuf};

use clap::Args;

use self::exploring::{Exploring, networks};
use self::measured::{headline, measured};
use self::opening::show_in_browser;
use self::starting_images::count_of_images;
use super::data_arg::DataArg;
use super::diagnosing::metrics;
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use super::next::after_figure;
use crate::check::at_least_one;
use crate::data::Dataset;
use crate::error::{Error, Result, shell_word};
use crate::report::architecture::network_words;
use crate::report::evaluation::Evaluation;
use crate::report::page::{BEGINNING, PageNetworks, ReportPage};
use crate::report::{byte_size, short_count};
use crate::run::{RunFolder, record_of_model};
use crate::{files, ui};

/// The explanation of the page, for `--help`.
const LONG_HELP: &str = "\
The page is one HTML file. It opens by a double click, works offline, and can be mailed or put on any \
server. It shows the ELBO with its error and protocol, samples, reconstructions, the verdict of `vae doctor`, the curves of \
the training, and the figures of `vae anomalies` if there are some.

Its explorer holds the model itself: sliders for the latents, in order of their KL, decode in the browser. It starts from \
a test image, at random, between two images, or from an image of your own that you drop on the page; the page \
has the encoder too if both networks together have at most 8 MB of weights in float32, or 20 MB in float16. Images and latents can be saved; `vae decode` reads the latents.

Weights are float32 up to 8 MB, else float16, up to 20 MB; the page says by how much that changes a pixel. `--f16` also \
takes decoders of up to 100 MB. If the data of the training is missing, the page leaves out what needs it.

Examples:
  vae report mnist-1 --open
  vae report mnist-1 --no-explorer --out numbers.html";

/// Write one HTML page about a run, which decodes latents in the browser, offline
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct ReportCommand {
    #[command(flatten)]
    model: ModelArg,

    /// Open the page in the browser
    #[arg(long)]
    open: bool,

    /// Round the weights to float16, and allow decoders of up to 100 MB
    #[arg(long, conflicts_with = "no_explorer")]
    f16: bool,

    /// Leave the explorer out, and with it the model
    #[arg(long)]
    no_explorer: bool,

    /// Put N test images into the explorer, drawn at random: the same ones every time [default: 400, fewer if they are
    /// large]
    #[arg(long, value_name = "N", conflicts_with = "no_explorer")]
    images: Option<usize>,

    #[command(flatten)]
    data: DataArg,

    /// Write the page here, a .html [default: report.html in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl ReportCommand {
    pub fn run(self) -> Result<()> {
        self.check()?;
        let (model, path) = self.model.open_after(|folder| self.page_path(folder))?;
        let image_count = count_of_images(self.images, model.card.image_shape)?;
        // A model that is too large is found before the work.
        let networks = (!self.no_explorer).then(|| networks(&model, self.f16));
        let networks = networks.transpose()?;
        let dataset = self.dataset(&model)?;
        let has_data = dataset.is_some();
        let page = self.page(&model, dataset, networks, image_count)?;
        let bytes = page.render()?.into_bytes();
        match &self.out {
            Some(path) => files::write(path, &bytes)?,
            None => files::write_inside(&path, &bytes)?,
        }
        ui::data(path.display())?;
        ui::note(words(&page, bytes.len()));
        if self.open {
            show_in_browser(&path)?;
        }
        // Without its data a model cannot be measured either.
        if has_data {
            after_figure(&model);
        }
        Ok(())
    }

    /// Checks the arguments as far as that is possible without a model.
    fn check(&self) -> Result<()> {
        self.images
            .map_or(Ok(()), |n| at_least_one("--images", n))?;
        let ending = self.out.as_deref().map(|path| {
            let ending = path.extension().unwrap_or_default();
            (path, ending.to_ascii_lowercase())
        });
        match ending {
            Some((path, ending)) if ending != "html" && ending != "htm" => {
                Err(Error::file(path, "expected a name that ends in `.html`"))
            }
            _ => Ok(()),
        }
    }

    /// Returns the path of the page, where no other file may be.
    fn page_path(&self, folder: &Path) -> Result<PathBuf> {
        let default = RunFolder {
            path: folder.to_path_buf(),
        };
        let path = self.out.clone().unwrap_or_else(|| default.page());
        files::check_writable(&path)?;
        if files::is_there(&path)? && !files::read(&path)?.starts_with(BEGINNING.as_bytes()) {
            return Err(
                Error::file(&path, "there is a file that `vae report` did not write")
                    .with_hint("choose another name by `--out FILE`, or remove the file"),
            );
        }
        Ok(path)
    }

    /// Returns the data of the training, or `None` with a note if it is missing: most of the page needs none.
    fn dataset<'a>(&self, model: &'a LoadedModel) -> Result<Option<&'a Dataset>> {
        match model.data(&self.data) {
            Ok((dataset, _)) => Ok(Some(dataset)),
            // A person who names data, or asks for images, wants them in the page.
            Err(error) if self.data.given().is_some() || self.images.is_some() => Err(error),
            Err(error) => {
                ui::note(format_args!(
                    "note: the page has no test images, and nothing that is measured on them: {}",
                    error.render()
                ));
                Ok(None)
            }
        }
    }

    fn page(
        &self,
        model: &LoadedModel,
        dataset: Option<&Dataset>,
        networks: Option<PageNetworks>,
        image_count: usize,
    ) -> Result<ReportPage> {
        let records = metrics(model)?;
        let evaluation = dataset
            .map(|dataset| measured(model, dataset))
            .transpose()?;
        let last = record_of_model(&records, "test", model.is_best());
        let explorer = networks.map(|networks| {
            let exploring = Exploring {
                model,
                dataset,
                networks,
                image_count,
            };
            exploring.explorer(model.name())
        });
        Ok(ReportPage {
            name: model.name(),
            about: about(model, dataset),
            headline: headline(evaluation.as_ref(), last),
            protocol: protocol(evaluation.as_ref()),
            explorer: explorer.transpose()?,
            sections: sections::all(model, dataset, evaluation.as_ref(), records)?,
            footer: footer(model),
        })
    }
}

/// Returns the model and its data in one line.
fn about(model: &LoadedModel, dataset: Option<&Dataset>) -> String {
    let config = &model.config;
    let parameters = config.parameter_count(model.vae.network());
    let [channels, height, width] = model.card.image_shape;
    let colour = if channels == 1 { "grey" } else { "colour" };
    format!(
        "{}: {width}x{height} {colour} images; {}, {} parameters",
        dataset.map_or(config.data.tag(), |dataset| dataset.name.as_str()),
        network_words(config, model.vae.network()),
        short_count(parameters as u64)
    )
}

fn protocol(evaluation: Option<&Evaluation>) -> Vec<String> {
    match evaluation {
        Some(evaluation) => evaluation.conditions(),
        None => vec![
            "The data of the training was not at hand when this page was written. The numbers are those at the end of the training, and what needs images is left out. To add it, name the data: `vae report RUN --data PATH`.".to_owned(),
        ],
    }
}

fn footer(model: &LoadedModel) -> Vec<String> {
    let run = match model.run_folder() {
        Some(folder) => shell_word(&folder.path).to_string(),
        None => shell_word(&model.path).to_string(),
    };
    vec![
        format!(
            "Written by vae {}: vae report {run}",
            env!("CARGO_PKG_VERSION")
        ),
        format!(
            "Hash of the model: {}; of the data: {}",
            model.hash, model.card.data_hash
        ),
    ]
}

/// Returns what was written, for people.
fn words(page: &ReportPage, bytes: usize) -> String {
    let model = page.explorer.as_ref().map(|explorer| {
        let networks = &explorer.networks;
        let parts = if networks.has_encoder() {
            "encoder and decoder"
        } else {
            "the decoder"
        };
        format!(", with {parts} in {}", networks.precision.name())
    });
    format!(
        "{}{}; open it in a browser, also offline",
        byte_size(bytes as u64),
        model.unwrap_or_default()
    )
}
