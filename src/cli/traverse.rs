//! `vae traverse`: shows the effect of each latent while the others stay fixed.

use std::path::PathBuf;

use clap::Args;
use image::RgbImage;
use serde::Deserialize;

use super::config_name::optional_name;
use super::draw::{Draw, Format, Place, run};
use super::figure_context::FigureContext;
use super::images::{check_steps, labels, rasters_of};
use super::loaded_model::{BROKEN_LATENTS, LoadedModel};
use super::model_arg::ModelArg;
use super::test_data::TestData;
use crate::check::{above_zero, count};
use crate::data::{Choice, Part, Split};
use crate::error::{Error, Result};
use crate::eval::{deviation_by_latent, kl_by_latent, largest_first};
use crate::figure::sheet::Sheet;
use crate::figure::{Figure, Raster, titled};
use crate::model::{decode, grid, rows};
use crate::ui;

/// The most test images for the mean KL of a latent.
const MEASURED: usize = 1000;

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
Beside each row stands the latent's KL, the mean over 1000 test images, drawn at random. A latent with a KL near 0 \
carries nothing, and its row does not change. Latents of an autoencoder, or with a trained prior, have no \
KL of their own: their standard deviation is shown instead; use it to choose --range. \
A denoising autoencoder reads clean images here; only train, eval, doctor and reconstruct corrupt them.

Examples:
  vae traverse --image 12 --range 3 --steps 11
  vae traverse --out traverse.gif";

/// Vary one latent per row with the others fixed; the latents that carry most come first
#[derive(Args, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(after_long_help = LONG_HELP)]
pub struct Traverse {
    #[command(flatten)]
    #[serde(skip)]
    model: ModelArg,

    /// Fix the other latents at those of this test image [default: at 0]
    #[arg(long, value_name = "INDEX")]
    image: Option<u32>,

    /// Decode as this class (name or number). Conditional models only [default: the class of `--image`]
    #[arg(long, value_name = "CLASS")]
    #[serde(deserialize_with = "optional_name")]
    label: Option<String>,

    /// Vary each latent from -RANGE to +RANGE, in standard deviations of the prior
    #[arg(long, default_value_t = Self::default().range, allow_negative_numbers = true)]
    range: f32,

    /// Show this many images per row
    #[arg(long, default_value_t = Self::default().steps)]
    steps: usize,

    /// Show at most this many latents, those with the largest KL
    #[arg(long, default_value_t = Self::default().rows)]
    rows: usize,

    #[command(flatten)]
    #[serde(skip)]
    data: TestData,

    /// Write a sheet (.png) or an animation (.gif) here [default: traverse.png in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The images of a traversal, before they are laid out.
struct Traversal {
    /// The label of each row.
    labels: Vec<String>,
    /// The name of the number in the row labels.
    size: &'static str,
    /// The values that each latent takes.
    values: Vec<f32>,
    /// The decoded images, `[rows][steps]`.
    images: Vec<Vec<Raster>>,
    /// The values of the other latents, in words.
    others: String,
}

impl Default for Traverse {
    fn default() -> Self {
        Self {
            model: ModelArg::default(),
            image: None,
            label: None,
            range: 3.0,
            steps: 11,
            rows: 32,
            data: TestData::default(),
            out: None,
        }
    }
}

impl Draw for Traverse {
    fn run(&self) -> Result<()> {
        run(&self.model, self)
    }

    fn place(&self) -> Place<'_> {
        Place::File(self.out.as_deref())
    }

    fn shows_new_images(&self) -> bool {
        self.data.are_new()
    }

    fn check(&self) -> Result<()> {
        above_zero("--range", f64::from(self.range))?;
        check_steps(self.steps, self.format()?)?;
        count("--rows", self.rows, 1000)
    }

    fn suits(&self, context: &FigureContext) -> Result<()> {
        if self.label.is_some() || self.image.is_none() {
            context.class(self.label.as_deref())?;
        }
        context.fits("--steps", self.steps * self.rows.min(context.latent_count))
    }

