//! `vae eval`: the ELBO of a split, with its error and its protocol; the reconstruction's error beside that of PCA.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::open::{Opened, Target};
use crate::check::count;
use crate::data::{Dataset, Images};
use crate::error::{Error, Result};
use crate::eval::{Elbo, Estimate, Pca, Protocol, Rows, corruption_rng, measure, pixels_rng, squared_errors};
use crate::objective::{Code, NO_ELBO};
use crate::ui;

/// Measure the ELBO, with its standard error and its protocol
#[derive(Debug, Args)]
pub struct Eval {
    #[command(flatten)]
    target: Target,

    /// Which pictures
    #[arg(long, value_enum, default_value_t = Split::Test)]
    split: Split,

    /// Codes drawn for each picture
    #[arg(long, default_value_t = 1, value_name = "K")]
    codes: usize,

    /// Decides the codes' noise and drawn pixels [default: the run's, as in training]
    #[arg(long)]
    seed: Option<u64>,

    /// The folder that the data set lies in [default: $VAE_DATA, then data/, then the user's cache]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Leave out the squared errors of the model's and of PCA's reconstructions, for which the training pictures are
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
                Error::request("--split validation: this run's config sets no validation split aside")
                    .with_hint(format!("train with `--set data.{}.validation=5000`", dataset.name))
            }),
        }
    }
}

impl Eval {
    pub fn run(self) -> Result<()> {
        count("--codes", self.codes, 10_000)?;
        let opened = self.target.open()?;
        let (dataset, hash) = opened.data(self.data.as_deref())?;
        let images = self.split.of(dataset)?;
        let seed = self.seed.unwrap_or(opened.config.seed);
        let code = opened.config.objective.code();
        if self.codes > 1 && !code.is_drawn() {
            return Err(Error::request(format!("--codes {}: {NO_ELBO}", self.codes))
                .with_hint("leave `--codes` out: a picture has one code, which is not drawn"));
        }
        let protocol = Protocol { pixels: opened.config.data.pixels(), samples: self.codes, seed, code };
        let bar = ui::picture_bar("measuring", images.len());
        let elbo = measure(&opened.vae, images, protocol, &mut |seen| bar.set_position(seen as u64));
        bar.finish_and_clear();
        if !elbo.elbo().unwrap_or(elbo.distortion()).mean.is_finite() {
            let what = if code.is_drawn() { "ELBO" } else { "distortion" };
            return Err(Error::failed(format!("{}: its {what} is not a number, or infinite", opened.path.display()))
                .with_hint("its training broke, or the file is damaged: train it again, with a lower rate"));
        }
        let errors = (!self.no_reconstruction).then(|| SquaredErrors::measure(&opened, protocol, dataset, images));
        let report =
            Report { opened: &opened, elbo: &elbo, errors, protocol, data: &dataset.name, hash, split: self.split };
        ui::data(if self.json { report.json() } else { report.text() })
    }
}

/// Squared errors of reconstructions, summed over a picture's values, from codes of one size; of what a denoising
/// autoencoder is given, against the clean pictures.
struct SquaredErrors {
    /// At the posterior's mean.
    model: Estimate,
    /// From as many principal components of the training pictures, unless there are too many.
    pca: Option<Estimate>,
    components: usize,
}

/// More than these take minutes to find.
const MOST_COMPONENTS: usize = 256;

impl SquaredErrors {
    fn measure(opened: &Opened, protocol: Protocol, dataset: &Dataset, images: &Images) -> Self {
        let read = |images: &Images, some: &[u32]| {
            protocol.pixels.batch(images, some, opened.vae.classes(), pixels_rng(protocol.seed), &opened.chosen.device)
        };
        let of_training = |some: &[u32]| read(&dataset.train, some).x;
        let rows = Rows { count: dataset.train.len(), width: dataset.train.values(), read: &of_training };
        let latents = opened.vae.blueprint().latent;
        let pca = (latents <= MOST_COMPONENTS).then(|| Pca::fit(&rows, latents));
        let indices: Vec<u32> = (0..images.len() as u32).collect();
        let of = |errors: Vec<f64>| Estimate::of(errors.into_iter());
        let read = |some: &[u32]| read(images, some);
        let given = |x, some: &[u32]| protocol.code.input(x, corruption_rng(protocol.seed), some);
        Self {
            model: of(squared_errors(&indices, read, |batch, some| {
                let mean = opened.vae.encode(given(batch.x, some), batch.labels.clone()).mean;
                opened.vae.picture(mean, batch.labels)
            })),
            pca: pca
                .as_ref()
                .map(|pca| of(squared_errors(&indices, read, |batch, some| pca.reconstruct(given(batch.x, some))))),
            components: pca.map_or(0, |pca| pca.components.len()),
        }
    }
}

struct Report<'a> {
    opened: &'a Opened,
    elbo: &'a Elbo,
    errors: Option<SquaredErrors>,
    protocol: Protocol,
    data: &'a str,
    hash: &'a str,
    split: Split,
}

