//! `vae data`: looks at images of one's own, and shows what a training would make of them.

use std::iter;
use std::path::PathBuf;

use clap::Args;
use image::RgbImage;

use super::draw::Format;
use super::images_args::ImagesArgs;
use super::next::{next, typed};
use crate::data::{Choice, Part, Split};
use crate::error::{Error, Result, shell_word};
use crate::figure::grid::square_columns;
use crate::figure::sheet::Sheet;
use crate::figure::{Raster, encode_png};
use crate::loader::Augmentation;
use crate::{files, ui};

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
PATH is a folder of images in any sizes and formats; a folder with a folder for each class, or for train and test; a folder with a \
CSV or JSONL table of file names and classes; MNIST's IDX files; a .zip or .tar of any of these; a .npy or .npz file of images.

The same lines open `vae train --data PATH`. The table [data.images] of `vae config --data PATH` has what was chosen, and every \
key can be changed by `--set data.images.KEY=VALUE`:
  size, channels, fit (crop, pad, stretch), background (black, white), levels (of 16-bit images), invert, layout, labels, \
test (the share of the images to test on), calibration (the share that calibrates `vae score`; without a config, 0.2 beside abnormal images), group (none, folder, stem), broken (stop, skip), validation

With keys of the table [augment], the sheet shows ten images, each beside itself as it is changed in the first nine epochs.

Examples:
  vae data photos --sheet fitted.png
  vae data photos --sheet augmented.png --set augment.flip=true --set augment.rotation=10
  vae train --data photos
  vae train --data photos --size 48x64 --set data.images.fit=pad";

/// The epochs of a sheet of augmented images.
const EPOCHS: u64 = 9;

/// Look at images of your own: what was found, and how it would be trained on
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct DataArgs {
    /// The folder, archive or array file
    #[arg(value_name = "PATH")]
    path: PathBuf,

    /// Replace one value of the config, as in `data.images.fit=pad` (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,

    #[command(flatten)]
    images: ImagesArgs,

    /// Draw up to 100 of the fitted training images as a sheet, a .png; with `--set augment...`, as training sees them
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,

    /// Print JSON, with every skipped image
    #[arg(long)]
    json: bool,
}

impl DataArgs {
    pub fn run(self) -> Result<()> {
        if let Some(sheet) = &self.sheet {
            Format::of(Some(sheet), &[Format::Png])?;
            files::check_writable(sheet)?;
        }
        let own = self.images.load(&self.path, &self.overrides)?;
        own.config.check()?;
        own.config.augment.check_shape(own.dataset.train.shape)?;
        if self.json {
            let text = serde_json::to_string_pretty(&own.report).map_err(Error::failed)?;
            ui::data(text)?;
        } else {
            ui::data(own.report.text(None))?;
        }
        if let Some(sheet) = &self.sheet {
            let split = &own.dataset.train;
            let image = match own.config.augmentation(split.len()) {
                Some(augmentation) => augmented(split, &augmentation)?,
                None => as_they_are(split)?,
            };
            files::write(sheet, &encode_png(&image)?)?;
            ui::note(format_args!("drew {}", sheet.display()));
        }
        if !self.json {
            let path = shell_word(&self.path);
            let flags = self.images.typed() + &typed(&self.overrides);
            next(format_args!("train --data {path}{flags}"));
        }
        Ok(())
    }
}

/// Draws up to 100 images of a split.
fn as_they_are(split: &Split) -> Result<RgbImage> {
    let images = drawn(split, 100, |id| {
        let pixels = split.image(id as usize)?.into_owned();
        Ok(vec![pixels])
    })?;
    Ok(Sheet {
        images: &images,
        columns: square_columns(images.len()),
        row_labels: None,
        column_labels: None,
    }
    .draw())
}

/// Draws up to ten images of a split, each in a row with itself as it is in the first epochs of a training.
fn augmented(split: &Split, augmentation: &Augmentation) -> Result<RgbImage> {
    let images = drawn(split, 10, |id| {
        let image = split.example(id as usize)?;
        let mut row = vec![split.image(id as usize)?.into_owned()];
        for epoch in 0..EPOCHS {
            let augmented = augmentation.at_epoch(epoch);
            let augmented = augmented.apply(&image, split.shape, id);
            row.push(augmented.into_levels().into_owned());
        }
        Ok(row)
    })?;
    let epochs = (1..=EPOCHS).map(|epoch| format!("epoch {epoch}"));
    let labels: Vec<String> = iter::once("image".to_owned()).chain(epochs).collect();
    Ok(Sheet {
        images: &images,
        columns: labels.len(),
        row_labels: None,
        column_labels: Some(&labels),
    }
    .draw())
}

/// Returns what `pixels` returns for up to `count` images of a split at random, each as an image of the split's shape.
fn drawn(
    split: &Split,
    count: usize,
    pixels: impl Fn(u32) -> Result<Vec<Vec<u8>>>,
) -> Result<Vec<Raster>> {
    let mut images = Vec::new();
    for id in Part::new(split, Choice::AtRandom(count)).ids {
        images.extend(pixels(id)?.into_iter().map(|pixels| Raster {
            pixels,
            shape: split.shape,
        }));
    }
    Ok(images)
}
