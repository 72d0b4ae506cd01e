//! `vae eval`: reports the ELBO of a split, estimates of log p(x) and the reconstruction error beside the error of PCA,
//! with standard errors and the protocol.

use std::time::Instant;

use clap::Args;

use super::interrupt;
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use super::next::after_eval;
use super::output::{show, warn_if_unwritable};
use super::sample_quality::{HeldOut, QualityArgs};
use super::test_data::TestData;
use crate::check::{at_least_one, count};
use crate::data::{Choice, Dataset, Part, SplitName};
use crate::error::{Error, ErrorKind, Result};
use crate::eval::{ElboByImage, Importance, Protocol, SquaredErrors, importance, measure};
use crate::objective::NO_ELBO;
use crate::report::evaluation::Evaluation;
use crate::run::RunFolder;
use crate::{parallel, ui};

/// The most importance samples per image for an estimate of log p(x).
const MOST_SAMPLES: usize = 10_000_000;

/// The beginning of the message when the report cannot be written.
const NOT_KEPT: &str = "the results above are not kept in the run";

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
The ELBO, its terms and log p(x) are in nats per image: sums over values and latents, means over images. ± is the standard error \
over images. The last lines name the protocol: two numbers can be compared where their protocols agree.

  ELBO             -(reconstruction + KL), a lower bound on log p(x)
  reconstruction   -log p(x given z) for z sampled from the posterior
  KL               from the posterior to the prior
  bits per dim     -ELBO / (values x ln 2)
  log p(x)         by importance sampling: a lower bound, closer with more samples; if the effective
                   number of samples is near 1, use more
  IW bound         the same, if the likelihood is no log-likelihood of the pixels
  squared error    of the image decoded from the posterior mean, beside that of as many principal
                   components, which a model must beat

--sample-quality draws samples, and compares them with training images, as it compares as many held-out images, which are what a \
perfect sampler could reach. The samples are those of `vae sample` with the same seed; a conditional model is asked for the classes \
of the training images, so that its samples are others. Precision and recall (Kynkäänniemi et \
al. 2019), density and coverage (Naeem et al. 2020) and the unbiased kernel distance (Bińkowski et al. 2018) are \
taken in the features of a fixed random network, the same for everybody. They depend on this network and on the number of \
samples: compare them only at equal N, and with nothing that is computed in another network. Precision or density above \
that of the held-out images comes from samples that vary less, not from better ones. `memorised` is the share of \
samples that are nearer to one training image, beside the next five, than 99 % of the held-out images are; nearest.png \
in the run's folder shows the samples that are most like copies. Where there are labels, a classifier is trained on the \
training images, and names the classes of samples and of held-out images.

In a run's folder the report is kept as report.json, which `vae compare` reads. If a measurement fails or is interrupted, the report \
has those that were done before it; a log p(x) of a part of the images is printed and not kept.

Examples:
  vae eval --importance-samples 1,50,5000 --images 1000
  vae eval mnist-1 --split validation --json
  vae eval --sample-quality --from mixture:10";

