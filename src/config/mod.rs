//! The TOML a person writes -> [`Config`] -> [`Plan`].

mod overrides;
mod preset;
mod toml_error;
mod train;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::check::{at_least_one, count};
use crate::data::Data;
use crate::error::{Error, Result};
use crate::files;
use crate::model::{Condition, Likelihood, Model, Network, OutputBias, Prior, Sigma};
use crate::objective::Objective;
use crate::optimizer::Optimizer;
use crate::schedule::Schedule;

pub use overrides::set;
pub use preset::{PRESETS, Preset, find as find_preset};
pub use train::TrainConfig;

/// An experiment, whole: what `config.toml` in a run's folder holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Decides weights, noise, order and drawn pixels.
    #[serde(default = "first_seed")]
    pub seed: u64,
    pub data: Data,
    pub model: Model,
    /// Left out: a model of images whose class is not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    #[serde(default)]
    pub prior: Prior,
    #[serde(default)]
    pub likelihood: Likelihood,
    #[serde(default)]
    pub objective: Objective,
    #[serde(default)]
    pub optimizer: Optimizer,
    #[serde(default)]
    pub schedule: Schedule,
    #[serde(default)]
    pub train: TrainConfig,
    #[serde(default)]
    pub figures: Figures,
}

/// The `[figures]` table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Figures {
    /// What is drawn when the last epoch is done: commands as they would be typed, without `vae`. Which there are, the
    /// command line knows.
    pub at_end: Vec<String>,
}

fn first_seed() -> u64 {
    1
}

/// Channels, rows or columns of an image, so that no product of them overflows.
const LONGEST: usize = 1 << 16;

/// A config whose every value was checked, with the network that follows from it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub config: Config,
    pub network: Network,
    /// The effective config, as it is written to the run's folder and the model file.
    pub toml: String,
}

impl Plan {
    /// How many numbers are trained: an autoencoder's head for the variance is not.
    pub fn parameters(&self) -> usize {
        let sigma = usize::from(self.config.likelihood.kind().sigma() == Some(Sigma::Learned));
        let untrained = if self.config.objective.kind().latent_mode().is_sampled() {
            0
        } else {
            self.network.log_var.parameters()
        };
        self.network.parameters() + sigma - untrained
    }
}

impl Config {
    /// # Errors
    /// With line and column in `origin`, what was expected, and what may have been meant.
    pub fn parse(text: &str, origin: &Path) -> Result<Self> {
        toml::from_str(text).map_err(|error| toml_error::explain(text, origin, &error))
    }

    /// A file, or the name of a preset: `mnist`, `mnist.toml` and `configs/mnist.toml` all work from anywhere. Also gives
    /// the name for a run's folder.
    pub fn find(wanted: &str) -> Result<(Self, String)> {
        let path = Path::new(wanted);
        let name = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        if path.is_file() {
            let bytes = files::read(path)?;
            let text = String::from_utf8(bytes)
                .map_err(|_| Error::file(path, "not a text file; expected TOML"))?;
            return Ok((Self::parse(&text, path)?, name));
        }
        let preset = find_preset(wanted)?;
        Ok((preset.config()?, preset.name.to_owned()))
    }

    /// The config as TOML, every default written out.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(Error::failed)
    }

    /// Checks every value, and the network against images of shape `[C, H, W]` and, if it is conditional, their number
    /// of classes (0: they have no labels).
    pub fn plan(&self, image_shape: [usize; 3], classes: usize) -> Result<Plan> {
        self.check()?;
        // A model file names this shape, and may be damaged.
        for length in image_shape {
            count("the images' channels, height or width", length, LONGEST)?;
        }
        let mut network = self
            .model
            .kind()
            .network(image_shape)?
            .with_prior(&self.prior)?;
        network = network.with_outputs(self.likelihood.kind().outputs_per_value())?;
        if network.output_bias == OutputBias::Mean && !self.likelihood.kind().takes_logits() {
            return Err(Error::request(format!(
                "the model's output_bias is \"mean\" and likelihood.{}: that mean is a logit, which these outputs are not",
                self.likelihood.tag()
            ))
            .with_hint("use output_bias = \"init\", or a likelihood whose outputs are logits"));
        }
        if let Some(condition) = self.condition {
            network = condition.apply(network, classes)?;
        }
        Ok(Plan {
            config: self.clone(),
            network,
            toml: self.to_toml()?,
        })
    }

    /// Checks every value that can be checked before the data is there.
    pub fn check(&self) -> Result<()> {
        if i64::try_from(self.seed).is_err() {
            return Err(Error::request(format!(
                "seed is {}; expected at most {}",
                self.seed,
                i64::MAX
            )));
        }
        self.data.kind().check()?;
        self.model.kind().check()?;
        self.prior.kind().check()?;
        self.likelihood.kind().check()?;
        self.objective.kind().check()?;
        self.objective.kind().check_prior(&self.prior)?;
        if matches!(self.prior, Prior::Vamp(_))
            && self.condition.is_some_and(|condition| condition.encoder)
        {
            return Err(Error::request(
                "prior.vamp and condition.encoder: a pseudo-input has no class to tell the encoder",
            )
            .with_hint("use `--set condition.encoder=false`, or another prior"));
        }
        at_least_one("the objective's samples", self.objective.kind().samples())?;
        self.optimizer.kind().check()?;
        self.schedule.kind().check()?;
        self.train.check()
    }
}
