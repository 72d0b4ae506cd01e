//! `vae interpolate`: leads from one image to another through the latent space.

mod end;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use image::RgbImage;
use serde::Deserialize;

use self::end::{End, Named, end, named};
use super::config_name::{name, optional_name};
use super::data_arg::DataArg;
use super::draw::{Draw, Format, Place, run};
use super::figure_context::FigureContext;
use super::images::{check_steps, rasters_of};
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use crate::check::count;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::figure::grid::square_columns;
use crate::figure::sheet::Sheet;
use crate::figure::{Figure, Raster};
use crate::model::{self, interpolate};
use crate::{files, ui};

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
A class stands for its most typical test images: those whose latents are nearest to the mean of their class. \
The spherical path keeps the length of the latents, as is typical of the prior; the linear path goes through \
shorter ones. In a conditional model only the latent changes: the class stays that of --from. \
A denoising autoencoder reads clean images here; only train, eval, doctor and reconstruct corrupt them.

Examples:
  vae interpolate --from 3 --to 8
  vae interpolate --from '#12' --to five.png --out morph.gif";

/// Show the way from one image to another through latent space
#[derive(Args, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(after_long_help = LONG_HELP)]
pub struct Interpolate {
    #[command(flatten)]
    #[serde(skip)]
    model: ModelArg,

    /// Start at a class (`3`), a test image (`'#12'`) or an image file, which is scaled to fit, with black borders
    #[arg(long, value_name = "IMAGE")]
    #[serde(deserialize_with = "name")]
    from: String,

    /// End at a class (`8`), a test image (`'#12'`) or an image file
    #[arg(long, value_name = "IMAGE")]
    #[serde(deserialize_with = "name")]
    to: String,

    /// Show this many images per row, both ends included
    #[arg(long, default_value_t = Self::default().steps)]
    steps: usize,

    /// Show this many pairs of images, if a class is named [default: 8]
    #[arg(long)]
    rows: Option<usize>,

    /// Choose the path between two latents
    #[arg(long, value_enum, default_value_t = Method::Spherical)]
    method: Method,

    /// Decode every image as this class (name or number), which image files are taken to have, too. Conditional models
    /// only [default: the class of --from]
    #[arg(long, value_name = "CLASS")]
    #[serde(deserialize_with = "optional_name")]
    label: Option<String>,

    #[command(flatten)]
    #[serde(skip)]
    data: DataArg,

    /// Write a sheet (.png) or an animation (.gif) here [default: interpolation.png in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Method {
    Spherical,
    Linear,
}

impl Default for Interpolate {
    fn default() -> Self {
        Self {
            model: ModelArg::default(),
            from: String::new(),
            to: String::new(),
            steps: 11,
            rows: None,
            method: Method::Spherical,
            label: None,
            data: DataArg::default(),
            out: None,
        }
    }
}

impl Draw for Interpolate {
    fn run(&self) -> Result<()> {
        run(&self.model, self)
    }