impl Report<'_> {
    fn conditional(&self) -> bool {
        self.opened.config.condition.is_some()
    }

    fn caveat(&self) -> Option<&'static str> {
        self.opened.config.likelihood.caveat(self.protocol.pixels.is_binary())
    }

    fn bits_per_dim(&self) -> Option<Estimate> {
        self.elbo.bits_per_dim(self.opened.card.picture.iter().product())
    }

    /// What the code is and, where pictures are corrupted, how.
    fn code(&self) -> String {
        match (self.protocol.code, self.protocol.samples) {
            (Code::Drawn, 1) => "1 sample of z per image, KL in closed form".into(),
            (Code::Drawn, samples) => format!("{samples} samples of z per image, KL in closed form"),
            (Code::Mean(None), _) => "one code per image".into(),
            (Code::Mean(Some(corruption)), _) => format!("one code per image, of the image corrupted by {corruption}"),
        }
    }

    fn text(&self) -> String {
        let row = |name: &str, value: Option<Estimate>, digits: usize, unit: &str| match value {
            Some(value) => format!("{name:<12} {:>10.digits$} ± {:.digits$}{unit}\n", value.mean, value.se),
            None => format!("{name:<12} {:>10}\n", "–"),
        };
        let mut text = row("ELBO", self.elbo.elbo(), 2, " nats per image");
        text += &row("distortion", Some(self.elbo.distortion()), 2, " nats per image");
        text += &row("rate", self.elbo.rate(), 2, " nats per image");
        text += &row("bits per dim", self.bits_per_dim(), 4, "");
        let given = if self.conditional() { "given the class (bounds log p(x | class)), " } else { "" };
        if let Some(SquaredErrors { model, pca, components }) = &self.errors {
            let at = if self.protocol.code.is_drawn() {
                "decoded from the posterior's mean"
            } else {
                "decoded from the code"
            };
            let per_value = model.mean / self.opened.card.picture.iter().product::<usize>() as f64;
            let what = format!(", summed over values, {at} ({per_value:.5} a value)");
            text += &row("square error", Some(*model), 2, &what);
            let from = format!(", from {components} principal components of the training set");
            text += &row("that of PCA", *pca, 2, &from);
        }
        let sigma = self.opened.vae.sigma().map(|sigma| format!(" of sigma {sigma:.4}")).unwrap_or_default();
        text += &format!(
            "protocol: {} {}, {} images, {} pixels, {}{sigma}, {given}{}, seed {}\n± is the standard error over images",
            self.data,
            self.split.name(),
            self.elbo.distortion.len(),
            self.protocol.pixels.name(),
            self.opened.config.likelihood.tag(),
            self.code(),
            self.protocol.seed,
        );
        if !self.protocol.code.is_drawn() {
            text += &format!("\n{NO_ELBO}");
        }
        if let Some(caveat) = self.caveat() {
            text += &format!("\nnot a log-likelihood: {caveat}");
        }
        if self.split == Split::Test && self.opened.config.data.trains_on_test() {
            text += "\nnot a test: these images were trained on";
        }
        text
    }

    fn json(&self) -> String {
        let drawn = self.protocol.code.is_drawn();
        let mean = |estimate: Option<Estimate>| estimate.map(|estimate| estimate.mean);
        let se = |estimate: Option<Estimate>| estimate.map(|estimate| estimate.se);
        let (elbo, distortion, rate) = (self.elbo.elbo(), self.elbo.distortion(), self.elbo.rate());
        let bits = self.bits_per_dim();
        let errors = self.errors.as_ref();
        let mut report = json!({
            "elbo": mean(elbo), "elbo_se": se(elbo),
            "distortion": distortion.mean, "distortion_se": distortion.se,
            "rate": mean(rate), "rate_se": se(rate),
            "bits_per_dim": mean(bits), "bits_per_dim_se": se(bits),
            "squared_error": errors.map(|errors| errors.model.mean),
            "squared_error_se": errors.map(|errors| errors.model.se),
            "pca_squared_error": mean(errors.and_then(|errors| errors.pca)),
            "pca_squared_error_se": se(errors.and_then(|errors| errors.pca)),
            "pca_components": errors.map(|errors| errors.components),
            "unit": "nats per image",
            "data": self.data, "data_hash": self.hash, "split": self.split.name(),
            "images": self.elbo.distortion.len(),
            "pixels": self.protocol.pixels.name(),
            "likelihood": self.opened.config.likelihood.tag(), "sigma": self.opened.vae.sigma(),
            "conditional": self.conditional(),
            "is_log_likelihood": self.caveat().is_none(), "caveat": self.caveat(),
            "test_was_trained_on": self.opened.config.data.trains_on_test(),
            "samples_of_z": drawn.then_some(self.protocol.samples), "kl": drawn.then_some("closed form"),
            "seed": self.protocol.seed,
            "model": self.opened.path, "device": self.opened.chosen.name,
            "program_version": env!("CARGO_PKG_VERSION"),
        });
        if !drawn {
            report["note"] = NO_ELBO.into();
            report["corrupted_by"] = self.protocol.code.corruption().map(|corruption| corruption.to_string()).into();
        }
        report.to_string()
    }
}
