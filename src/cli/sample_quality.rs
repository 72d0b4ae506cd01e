//! The part of `vae eval` that measures samples: its arguments, the measurement, and the sheet of samples beside their
//! nearest training images.

use clap::Args;

use super::data_arg::DataArg;
use super::draw::{Place, save};
use super::images::{BROKEN, below_each_other};
use super::interrupt;
use super::latent_origin::LatentOrigin;
use super::latent_sampler::with_sampler;
use super::loaded_model::LoadedModel;
use super::mixture::check_count;
use super::sample_sheet::sample_rng;
use crate::check::at_least_zero;
use crate::data::{Dataset, Part, Split, SplitName};
use crate::error::{Error, Result};
use crate::eval::Protocol;
use crate::eval::sample_quality::{
    FEWEST, SMALLEST_SIDE, SampleQuality, SampleRequest, SampleSource, compared_with,
};
use crate::figure::{Figure, Raster};
use crate::report::sample_quality::SampleFigures;
use crate::ui;

/// The most samples unless `--sample-count` asks for more.
const MOST_SAMPLES: usize = 5000;

/// The most values of all samples unless `--sample-count` asks for more: a quarter of a gigabyte.
const MOST_VALUES: usize = 1 << 28;

/// The largest number of stages of a measurement.
const STAGES: usize = 8;

/// The number of samples on the sheet, and in one of its rows.
const SHOWN: usize = 20;
const COLUMNS: usize = 10;

/// The name of the sheet in the run's folder.
const SHEET: &str = "nearest.png";

/// The arguments about samples.
#[derive(Args, Debug)]
pub struct QualityArgs {
    /// Draw samples, and measure how good they are beside real held-out images
    #[arg(long)]
    sample_quality: bool,

    /// Draw N samples, and compare them with as many images of the split and of the training set [default: as many as
    /// there are, at most 5000]
    #[arg(long, value_name = "N")]
    sample_count: Option<usize>,

    /// Multiply the noise of the samples' latents by T, as in `vae sample` [default: 1]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    temperature: Option<f32>,

    /// Draw the samples' latents from `prior`, `mixture:K` or `box`, as in `vae sample` [default: prior]
    #[arg(long, value_name = "WHERE")]
    from: Option<LatentOrigin>,
}

/// The images that samples are measured beside.
pub struct HeldOut<'a> {
    pub split: SplitName,
    pub part: &'a Part<'a>,
    pub protocol: Protocol,
    /// Whether PSNR and SSIM of their reconstructions are measured.
    pub reconstructions: bool,
}

impl QualityArgs {
    /// Checks the arguments as far as that is possible without a model.
    ///
    /// # Errors
    /// Returns an error if one has no effect, or if there are no held-out images.
    pub fn check(&self, split: SplitName, are_new: bool) -> Result<()> {
        if !self.sample_quality {
            let given = [
                ("--sample-count", self.sample_count.is_some()),
                ("--temperature", self.temperature.is_some()),
                ("--from", self.from.is_some()),
            ];
            return match given.iter().find(|(_, is_given)| *is_given) {
                None => Ok(()),
                Some((flag, _)) => Err(Error::request(format!(
                    "{flag}: no samples are measured without --sample-quality, so the flag would have no effect"
                ))
                .with_hint("pass `--sample-quality` too, or leave the flag out")),
            };
        }
        if let Some(count) = self.sample_count
            && count < FEWEST
        {
            return Err(Error::request(format!(
                "--sample-count is {count}; expected at least {FEWEST}"
            )));
        }
        at_least_zero("--temperature", f64::from(self.temperature()))?;
        if self.origin() == LatentOrigin::Box && self.temperature.is_some() {
            return Err(Error::request(
                "--temperature has no effect with --from box, which draws latents uniformly",
            )
            .with_hint("leave one of the two out"));
        }
        if are_new || split == SplitName::Train {
            let why = if are_new {
                "new images are named, and samples are compared with the training images"
            } else {
                "samples are compared with the training images, and so are held-out ones beside them"
            };
            return Err(Error::request(format!("--sample-quality: {why}")).with_hint(
                "leave `--sample-quality` out, or measure the test images: leave the images or `--split train` out",
            ));
        }
        Ok(())
    }

