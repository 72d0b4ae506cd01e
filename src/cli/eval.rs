//! `vae eval`: the ELBO of a split and estimates of log p(x), with their errors and their protocol; the reconstruction's
//! error beside that of PCA.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};

use super::interrupt;
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use super::output::show;
use crate::check::{at_least_one, count};
use crate::data::{Dataset, Images};
use crate::error::{Error, Result};
use crate::eval::{
    Estimate, Importance, Pca, Protocol, Rows, corruption_rng, importance, measure, pixels_rng,
    squared_errors,
};
use crate::objective::NO_ELBO;
use crate::report::evaluation::{self, Evaluation};
use crate::run::RunFolder;
use crate::ui;

/// The most latents an image that log p(x) is estimated from.
const MOST_SAMPLES: usize = 10_000_000;

/// Measure the ELBO, and estimate log p(x), with standard errors and protocol
#[derive(Debug, Args)]
pub struct Eval {
    #[command(flatten)]
    model: ModelArg,

    /// Which images
    #[arg(long, value_enum, default_value_t = Split::Test)]
    split: Split,

    /// Samples of z drawn for each image
    #[arg(long, default_value_t = 1, value_name = "K")]
    samples_per_image: usize,

    /// Estimate log p(x) by importance sampling with K samples per image; a list (1,5,50) reports each K from the same
    /// samples
    #[arg(long, value_name = "K,...", value_delimiter = ',')]
    importance_samples: Vec<usize>,

    /// The first so many images of the split [default: all]
    #[arg(long, value_name = "N")]
    images: Option<usize>,

    /// Decides the latents' noise and drawn pixels [default: the run's, as in training]
    #[arg(long)]
    seed: Option<u64>,

    /// The folder that the data set lies in [default: $VAE_DATA, then data/, then the user's cache]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Leave out the squared errors of the model's and of PCA's reconstructions, for which the training images are
    /// read several times
    #[arg(long)]
    no_reconstruction: bool,

    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Split {
    Train,
    Validation,
    Test,
}

impl Split {
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    pub fn of(self, dataset: &Dataset) -> Result<&Images> {
        match self {
            Self::Train => Ok(&dataset.train),
            Self::Test => Ok(&dataset.test),
            Self::Validation => dataset.validation.as_ref().ok_or_else(|| {
                Error::request(
                    "--split validation: this run's config sets no validation split aside",
                )
                .with_hint(format!(
                    "train with `--set data.{}.validation=5000`",
                    dataset.name
                ))
            }),
        }
    }
}

impl Eval {
    pub fn run(self) -> Result<()> {
        count("--samples-per-image", self.samples_per_image, 10_000)?;
        self.importance_samples
            .iter()
            .try_for_each(|&samples| count("--importance-samples", samples, MOST_SAMPLES))?;
        self.images
            .map_or(Ok(()), |images| at_least_one("--images", images))?;
        let opened = self.model.open()?;
        let (dataset, _) = opened.data(self.data.as_deref())?;
        let whole = self.split.of(dataset)?;
        let first = self.images.unwrap_or(usize::MAX).min(whole.len());
        let images = &whole.slice(0..first);
        let latent_mode = opened.config.objective.kind().latent_mode();
        let most = self
            .importance_samples
            .iter()
            .copied()
            .max()
            .unwrap_or_default();
        let many = [
            (
                "--samples-per-image",
                self.samples_per_image,
                self.samples_per_image > 1,
            ),
            ("--importance-samples", most, most > 0),
        ];
        if let Some((flag, value, _)) = many
            .iter()
            .find(|(.., asked)| *asked && !latent_mode.is_sampled())
        {
            return Err(
                Error::request(format!("{flag} {value}: {NO_ELBO}")).with_hint(format!(
                    "leave `{flag}` out: an image has one latent, which is not drawn"
                )),
            );
        }
        let protocol = opened.protocol(self.samples_per_image, self.seed);
        let bar = ui::image_bar("measuring", images.len());
        let elbo = measure(&opened.vae, images, protocol, &mut |seen| {
            bar.set_position(seen as u64)
        });
        bar.finish_and_clear();
        if !elbo
            .elbo()
            .unwrap_or(elbo.reconstruction())
            .mean
            .is_finite()
        {
            let what = if latent_mode.is_sampled() {
                "ELBO"
            } else {
                "reconstruction"
            };
            return Err(opened.broken(&format!("{what} is not a number, or infinite")));
        }
        let errors = (!self.no_reconstruction)
            .then(|| SquaredErrors::measure(&opened, protocol, dataset, images));
        let weighted = self.weighted(&opened, images, protocol)?;
        let stopped = interrupt::asked();
        let (bounds, importance_seconds) = weighted.unzip();
        let evaluation = Evaluation {
            provenance: opened.provenance(
                self.split.name(),
                [images.len(), whole.len()],
                protocol.seed,
            )?,
            protocol,
            elbo,
            values: whole.values(),
            sigma: opened.vae.sigma(),
            bounds: bounds.unwrap_or_default(),
            importance_seconds,
            squared_errors: errors.map(|errors| evaluation::SquaredErrors {
                model: errors.model,
                pca: errors.pca,
                components: errors.components,
            }),
        };
        let report = evaluation.report();
        if !opened.folder.as_os_str().is_empty() && !stopped {
            let mut kept = report.json();
            kept["by_image"] = evaluation.by_image();
            RunFolder {
                path: opened.folder.clone(),
            }
            .write_report(&kept)?;
        }
        show(&report, self.json)?;
        if stopped {
            return Err(Error::interrupted(
                "stopped; the figures above are of the images that were done",
            ));
        }
        Ok(())
    }

