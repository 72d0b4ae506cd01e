//! `vae data`: looks at images of one's own, and shows what a training would make of them.

use std::path::PathBuf;

use clap::Args;

use super::images_args::ImagesArgs;
use crate::data::{Choice, Part};
use crate::error::{Error, Result};
use crate::figure::grid::square_columns;
use crate::figure::sheet::Sheet;
use crate::figure::{Raster, encode_png};
use crate::{files, ui};

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
PATH is a folder of images in any sizes and formats; a folder with a folder for each class, or for train and test; a folder with a \
CSV or JSONL table of file names and classes; a .zip or .tar of any of these; a .npy or .npz file of images.

The same lines open `vae train --data PATH`. The table [data.images] of `vae config --data PATH` has what was chosen, and every \
key can be changed by `--set data.images.KEY=VALUE`:
  size, channels, fit (crop, pad, stretch), background (black, white), levels (of 16-bit images), invert, layout, labels, \
test (the share of the images to test on), group (none, folder, stem), broken (stop, skip), validation

Examples:
  vae data photos --sheet fitted.png
  vae train --data photos
  vae train --data photos --size 48x64 --set data.images.fit=pad";

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

    /// Draw up to 100 of the fitted training images as a sheet, a .png
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,

    /// Print JSON, with every skipped image
    #[arg(long)]
    json: bool,
}

impl DataArgs {
    pub fn run(self) -> Result<()> {
        if let Some(sheet) = &self.sheet {
            files::check_writable(sheet)?;
        }
        let own = self.images.load(&self.path, &self.overrides)?;
        own.config.check()?;
        if self.json {
            let text = serde_json::to_string_pretty(&own.report).map_err(Error::failed)?;
            ui::data(text)?;
        } else {
            ui::data(own.report.text(None))?;
        }
        if let Some(sheet) = &self.sheet {
            let split = &own.dataset.train;
            let part = Part::new(split, Choice::AtRandom(100));
            let images = part
                .ids
                .iter()
                .map(|&id| {
                    Ok(Raster {
                        pixels: split.image(id as usize)?.into_owned(),
                        shape: split.shape,
                    })
                })
                .collect::<Result<Vec<_>>>()?;
            let image = Sheet {
                images: &images,
                columns: square_columns(images.len()),
                row_labels: None,
                column_labels: None,
            }
            .draw();
            files::write(sheet, &encode_png(&image)?)?;
            ui::note(format_args!("drew {}", sheet.display()));
        }
        Ok(())
    }
}