    fn place(&self) -> Place<'_> {
        Place::File(self.out.as_deref())
    }

    fn check(&self) -> Result<()> {
        for (flag, end) in [("--from", &self.from), ("--to", &self.to)] {
            if end.is_empty() {
                return Err(Error::request(format!("{flag} is missing"))
                    .with_hint("name a class, a test image (`#12`) or an image file"));
            }
        }
        count("--rows", self.rows(), 100)?;
        check_steps(self.steps, self.format()?)?;
        for (flag, end) in [("--from", &self.from), ("--to", &self.to)] {
            if self
                .out
                .as_deref()
                .is_some_and(|out| files::same(out, Path::new(end)))
            {
                return Err(Error::request(format!(
                    "--out and {flag} are one file, {end}; it would be overwritten"
                )));
            }
        }
        Ok(())
    }

    fn suits(&self, context: &FigureContext) -> Result<()> {
        let from = named("--from", &self.from, context.classes)?;
        let to = named("--to", &self.to, context.classes)?;
        let names_class = [&from, &to]
            .iter()
            .any(|end| matches!(end, Named::Class(_)));
        if let Some(rows) = self.rows
            && !names_class
        {
            return Err(Error::request(format!(
                "--rows {rows}: both ends are single images, so there is one row"
            ))
            .with_hint("leave `--rows` out, or name a class"));
        }
        if self.label.is_some() || matches!(from, Named::File(_)) {
            context.class(self.label.as_deref())?;
        }
        let rows = if names_class { self.rows() } else { 1 };
        context.fits("--steps", rows * (self.steps + 2))
    }

    fn draw(&self, model: &LoadedModel) -> Result<Figure> {
        let name = |flag: &str, text: &str| named(flag, text, &model.card.classes);
        let (from, to) = (name("--from", &self.from)?, name("--to", &self.to)?);
        let mut dataset = None;
        if [&from, &to]
            .iter()
            .any(|end| !matches!(end, Named::File(_)))
        {
            dataset = Some(&model.data(&self.data)?.0);
        } else if let Some(given) = self.data.given() {
            return Err(Error::request(format!(
                "{given}: both ends are image files, so no data set is read"
            ))
            .with_hint("leave the flag out"));
        }
        let class = self.class(model, dataset, [&from, &to])?;
        let from = end(model, dataset, "--from", &from, self.rows(), class)?;
        let to = end(model, dataset, "--to", &to, self.rows(), class)?;
        // A single image at one end is paired with each image at the other.
        let rows = match (from.latents.len(), to.latents.len()) {
            (1, other) | (other, 1) => other,
            (a, b) => a.min(b),
        };
        let (from, to) = (from.repeated(rows), to.repeated(rows));
        let method = match self.method {
            Method::Spherical => model::Interpolation::Spherical,
            Method::Linear => model::Interpolation::Linear,
        };
        let ways = interpolate(
            &model.vae,
            &from.latents,
            &to.latents,
            self.steps,
            method,
            class,
        );
        match self.format()? {
            Format::Gif => Figure::gif("interpolation.gif", &frames(model, &ways)?, 120),
            _ => Figure::png("interpolation.png", &sheet(model, &from, &ways, &to)?),
        }
    }
}

impl Interpolate {
    fn rows(&self) -> usize {
        self.rows.unwrap_or(8)
    }

    fn format(&self) -> Result<Format> {
        Format::of(self.out.as_deref(), &[Format::Png, Format::Gif])
    }

    /// Returns the class to decode as, or `None` for a model that is not conditional. Only the latent changes along the
    /// path: from a 3 to an 8, decoded as a 3, leads to a 3 in the handwriting of the 8.
    fn class(
        &self,
        model: &LoadedModel,
        dataset: Option<&Dataset>,
        ends: [&Named; 2],
    ) -> Result<Option<u32>> {
        let [from, to] = ends.map(|end| {
            if model.vae.class_count().is_some() {
                end.class(dataset)
            } else {
                None
            }
        });
        let (Some(from), None) = (from, &self.label) else {
            return model.class(self.label.as_deref());
        };
        if to.is_some_and(|to| to != from) {
            ui::note(format_args!(
                "note: every image is decoded as `{}`, the class of --from; `--label` names another",
                model.card.classes[from as usize]
            ));
        }
        Ok(Some(from))
    }
}

/// Returns a sheet with a row for each pair: the first image, its reconstruction, the path, the reconstruction of the
/// second image, and the second image.
fn sheet(model: &LoadedModel, from: &End, ways: &[Vec<Vec<f32>>], to: &End) -> Result<RgbImage> {
    let mut cells: Vec<Raster> = Vec::new();
    for ((first, way), last) in from.images.iter().zip(ways).zip(&to.images) {
        let line = std::iter::once(first)
            .chain(way)
            .chain([last])
            .cloned()
            .collect::<Vec<_>>();
        cells.extend(rasters_of(model, &line)?);
    }
    let steps = ways[0].len();
    let at = |step: usize| format!("{:.2}", step as f64 / (steps - 1) as f64);
    let labels: Vec<String> = std::iter::once("image".to_owned())
        .chain((0..steps).map(at))
        .chain(["image".to_owned()])
        .collect();
    let sheet = Sheet {
        images: &cells,
        columns: steps + 2,
        row_labels: None,
        column_labels: Some(&labels),
    };
    Ok(sheet.draw())
}

/// Returns frames that show all pairs together, step by step from the first end to the second and back.
fn frames(model: &LoadedModel, ways: &[Vec<Vec<f32>>]) -> Result<Vec<RgbImage>> {
    let steps = ways[0].len();
    let frame = |step: usize| {
        let line: Vec<Vec<f32>> = ways.iter().map(|way| way[step].clone()).collect();
        let cells = rasters_of(model, &line)?;
        let sheet = Sheet {
            images: &cells,
            columns: square_columns(cells.len()),
            row_labels: None,
            column_labels: None,
        };
        Ok(sheet.draw())
    };
    (0..steps).chain((1..steps - 1).rev()).map(frame).collect()
}
