//! `vae sample`: draws images from the prior, or from the box that the training latents span.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use super::config_name::optional_name;
use super::data_arg::DataArg;
use super::draw::{Draw, Format, Place, run};
use super::figure_context::{FigureContext, MOST_IMAGES};
use super::images::{BROKEN, Classes, LatentSource, encoded, sample_sheet};
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use crate::check::{at_least_zero, count};
use crate::error::{Error, Result};
use crate::eval::bounds;
use crate::figure::Figure;
use crate::objective::NO_PRIOR;
use crate::ui;

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
Each image is the decoder's mean for a latent drawn from the prior. The same seed gives the same latents, \
so that sheets of two models, or of two epochs, can be compared place by place.

--temperature 0.7 gives more typical and less varied images. --box is for autoencoders, which have no \
prior: its images show why an autoencoder does not generate well.

Examples:
  vae sample --n 100 --temperature 0.7
  vae sample --label all            of a conditional model: one row per class";

/// Draw images from the prior, as a sheet
#[derive(Args, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(after_long_help = LONG_HELP)]
pub struct Sample {
    #[command(flatten)]
    #[serde(skip)]
    model: ModelArg,

    /// Draw N images; with `--label all`, N per class [default: 64, or 10 per class]
    #[arg(long)]
    n: Option<usize>,

    /// Generate this class (name or number), or `all` for one row per class from the same latents. Conditional models
    /// only [default: a random class for each image]
    #[arg(long, value_name = "CLASS")]
    #[serde(deserialize_with = "optional_name")]
    label: Option<String>,

    /// Seed of the latents [default: the run's]
    #[arg(long)]
    seed: Option<u64>,

    /// Multiply the latents' noise by T: below 1 for more typical images, above 1 for stranger ones
    #[arg(
        long,
        value_name = "T",
        default_value_t = Self::default().temperature,
        allow_negative_numbers = true,
        conflicts_with = "in_box"
    )]
    temperature: f32,
    /// Draw latents uniformly from the box that the training images' latents span, instead of from the prior. The data
    /// set is read for this only
    #[arg(long = "box")]
    #[serde(rename = "box")]
    in_box: bool,

    #[command(flatten)]
    #[serde(skip)]
    data: DataArg,

    /// Write the sheet here, a .png [default: samples.png in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            model: ModelArg::default(),
            n: None,
            label: None,
            seed: None,
            temperature: 1.0,
            in_box: false,
            data: DataArg::default(),
            out: None,
        }
    }
}

impl Draw for Sample {
    fn run(&self) -> Result<()> {
        run(&self.model, self)
    }

    fn place(&self) -> Place<'_> {
        Place::File(self.out.as_deref())
    }

    fn check(&self) -> Result<()> {
        self.n.map_or(Ok(()), |n| count("--n", n, MOST_IMAGES))?;
        at_least_zero("--temperature", f64::from(self.temperature))?;
        if let Some(given) = self.data.given()
            && !self.in_box
        {
            return Err(Error::request(format!(
                "{given}: no data set is read without --box, so the flag would have no effect"
            ))
            .with_hint("leave the flag out, or pass `--box`"));
        }
        if self.in_box && self.temperature != Self::default().temperature {
            return Err(Error::request(
                "--temperature has no effect with --box, which draws latents uniformly",
            )
            .with_hint("leave one of the two out"));
        }
        Format::of(self.out.as_deref(), &[Format::Png]).map(drop)
    }

    fn suits(&self, context: &FigureContext) -> Result<()> {
        let classes = self.classes(context)?;
        context.fits("--n", self.count(classes).saturating_mul(classes.rows()))
    }

    fn draw(&self, model: &LoadedModel) -> Result<Figure> {
        let classes = self.classes(&model.context())?;
        if !(self.in_box || model.config.objective.kind().latent_mode().is_sampled()) {
            ui::note(format_args!(
                "note: {NO_PRIOR}; `--box` draws latents from the range of the training images'"
            ));
        }
        let bounds = if self.in_box {
            Some(spanned(model, &self.data)?)
        } else {
            None
        };
        let from = bounds.as_deref().map_or(
            LatentSource::Prior {
                temperature: self.temperature,
            },
            LatentSource::Box,
        );
        let seed = self.seed.unwrap_or(model.config.seed);
        let sheet = sample_sheet(&model.vae, from, seed, self.count(classes), classes)
            .map_err(|_| model.broken(BROKEN))?;
        Figure::png("samples.png", &sheet)
    }
}

impl Sample {
    fn classes<'a>(&self, context: &FigureContext<'a>) -> Result<Classes<'a>> {
        Ok(match self.label.as_deref() {
            Some("all") if context.conditional => Classes::Each(context.classes),
            None if context.conditional => Classes::Drawn(context.classes),
            label => Classes::One(context.class(label)?),
        })
    }

    fn count(&self, classes: Classes) -> usize {
        self.n.unwrap_or(classes.usual_count())
    }
}

/// Returns the box that the latents of the training images span.
fn spanned(model: &LoadedModel, data: &DataArg) -> Result<Vec<[f32; 2]>> {
    let (dataset, _) = model.data(data)?;
    let indices = dataset.train.first_ids(dataset.train.len());
    Ok(bounds(&encoded(model, &dataset.train, &indices)?))
}
