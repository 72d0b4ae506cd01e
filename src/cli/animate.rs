//! `vae animate`: plays the images that training keeps after each epoch.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use image::RgbImage;
use serde::Deserialize;

use super::candidates::runs;
use super::draw::{Draw, Format, Place, print, save};
use super::images::{MOST_FRAMES, below_each_other, rasters};
use super::loaded_model::LoadedModel;
use super::model_arg::locate;
use super::next::{next, run_word};
use super::sample_sheet::{Classes, sample_sheet};
use crate::config::Config;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::eval::{LatentSampler, first_latents};
use crate::figure::{Figure, encode_png, read_png, titled};
use crate::model::{Vae, rows};
use crate::run::RunFolder;
use crate::ui;

/// The number of test images that are reconstructed after each epoch (the number in TensorFlow's tutorial on VAEs), and
/// the number of images in a row.
const DECODED: u32 = 16;
const COLUMNS: usize = 8;
/// The duration of the animation, and the shortest and longest duration of a frame, in milliseconds.
const LENGTH: u32 = 8000;
const FRAME: [u32; 2] = [80, 500];

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
Training keeps a sheet of samples and one of 16 reconstructed test images after every epoch. The animation \
plays them in order; at most 200 epochs are shown, evenly spread.

Example:
  vae animate --of reconstructions --out training.gif";

/// Show how samples or reconstructions changed from epoch to epoch, as a GIF
#[derive(Args, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(after_long_help = LONG_HELP)]
pub struct Animate {
    /// A run's folder or name [default: the newest run in `runs`]
    #[arg(value_name = "RUN", add = runs())]
    #[serde(skip)]
    run: Option<PathBuf>,

    /// Show samples from the prior, or reconstructions of test images, from the same noise in every epoch
    #[arg(long, value_enum, default_value_t = Of::Samples)]
    of: Of,

    /// Write the animation here, a .gif [default: samples.gif or reconstructions.gif in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Of {
    Samples,
    Reconstructions,
}

impl Of {
    fn name(self) -> &'static str {
        match self {
            Self::Samples => "samples",
            Self::Reconstructions => "reconstructions",
        }
    }

    fn image(self, folder: &RunFolder, epoch: usize) -> PathBuf {
        match self {
            Self::Samples => folder.samples(epoch),
            Self::Reconstructions => folder.reconstructions(epoch),
        }
    }
}

impl Default for Animate {
    fn default() -> Self {
        Self {
            run: None,
            of: Of::Samples,
            out: None,
        }
    }
}

impl Draw for Animate {
    fn run(&self) -> Result<()> {
        self.check()?;
        let (model, folder) = locate(self.run.as_deref())?;
        if folder.as_os_str().is_empty() {
            return Err(Error::file(
                model,
                "this is a model file; the images of every epoch are in the folder of a run",
            )
            .with_hint("name the run, as in `vae animate mnist-1`"));
        }
        let drawn = self.of_run(&RunFolder {
            path: folder.clone(),
        })?;
        print(&save(&drawn, self.place(), &folder, Path::new(""))?)?;
        next(format_args!("eval {}", run_word(&folder)));
        Ok(())
    }

    fn place(&self) -> Place<'_> {
        Place::File(self.out.as_deref())
    }

    fn check(&self) -> Result<()> {
        Format::of(self.out.as_deref(), &[Format::Gif]).map(drop)
    }

    fn draw(&self, model: &LoadedModel) -> Result<Figure> {
        self.of_run(&RunFolder {
            path: model.folder.clone(),
        })
    }
}