/// Measure the ELBO, and estimate log p(x), with standard errors and protocol
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct Eval {
    #[command(flatten)]
    model: ModelArg,

    /// Measure the images of this split
    #[arg(long, value_enum, default_value_t = SplitName::Test)]
    split: SplitName,

    /// Draw K samples of z for each image
    #[arg(long, default_value_t = 1, value_name = "K")]
    samples_per_image: usize,

    /// Estimate log p(x) by importance sampling with K samples per image; a list (1,5,50) reports each K from the same
    /// samples
    #[arg(long, value_name = "K,...", value_delimiter = ',')]
    importance_samples: Vec<usize>,

    /// Measure N images of the split, drawn at random: the same ones every time [default: all]
    #[arg(long, value_name = "N")]
    images: Option<usize>,

    /// Measure the first N images of the split, which say little about the others if the split is sorted
    #[arg(long, value_name = "N", conflicts_with = "images")]
    first: Option<usize>,

    /// Seed of the noise, of the binarised pixels and of the samples [default: the run's, as in training]
    #[arg(long)]
    seed: Option<u64>,

    #[command(flatten)]
    data: TestData,

    /// Leave out the squared errors of the reconstructions of the model and of PCA, which take a second or more, and PSNR and
    /// SSIM
    #[arg(long)]
    no_reconstruction: bool,

    #[command(flatten)]
    quality: QualityArgs,

    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Eval {
    pub fn run(self) -> Result<()> {
        self.check()?;
        let model = self.model.open()?;
        // The run's own report is that of its test images.
        let run_folder = model.run_folder().filter(|_| !self.data.are_new());
        if let Some(folder) = &run_folder {
            warn_if_unwritable(&folder.report());
        }
        let (dataset, _) = self.data.load(&model)?;
        let whole = self.split.of(dataset)?;
        let images = &Part::new(whole, Choice::of(self.images, self.first));
        let sample_count = self.quality.count(dataset, images)?;
        self.check_latent_samples(model.config.is_variational())?;
        let protocol = model.protocol(self.samples_per_image, self.seed);
        let mut evaluation = Evaluation {
            provenance: model.provenance(self.split.name(), images, protocol.seed)?,
            protocol,
            elbo: elbo(&model, images, protocol)?,
            values: whole.values(),
            sigma: model.vae.sigma(),
            bounds: Vec::new(),
            importance_seconds: None,
            squared_errors: None,
            sample_figures: None,
        };
        let ended = self.measure_more(&model, dataset, images, sample_count, &mut evaluation);
        // The numbers may have taken hours. A later measurement that fails must not lose them, and one of the two places
        // failing must not keep them from the other.
        let shown = show(&evaluation.report(), self.json);
        evaluation.drop_partial_bounds(images.len());
        let run_folder = run_folder.filter(|_| parallel::is_first());
        let kept = run_folder.map_or(Ok(()), |folder| keep(&evaluation, &model, &folder));
        shown?;
        match (ended, kept.map_err(not_kept)) {
            (Err(error), Err(not_kept)) => {
                ui::note(format_args!("warning: {not_kept}"));
                Err(error)
            }
            (ended, kept) => kept.and(ended),
        }?;
        if !self.json {
            after_eval(&model);
        }
        Ok(())
    }

    /// Checks the arguments as far as that is possible without a model.
    fn check(&self) -> Result<()> {
        count("--samples-per-image", self.samples_per_image, 10_000)?;
        self.importance_samples
            .iter()
            .try_for_each(|&samples| count("--importance-samples", samples, MOST_SAMPLES))?;
        for (flag, images) in [("--images", self.images), ("--first", self.first)] {
            images.map_or(Ok(()), |images| at_least_one(flag, images))?;
        }
        self.data.check_split(self.split)?;
        self.quality.check(self.split, self.data.are_new())
    }

    /// Checks that several samples of z are asked for only where z is drawn.
    fn check_latent_samples(&self, is_variational: bool) -> Result<()> {
        let most = self.importance_samples.iter().copied().max();
        let asked = [
            (
                "--samples-per-image",
                Some(self.samples_per_image).filter(|&count| count > 1),
            ),
            ("--importance-samples", most),
        ];
        match asked
            .into_iter()
            .find_map(|(flag, value)| Some((flag, value?)))
        {
            Some((flag, value)) if !is_variational => Err(Error::request(format!(
                "{flag} {value}: {NO_ELBO}"
            ))
            .with_hint(format!(
                "leave `{flag}` out: an image has one latent, which is not drawn"
            ))),
            _ => Ok(()),
        }
    }

    /// Measures what is asked for besides the ELBO, and adds each measurement that ends to `evaluation`.
    ///
    /// # Errors
    /// Returns the error of the first measurement that fails or is interrupted; those after it are not begun.
    fn measure_more(
        &self,
        model: &LoadedModel,
        dataset: &Dataset,
        images: &Part,
        sample_count: Option<usize>,
        evaluation: &mut Evaluation,
    ) -> Result<()> {
        let protocol = evaluation.protocol;
        // The principal components are those of training images, which new images are without.
        if !self.no_reconstruction && !self.data.are_new() {
            let measure = || SquaredErrors::measure(&model.vae, protocol, dataset, images);
            let errors = ui::working("measuring squared errors, also of PCA", measure);
            evaluation.squared_errors = Some(errors?);
        }
        if let Some(count) = sample_count {
            let held_out = HeldOut {
                split: self.split,
                part: images,
                protocol,
                reconstructions: !self.no_reconstruction,
            };
            // Only the first process shows the figures.
            let figures = parallel::is_first().then(|| {
                let data = &self.data.data;
                parallel::alone(|| self.quality.measure(model, data, &held_out, count))
            });
            let figures = figures.transpose();
            // The figures may take longer than a process is otherwise waited for.
            evaluation.sample_figures = parallel::patiently(|| parallel::together(figures))?;
        }
        let Some((bounds, seconds)) = self.weighted(model, images, protocol)? else {
            return Ok(());
        };
        let done = bounds.first().map_or(0, |bound| bound.log_px.len());
        evaluation.bounds = bounds;
        evaluation.importance_seconds = Some(seconds);
        match done {
            0 => Err(Error::interrupted(
                "stopped before importance sampling had done its first image: there is no log p(x)",
            )),
            done if done < images.len() => Err(Error::interrupted(format!(
                "stopped; the bounds above are of the {done} of {} images that were done",
                images.len()
            ))),
            _ => Ok(()),
        }
    }

    /// Returns the requested importance-weighted bounds, and the time they took in seconds.
    fn weighted(
        &self,
        model: &LoadedModel,
        images: &Part,
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
        let bounds = importance(&model.vae, images, protocol, &samples, &mut |done| {
            bar.set_position(done);
            !interrupt::asked()
        });
        bar.finish_and_clear();
        let bounds = bounds?;
        let seconds = begin.elapsed().as_secs_f64();
        if bounds
            .iter()
            .flat_map(|bound| &bound.log_px)
            .any(|log_px| !log_px.is_finite())
        {
            return Err(model.broken("log p(x) is NaN or infinite"));
        }
        Ok(Some((bounds, seconds)))
    }
}

/// Measures the ELBO and its terms.
///
/// # Errors
/// Returns an error if an image cannot be read, or if the result is not finite.
pub fn elbo(model: &LoadedModel, images: &Part, protocol: Protocol) -> Result<ElboByImage> {
    let bar = ui::image_bar("measuring", images.len());
    let elbo = measure(&model.vae, images, protocol, &mut |seen| {
        bar.set_position(seen as u64)
    });
    bar.finish_and_clear();
    let elbo = elbo?;
    let score = elbo.elbo().unwrap_or(elbo.reconstruction());
    if score.mean.is_finite() {
        return Ok(elbo);
    }
    let what = if protocol.latent_mode.is_sampled() {
        "ELBO"
    } else {
        "reconstruction"
    };
    Err(model.broken(&format!("{what} is NaN or infinite")))
}

/// Keeps the report in the run's folder, with the numbers of each image.
fn keep(evaluation: &Evaluation, model: &LoadedModel, folder: &RunFolder) -> Result<()> {
    let mut kept = evaluation.report().json();
    kept["by_image"] = evaluation.by_image();
    // A run may be moved or copied: its report names the file beside it.
    let name = model.path.file_name();
    kept["model"] = name.map(|name| name.to_string_lossy()).into();
    folder.write_report(&kept)
}

/// Returns the error for a report that was printed and cannot be kept in the run.
fn not_kept(error: Error) -> Error {
    let is_place = error.kind() == ErrorKind::File && error.hint().is_some();
    let error = error.failing(NOT_KEPT);
    if is_place {
        error.with_hint(
            "the numbers above are complete; to keep them too, copy the run to a place that you may write to, and measure the copy",
        )
    } else {
        error
    }
}