    /// Returns the number of samples that are to be drawn, or `None` if samples are not measured. `part` holds the held-out
    /// images.
    ///
    /// # Errors
    /// Returns an error if there are too few images, also for a mixture, or if they are too small.
    pub fn count(&self, dataset: &Dataset, part: &Part) -> Result<Option<usize>> {
        if !self.sample_quality {
            return Ok(None);
        }
        let [_, height, width] = part.split.shape;
        if height.min(width) < SMALLEST_SIDE {
            return Err(Error::request(format!(
                "--sample-quality: the images have {height}x{width} pixels; expected at least {SMALLEST_SIDE}x{SMALLEST_SIDE}"
            ))
            .with_hint("leave `--sample-quality` out"));
        }
        if let LatentOrigin::Mixture(components) = self.origin() {
            check_count(components, dataset.train.len())?;
        }
        let most = part.len().min(dataset.train.len());
        let counted = format!(
            "there are {} held-out images and {} training images to compare with",
            part.len(),
            dataset.train.len()
        );
        if most < FEWEST {
            return Err(Error::request(format!(
                "--sample-quality: {counted}; expected at least {FEWEST} of both"
            ))
            .with_hint("leave `--sample-quality` out, or measure more images"));
        }
        match self.sample_count {
            Some(count) if count > most => Err(Error::request(format!(
                "--sample-count is {count}; expected at most {most}: {counted}"
            ))
            .with_hint("leave the flag out: as many samples as there are images are drawn")),
            Some(count) => Ok(Some(count)),
            None => {
                let fitting = (MOST_VALUES / part.split.values()).max(FEWEST);
                Ok(Some(most.min(MOST_SAMPLES).min(fitting)))
            }
        }
    }

    /// Draws `count` samples, measures them beside held-out images, and writes the sheet into the run's folder.
    ///
    /// # Errors
    /// Returns an error if an image cannot be read, if a sample is not finite, or if the program is interrupted.
    pub fn measure(
        &self,
        model: &LoadedModel,
        data: &DataArg,
        held_out: &HeldOut,
        count: usize,
    ) -> Result<SampleFigures> {
        let (dataset, _) = model.data(data)?;
        let &HeldOut {
            split,
            part,
            protocol,
            reconstructions,
        } = held_out;
        interrupt::watch()?;
        let measured = with_sampler(model, data, self.origin(), self.temperature(), |sampler| {
            let asked = model
                .vae
                .class_count()
                .and_then(|_| compared_with(dataset, count).labels());
            let source = SampleSource {
                vae: &model.vae,
                sampler,
                rng: sample_rng(protocol.seed),
            };
            let bar = ui::step_bar(STAGES);
            let mut stage = "";
            let mut go_on = |now| {
                if now != stage {
                    stage = now;
                    bar.set_message(now);
                    bar.inc(1);
                }
                !interrupt::asked()
            };
            let drawn = source
                .draw(count, asked.as_deref(), &mut || go_on("drawing samples"))
                .map_err(|_| model.broken(BROKEN))?;
            let Some(samples) = drawn else {
                return Ok(None);
            };
            let request = SampleRequest {
                samples: &samples,
                asked: asked.as_deref(),
                vae: &model.vae,
                protocol,
                dataset,
                held_out: part,
                reconstructions,
            };
            let quality = SampleQuality::measure(request, &mut go_on);
            bar.finish_and_clear();
            Ok(quality?.map(|quality| (quality, samples)))
        });
        let Some((quality, samples)) = measured? else {
            return Err(Error::interrupted(
                "stopped while samples were measured: there are no figures of them",
            ));
        };
        Ok(SampleFigures {
            from: self.origin().to_string(),
            temperature: self.temperature(),
            split: split.name().to_owned(),
            classes: dataset.classes.clone(),
            sheet: sheet(model, dataset, &quality, &samples)?,
            quality,
        })
    }

    fn origin(&self) -> LatentOrigin {
        self.from.unwrap_or_default()
    }

    fn temperature(&self) -> f32 {
        self.temperature.unwrap_or(1.0)
    }
}

/// Draws the samples that are most like copies above their nearest training images, and returns the path of the sheet, or
/// `None` if RUN is a model file or if the run's folder cannot be written.
fn sheet(
    model: &LoadedModel,
    dataset: &Dataset,
    quality: &SampleQuality,
    samples: &Split,
) -> Result<Option<String>> {
    let Some(folder) = model.run_folder() else {
        return Ok(None);
    };
    let (mut most_alike, mut nearest) = (Vec::new(), Vec::new());
    for &(sample, image) in quality.memorised.most_alike.iter().take(SHOWN) {
        let raster = |pixels: std::borrow::Cow<[u8]>| Raster {
            shape: samples.shape,
            pixels: pixels.into_owned(),
        };
        most_alike.push(raster(samples.image(sample)?));
        nearest.push(raster(dataset.train.image(image as usize)?));
    }
    let kinds = [("sample", most_alike), ("nearest", nearest)];
    let figure = Figure::png(SHEET, &below_each_other(&kinds, COLUMNS))?;
    match save(
        &figure,
        Place::File(None),
        &folder.path,
        std::path::Path::new(""),
    ) {
        Ok(paths) => Ok(paths.first().map(|path| path.display().to_string())),
        // The numbers do not depend on the sheet.
        Err(error) => {
            ui::note(format_args!(
                "warning: {error}; the nearest training images are not shown"
            ));
            Ok(None)
        }
    }
}