    fn draw(&self, model: &LoadedModel) -> Result<Figure> {
        let latent_count = model.vae.network().latent;
        let (dataset, _) = self.data.load(model)?;
        let base = self.base(model, &dataset.test)?;
        let class = self.class(model, &dataset.test)?;
        let measured = Part::new(&dataset.test, Choice::AtRandom(MEASURED));
        let protocol = model.protocol(1, None);
        // An autoencoder's latents have no KL, so their spread shows how much each one carries.
        let drawn = model.config.is_variational();
        let has_kl = drawn && model.config.prior.is_normal();
        let (size, carried) = if has_kl {
            ("KL", kl_by_latent(&model.vae, &measured, protocol)?)
        } else {
            ui::note(format_args!(
                "note: {} are not near N(0, I): beside each stands its latents' standard deviation; choose `--range` by it",
                if drawn {
                    "latents with a trained prior"
                } else {
                    "an autoencoder's latents"
                }
            ));
            (
                "deviation",
                deviation_by_latent(&model.vae, &measured, protocol)?,
            )
        };
        if !carried.iter().all(|size| size.is_finite()) {
            return Err(model.broken(BROKEN_LATENTS));
        }
        let order = largest_first(&carried);
        if latent_count > self.rows {
            ui::note(format_args!(
                "note: {} of {latent_count} latents, those with the largest {size}; `--rows N` shows more",
                self.rows
            ));
        }
        let shown = &order[..self.rows.min(latent_count)];
        let last = (self.steps - 1) as f32;
        let values: Vec<f32> = (0..self.steps)
            .map(|step| self.range * (2.0 * step as f32 / last - 1.0))
            .collect();
        let row = |&latent: &usize| {
            let latents = grid(&base, &[latent], &values);
            rasters_of(model, &decode(&model.vae, &latents, class))
        };
        let traversal = Traversal {
            labels: shown
                .iter()
                .map(|&latent| {
                    format!(
                        "z{latent}  {:.2}{}",
                        carried[latent],
                        if has_kl { " nats" } else { "" }
                    )
                })
                .collect(),
            size,
            images: shown.iter().map(row).collect::<Result<_>>()?,
            values,
            others: match self.image {
                Some(index) => format!("others as test image {index} has them"),
                None => "others 0".into(),
            },
        };
        match self.format()? {
            Format::Gif => Figure::gif("traverse.gif", &traversal.frames(), 120),
            _ => Figure::png("traverse.png", &traversal.sheet()),
        }
    }
}

impl Traverse {
    fn format(&self) -> Result<Format> {
        Format::of(self.out.as_deref(), &[Format::Png, Format::Gif])
    }

    /// Returns the class to decode as, or `None` for a model that is not conditional.
    fn class(&self, model: &LoadedModel, test: &Split) -> Result<Option<u32>> {
        let own = |index: u32| test.labels.as_ref()?.get(index as usize).copied();
        match (&self.label, self.image.and_then(own)) {
            (None, Some(class)) if model.vae.class_count().is_some() => Ok(Some(class)),
            (label, _) => model.class(label.as_deref()),
        }
    }

    /// Returns the latent that every row starts from.
    fn base(&self, model: &LoadedModel, test: &Split) -> Result<Vec<f32>> {
        let Some(index) = self.image else {
            return Ok(vec![0.0; model.vae.network().latent]);
        };
        if index as usize >= test.len() {
            let last = test.len() - 1;
            return Err(Error::request(format!(
                "--image {index}: the test images are numbered 0 to {last}"
            )));
        }
        let batch = model.read(test, &[index])?;
        let latents = rows(model.vae.encode(batch.x, batch.labels).mean);
        model.check_finite(&latents)?;
        Ok(latents.concat())
    }
}

impl Traversal {
    fn sheet(&self) -> RgbImage {
        let sheet = Sheet {
            images: &self.images.concat(),
            columns: self.values.len(),
            row_labels: Some(&self.labels),
            column_labels: Some(&labels(&self.values)),
        };
        titled(
            &sheet.draw(),
            &format!("one latent a row with its {}, {}", self.size, self.others),
        )
    }

    /// Returns frames that show all rows together, step by step from the lowest value to the highest and back.
    fn frames(&self) -> Vec<RgbImage> {
        let values = labels(&self.values);
        // Use the width of the widest title: a page grows with its text, and all frames need one size.
        let width = values
            .iter()
            .map(|value| value.chars().count())
            .max()
            .unwrap_or(0);
        let frame = |step: usize| {
            let cells: Vec<Raster> = self.images.iter().map(|row| row[step].clone()).collect();
            let sheet = Sheet {
                images: &cells,
                columns: 1,
                row_labels: Some(&self.labels),
                column_labels: None,
            };
            titled(
                &sheet.draw(),
                &format!("at {:>width$}, {}", values[step], self.others),
            )
        };
        let steps = self.values.len();
        (0..steps).chain((1..steps - 1).rev()).map(frame).collect()
    }
}