impl Animate {
    fn of_run(&self, folder: &RunFolder) -> Result<Figure> {
        let name = self.of.name();
        let epochs = RunFolder::epochs_beside(&self.of.image(folder, 1));
        if epochs.is_empty() {
            return Err(Error::file(&folder.path, format!("this run has kept no {name}"))
                .with_hint("training keeps them after each epoch: train on with `vae train --resume RUN --epochs N`"));
        }
        let shown = thinned(&epochs);
        if shown.len() < epochs.len() {
            ui::note(format_args!(
                "note: {} of {} epochs, evenly spread",
                shown.len(),
                epochs.len()
            ));
        }
        let frame = |epoch: &usize| -> Result<RgbImage> {
            Ok(titled(
                &read_png(&self.of.image(folder, *epoch))?,
                &format!("epoch {epoch}"),
            ))
        };
        let frames = shown.iter().map(frame).collect::<Result<Vec<_>>>()?;
        let milliseconds = (LENGTH / frames.len() as u32).clamp(FRAME[0], FRAME[1]);
        Figure::gif(&format!("{name}.gif"), &frames, milliseconds)
    }
}

/// Returns at most [`MOST_FRAMES`] epochs, always including the first and the last.
fn thinned(epochs: &[usize]) -> Vec<usize> {
    match epochs.len() {
        ..=MOST_FRAMES => epochs.to_vec(),
        count => (0..MOST_FRAMES)
            .map(|frame| epochs[frame * (count - 1) / (MOST_FRAMES - 1)])
            .collect(),
    }
}

/// The images of an epoch that training keeps.
pub struct Sheets {
    samples: RgbImage,
    reconstructions: RgbImage,
}

/// Draws samples, and reconstructions of the first test images. Both use noise that depends on the seed alone.
///
/// # Errors
/// Returns an error if a test image cannot be read, or if a decoded value is not finite.
pub fn sheets(vae: &Vae, config: &Config, dataset: &Dataset) -> Result<Sheets> {
    let classes = Classes::every(vae, &dataset.classes);
    let from = LatentSampler::Prior { temperature: 1.0 };
    let samples = sample_sheet(vae, from, config.seed, classes.usual_count(), classes)?;
    Ok(Sheets {
        samples,
        reconstructions: decoded_again(vae, config, dataset)?,
    })
}

/// Keeps the images of an epoch in the run's folder, and returns the name, the PNG and the path of each.
pub fn keep(
    folder: &RunFolder,
    epoch: usize,
    sheets: &Sheets,
) -> Result<[(&'static str, Vec<u8>, PathBuf); 2]> {
    let kept = |of: Of, sheet: &RgbImage| -> Result<_> {
        let (png, path) = (encode_png(sheet)?, of.image(folder, epoch));
        folder.write(&path, &png)?;
        Ok((of.name(), png, path))
    };
    Ok([
        kept(Of::Samples, &sheets.samples)?,
        kept(Of::Reconstructions, &sheets.reconstructions)?,
    ])
}

fn decoded_again(vae: &Vae, config: &Config, dataset: &Dataset) -> Result<RgbImage> {
    let test = &dataset.test;
    let indices: Vec<u32> = (0..DECODED.min(test.len() as u32)).collect();
    let protocol = config.protocol();
    let batch = protocol.loader(vae).batch(test, &indices)?;
    let z = first_latents(vae, &batch, protocol, &indices);
    let decoded = rasters(vae, &rows(vae.decode_mean(z, batch.labels)))?;
    let [above, below] = if protocol.corruption.is_some() {
        ["clean", "cleaned"]
    } else {
        ["image", "decoded"]
    };
    Ok(below_each_other(
        &[(above, rasters(vae, &rows(batch.x))?), (below, decoded)],
        COLUMNS,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_training_is_thinned_to_its_ends() {
        assert_eq!(thinned(&[1, 2, 4]), [1, 2, 4]);
        let epochs: Vec<usize> = (1..=1000).collect();
        let thin = thinned(&epochs);
        assert_eq!(
            (thin.len(), thin[0], thin[MOST_FRAMES - 1]),
            (MOST_FRAMES, 1, 1000)
        );
        assert!(thin.is_sorted_by(|a, b| a < b));
    }
}
