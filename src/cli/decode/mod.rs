//! `vae decode`: the images of latents that are read from a file.

mod npy;
mod table;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use self::table::LatentTable;
use super::draw::{Place, check_writable, print, save};
use super::figure_context::FigureContext;
use super::image_output::{DecodedImages, ImagePlace, check_folder, write_array, write_folder};
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use crate::cli::next::after_figure;
use crate::data::npy::MAGIC;
use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::figure::grid::square_columns;
use crate::figure::sheet::Sheet;
use crate::files;

/// The explanation of the input and the output, for `--help`.
const LONG_HELP: &str = "\
Latents are read from a NumPy array of float32 or float64, [N, D], in C or Fortran order, or from a table with a header \
(comma-separated) whose columns z0, z1, ... hold them: latents.npy and latents.csv, as `vae embed` writes them. Other \
columns of a table are ignored, except `label` if the model is conditional. Each image is the decoder's mean.

--out decides what is written: a name that ends in .png is one sheet; .npy is one array of bytes, [N, H, W], or \
[N, H, W, 3] with colours; any other name is a folder with a PNG for each latent, in their order, and samples.json. For a \
conditional model a table has the class of each image: samples.csv in the folder, or NAME.labels.csv beside NAME.npy.

Examples:
  vae embed mnist-1
  vae decode mnist-1 runs/mnist-1/latents.npy --out images/";

/// Decode latents that a file holds, to a sheet or to files: `embed` the other way round
#[derive(Args, Debug)]
#[command(after_long_help = LONG_HELP, allow_missing_positional = true)]
pub struct Decode {
    #[command(flatten)]
    model: ModelArg,

    /// Decode the latents in this file: a .npy array, or a .csv table with the columns z0, z1, ...
    #[arg(value_name = "LATENTS")]
    latents: PathBuf,

    /// Decode as this class (name or number). Conditional models only [default: the column `label` of a .csv]
    #[arg(long, value_name = "CLASS")]
    label: Option<String>,

    /// Write a sheet (.png), an array (.npy) or a folder of images here [default: decoded.png in the run's folder]
    #[arg(long, value_name = "PLACE")]
    out: Option<PathBuf>,
}

impl Decode {
    pub fn run(&self) -> Result<()> {
        let place = ImagePlace::of(self.out.as_deref())?;
        let model = self.model.open()?;
        if let ImagePlace::Folder(path) = place {
            check_folder(path)?;
        }
        check_writable(self.place(place), &model.folder, Path::new(""))?;
        let table = self.read(&model)?;
        let context = model.context();
        let count = table.latents.len();
        place.check_count("LATENTS", count, |count| context.fits("LATENTS", count))?;
        let classes = self.classes(&context, &table)?;
        let latents = |range: std::ops::Range<usize>| table.latents[range].to_vec();
        let class = |index: usize| match &classes {
            LatentClasses::One(class) => *class,
            LatentClasses::Own(classes) => classes[index],
        };
        let images = DecodedImages {
            model: &model,
            count,
            latents: &latents,
            class: context.conditional.then_some(&class),
        };
        print(&match place {
            ImagePlace::Sheet(_) => {
                let sheet = self.sheet(&images, &classes)?;
                save(&sheet, self.place(place), &model.folder, Path::new(""))?
            }
            ImagePlace::Array(path) => write_array(&images, path)?,
            ImagePlace::Folder(path) => write_folder(&images, path, &self.about(&model))?,
        })?;
        after_figure(&model);
        Ok(())
    }

    fn place(&self, place: ImagePlace) -> Place<'_> {
        match place {
            ImagePlace::Folder(_) => Place::Folder(self.out.as_deref()),
            _ => Place::File(self.out.as_deref()),
        }
    }

    /// Reads the latents, and checks them against the model.
    fn read(&self, model: &LoadedModel) -> Result<LatentTable> {
        let path = &self.latents;
        let bytes = files::read(path)?;
        let is_npy = bytes.starts_with(MAGIC);
        let table = if is_npy {
            LatentTable {
                latents: npy::parse(bytes, path)?,
                labels: None,
            }
        } else {
            table::parse(&bytes, path)?
        };
        let width = model.vae.network().latent;
        let row = |index: usize| if is_npy { index } else { index + 1 };
        if table.latents.is_empty() {
            return Err(Error::file(
                path,
                "holds no latents; expected at least one row",
            ));
        }
        for (index, z) in table.latents.iter().enumerate() {
            if z.len() != width {
                return Err(Error::file(
                    path,
                    format!(
                        "found latents of {} numbers; expected {width}, as the model {} has",
                        z.len(),
                        model.path.display()
                    ),
                )
                .with_hint("name the run whose latents these are"));
            }
            if let Some(at) = z.iter().position(|value| !value.is_finite()) {
                return Err(Error::file(
                    path,
                    format!(
                        "row {}: z{at} is {}; expected a finite number",
                        row(index),
                        z[at]
                    ),
                ));
            }
        }
        Ok(table)
    }

    fn classes(&self, context: &FigureContext, table: &LatentTable) -> Result<LatentClasses> {
        let (None, true, Some(labels)) = (&self.label, context.conditional, &table.labels) else {
            let class = context.class(self.label.as_deref()).map_err(|error| {
                match (self.label.is_none(), error.hint().map(str::to_owned)) {
                    (true, Some(hint)) => error.with_hint(format!(
                        "{hint}; or decode a .csv with a column `label`, such as latents.csv"
                    )),
                    _ => error,
                }
            })?;
            return Ok(LatentClasses::One(class.unwrap_or_default()));
        };
        let own = labels.iter().enumerate().map(|(index, label)| {
            context.class(Some(label)).ok().flatten().ok_or_else(|| {
                let what = format!("row {}: label {label:?}: no such class", index + 1);
                Error::file(&self.latents, what)
                    .with_hint(format!("the classes are {}", context.classes.join(", ")))
            })
        });
        Ok(LatentClasses::Own(own.collect::<Result<_>>()?))
    }

    /// Draws a sheet. Images of classes of their own have the classes below them.
    fn sheet(&self, images: &DecodedImages, classes: &LatentClasses) -> Result<Figure> {
        let rasters = images.rasters(0..images.count)?;
        let names = (0..images.count).filter_map(|index| images.class_name(index));
        let captions: Vec<String> = match classes {
            LatentClasses::One(_) => Vec::new(),
            LatentClasses::Own(_) => names.map(str::to_owned).collect(),
        };
        let sheet = Sheet {
            images: &rasters,
            columns: square_columns(images.count),
            row_labels: None,
            column_labels: None,
        };
        Figure::png("decoded.png", &sheet.draw_captioned(&captions))
    }

    fn about(&self, model: &LoadedModel) -> serde_json::Value {
        json!({
            "model": model.path,
            "model_hash": model.hash,
            "latents": self.latents,
            "label": self.label,
        })
    }
}

/// The classes that latents are decoded as.
enum LatentClasses {
    /// The same for all; without meaning for a model that is not conditional.
    One(u32),
    /// One for each latent.
    Own(Vec<u32>),
}