    /// The importance-weighted bounds that are asked for, and how long they took.
    fn weighted(
        &self,
        opened: &LoadedModel,
        images: &Images,
        protocol: Protocol,
    ) -> Result<Option<(Vec<Importance>, f64)>> {
        let mut samples = self.importance_samples.clone();
        samples.sort_unstable();
        samples.dedup();
        let Some(most) = samples.last() else {
            return Ok(None);
        };
        interrupt::watch()?;
        let bar = ui::sample_bar((most * images.len()) as u64);
        let begin = Instant::now();
        let bounds = importance(
            &opened.vae,
            images,
            images.len(),
            protocol,
            &samples,
            &mut |done| {
                bar.set_position(done);
                !interrupt::asked()
            },
        );
        bar.finish_and_clear();
        let seconds = begin.elapsed().as_secs_f64();
        if bounds
            .iter()
            .flat_map(|bound| &bound.log_px)
            .any(|log_px| !log_px.is_finite())
        {
            return Err(opened.broken("log p(x) is not a number, or infinite"));
        }
        Ok(Some((bounds, seconds)))
    }
}

/// Squared errors of reconstructions, summed over an image's values, from latents of one size; of what a denoising
/// autoencoder is given, against the clean images.
pub struct SquaredErrors {
    /// At the posterior's mean.
    pub model: Estimate,
    /// From as many principal components of the training images, unless there are too many.
    pub pca: Option<Estimate>,
    pub components: usize,
}

/// More than these take minutes to find.
const MOST_COMPONENTS: usize = 256;

impl SquaredErrors {
    fn measure(
        opened: &LoadedModel,
        protocol: Protocol,
        dataset: &Dataset,
        images: &Images,
    ) -> Self {
        let read = |images: &Images, some: &[u32]| {
            protocol.pixels.batch(
                images,
                some,
                opened.vae.classes(),
                pixels_rng(protocol.seed),
                &opened.chosen.device,
            )
        };
        let of_training = |some: &[u32]| read(&dataset.train, some).x;
        let rows = Rows {
            count: dataset.train.len(),
            width: dataset.train.values(),
            read: &of_training,
        };
        let latent_count = opened.vae.network().latent;
        let pca = (latent_count <= MOST_COMPONENTS).then(|| Pca::fit(&rows, latent_count));
        let indices: Vec<u32> = (0..images.len() as u32).collect();
        let of = |errors: Vec<f64>| Estimate::of(errors.into_iter());
        let read = |some: &[u32]| read(images, some);
        let given = |x, some: &[u32]| {
            protocol
                .latent_mode
                .input(x, corruption_rng(protocol.seed), some)
        };
        Self {
            model: of(squared_errors(&indices, read, |batch, some| {
                let mean = opened
                    .vae
                    .encode(given(batch.x, some), batch.labels.clone())
                    .mean;
                opened.vae.decode_mean(mean, batch.labels)
            })),
            pca: pca.as_ref().map(|pca| {
                of(squared_errors(&indices, read, |batch, some| {
                    pca.reconstruct(given(batch.x, some))
                }))
            }),
            components: pca.map_or(0, |pca| pca.components.len()),
        }
    }
}
