//! `vae doctor`: diagnoses whether the model uses its latents, in numbers, in a chart and in words. The end of training
//! prints the same in one line.

use std::path::{Path, PathBuf};

use clap::Args;

use super::data_arg::DataArg;
use super::diagnosing::{diagnose, enough, metrics, with_bars};
use super::draw::{CHARTS, Format, Place, check_writable, save};
use super::loaded_model::{BROKEN_LATENTS, LoadedModel};
use super::model_arg::ModelArg;
use super::next::after_latents;
use super::output::{show, warn_if_unwritable};
use crate::check::count;
use crate::data::Choice;
use crate::error::{Error, ErrorKind, Result};
use crate::eval::{Diagnostics, findings, judged, saturated_units};
use crate::figure::Figure;
use crate::figure::chart::Chart;
use crate::report::diagnosis::{course, summary};
use crate::run::Record;
use crate::ui;

/// The number of test images that are diagnosed when training ends. It is small enough to take almost no time.
const AT_THE_END: usize = 1000;

/// The most images. The time grows with the square of their number.
const MOST: usize = 10_000;

/// The beginning of the message when the chart cannot be written.
const NOT_KEPT: &str = "the chart is not kept";

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
Looks at N test images, drawn at random (the same ones every time), and compares their latents with N(0, I):

  KL, variances        of each latent; it is active if the variance of its posterior mean is above 0.01
  mutual information   what z tells about which image it came from; N images cannot show more than log N
  total correlation    how far the latents depend on each other
  latents to prior     how far each latent alone is from the prior; the KL is the sum of these three
  with another's       what the reconstruction loses with another image's latent; near 0 the decoder
    latent             ignores z
  saturated units      units that are 0 for every image, or at an end of tanh
  gradient norms       of each layer, over training

The verdict is the worst finding, or healthy. Findings about the latents: collapsed, ignores z, under-regularised, partly \
collapsed, noiseless. Findings about the training: constant data, diverged, not trained, dead layer, overfitted, too early \
to tell (few steps, a loss that still falls, or weights of the loss that still change). Where a flag of `vae train` can \
help, it is named. The chart shows KL and variances, the latents that carry most first.";

/// Diagnose the latents: numbers, a verdict, and what to try if they are not healthy
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct Doctor {
    #[command(flatten)]
    model: ModelArg,

    /// Look at N test images, drawn at random: the same ones every time
    #[arg(long, default_value_t = 2000)]
    n: usize,

    /// Look at the first N test images, which say little about the others if the data is sorted
    #[arg(long, value_name = "N", conflicts_with = "n")]
    first: Option<usize>,

    /// Seed of the noise and of the pairs of images [default: the run's]
    #[arg(long)]
    seed: Option<u64>,

    #[command(flatten)]
    data: DataArg,

    /// Write the chart here, a .png or .svg [default: health.png and health.svg in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub fn run(self) -> Result<()> {
        count("--n", self.n, MOST)?;
        self.first
            .map_or(Ok(()), |first| count("--first", first, MOST))?;
        Format::of(self.out.as_deref(), CHARTS)?;
        let model = self.model.open()?;
        if !model.config.prior.is_normal() {
            return Err(Error::request(format!(
                "{}: its prior is {}, and latents are judged here by N(0, I)",
                model.path.display(),
                model.config.prior.tag()
            ))
            .with_hint("`vae eval`, `vae embed` and `vae disentangle` look at any model"));
        }
        let place = Place::File(self.out.as_deref());
        match self.out {
            Some(_) => check_writable(place, &model.folder, Path::new(""))?,
            None => warn_if_unwritable(&model.folder.join("health.png")),
        }
        // A damaged file is found before the work.
        let records = metrics(&model)?;
        let (dataset, _) = model.data(&self.data)?;
        let images = &enough(&dataset.test, Choice::of(Some(self.n), self.first))?;
        let mut diagnosis = diagnose(&model, images, records, self.seed)?;
        let image = draw(
            self.out.as_deref(),
            &model,
            &diagnosis.health,
            &dataset.name,
        );
        diagnosis.chart = image.as_ref().ok().map(|path| path.display().to_string());
        // The numbers are shown even if the chart cannot be written.
        show(&diagnosis.report(), self.json)?;
        let image = image.map_err(|error| match (error.kind(), error.hint()) {
            (ErrorKind::File, Some(hint)) => {
                let hint = format!("the numbers above are complete; {hint}, with `--out FILE`");
                error.failing(NOT_KEPT).with_hint(hint)
            }
            _ => error.failing(NOT_KEPT),
        })?;
        ui::note(format_args!("look at {}", image.display()));
        if !self.json {
            after_latents(&model);
        }
        Ok(())
    }
}

/// Returns one or two lines on the health of the latents, to print when training ends, or `None` if there are too few test
/// images or the prior is not N(0, I).
///
/// # Errors
/// Returns an error if an image cannot be read, or if a latent is not finite.
pub fn at_the_end(model: &LoadedModel, history: &[Record]) -> Result<Option<String>> {
    if !model.config.prior.is_normal() {
        return Ok(None);
    }
    let (dataset, _) = model.data(&DataArg::default())?;
    let Ok(images) = enough(&dataset.test, Choice::AtRandom(AT_THE_END)) else {
        return Ok(None);
    };
    let bar = ui::image_bar("looking at", 2 * images.len());
    let protocol = model.protocol(1, None);
    let examined = Diagnostics::of(&model.vae, &images, protocol, &mut |seen| {
        bar.set_position(seen as u64)
    });
    bar.finish_and_clear();
    let (health, aggregate) = examined?;
    if !health.is_finite() {
        return Err(model.broken(BROKEN_LATENTS));
    }
    let course = course(&model.config, history, dataset.train.len());
    // The units explain latents that say nothing, and cost another pass over the images.
    let units = match findings(&health).is_empty() {
        true => Vec::new(),
        false => saturated_units(&model.vae, &images, &aggregate, protocol)?,
    };
    let findings = judged(&health, &course, &units);
    Ok(Some(summary(
        &health,
        &findings,
        &course,
        &model.config,
        &model.folder,
    )))
}

/// Writes the chart of the latents to `path`, or in both formats to the run's folder. Returns the path of the image.
fn draw(
    path: Option<&Path>,
    model: &LoadedModel,
    health: &Diagnostics,
    data: &str,
) -> Result<PathBuf> {
    let format = Format::of(path, CHARTS)?;
    let figure = with_bars(health, data, |chart| match format {
        Format::Svg => Ok(Figure::svg("health.svg", chart.svg()?)),
        _ => chart.figure("health"),
    })?;
    let paths = save(&figure, Place::File(path), &model.folder, Path::new(""))?;
    Ok(paths.into_iter().next().unwrap_or_default())
}
