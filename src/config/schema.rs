//! The tables and keys of a config.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Figures, IgnoredTable, TrainConfig, toml_error};
use crate::check::at_least_one;
use crate::data::Data;
use crate::error::{Error, Result};
use crate::loader::AugmentConfig;
use crate::model::{Condition, Likelihood, Model, Prior};
use crate::objective::{Objective, Time, separable};
use crate::optimizer::Optimizer;
use crate::rng::Rng;
use crate::schedule::Schedule;

/// A whole experiment, as a person writes it and as `config.toml` in a run's folder has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The seed of everything random: weights, noise, the order of the images, binarised pixels.
    #[serde(default = "default_seed")]
    pub seed: u64,
    pub data: Data,
    /// The random changes of the training images.
    #[serde(default, skip_serializing_if = "AugmentConfig::is_off")]
    pub augment: AugmentConfig,
    pub model: Model,
    /// The way in which the class enters the networks. Without this table the model is not conditional.
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
    /// The figures to draw after the last epoch; the commands that draw them check the tables.
    #[serde(default, skip_serializing_if = "Figures::is_empty")]
    pub figures: Figures,
    /// A table that only `vae repro` reads, from presets.
    #[serde(default, skip_serializing)]
    pub published: IgnoredTable,
}

fn default_seed() -> u64 {
    1
}

impl Config {
    /// Reads a config from TOML; its values are not checked yet.
    ///
    /// # Errors
    /// Returns an error if the text is not TOML, or has an unknown key or a value of the wrong type. The message names
    /// `origin`, the line and the column.
    pub fn parse(text: &str, origin: &Path) -> Result<Self> {
        toml::from_str(text).map_err(|error| toml_error::explain(text, origin, &error))
    }

    /// Returns the config as TOML, with every default written out.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(Error::failed)
    }

    /// Checks every value that can be checked before the data is loaded.
    pub fn check(&self) -> Result<()> {
        if i64::try_from(self.seed).is_err() {
            return Err(Error::request(format!(
                "seed is {}; expected at most {}",
                self.seed,
                i64::MAX
            )));
        }
        self.data.kind().check()?;
        self.augment.check()?;
        self.model.kind().check()?;
        self.prior.kind().check()?;
        self.likelihood.kind().check()?;
        self.objective.kind().check()?;
        self.objective.kind().check_prior(&self.prior)?;
        if self.prior.kind().pseudo_inputs() > 0
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
        self.train.check()?;
        self.check_shards()
    }

    /// Checks what a run that an earlier version began may lack: that a full batch has an image for each shard.
    ///
    /// # Errors
    /// Returns an error if it has not.
    pub fn check_new_run(&self) -> Result<()> {
        let TrainConfig { shards, batch, .. } = self.train;
        if shards <= batch {
            return Ok(());
        }
        let most = 1 << batch.ilog2();
        Err(Error::request(format!(
            "train.shards is {shards}, more than train.batch = {batch}: expected at least one image of a full batch in each shard"
        ))
        .with_hint(format!("take at most {most} shards, or larger batches")))
    }

    /// Checks that the gradient of a batch is the sum of the gradients of its shards.
    fn check_shards(&self) -> Result<()> {
        let shards = self.train.shards;
        if shards == 1 || separable(&self.objective, &self.likelihood) {
            return Ok(());
        }
        Err(self.not_divisible(&format!("train.shards is {shards}")))
    }

    /// Checks that several processes can divide a batch.
    ///
    /// # Errors
    /// Returns an error if the loss is not a sum over images.
    pub fn check_divisible(&self, processes: usize) -> Result<()> {
        if processes == 1 || separable(&self.objective, &self.likelihood) {
            return Ok(());
        }
        Err(self.not_divisible(&format!("there are {processes} processes")))
    }

    /// Returns the error of a loss that is not a sum over images, and is asked to be one by what `why` says.
    fn not_divisible(&self, why: &str) -> Error {
        let alone = "leave train.shards out, and train on one process";
        let (what, hint) = if self.objective.kind().separable() {
            let tag = self.likelihood.tag();
            let learned = format!("or learn sigma: `--set likelihood.{tag}.sigma=learned`");
            (format!("likelihood.{tag}"), format!("{alone}, {learned}"))
        } else if let Objective::Elbo(_) = self.objective {
            let without = "or do without free bits: `--set objective.elbo.free_bits=0`";
            (
                "objective.elbo.free_bits".to_owned(),
                format!("{alone}, {without}"),
            )
        } else {
            (
                format!("objective.{}", self.objective.tag()),
                alone.to_owned(),
            )
        };
        Error::request(format!(
            "{why}, and {what} looks at a batch as a whole, so that the loss is not a sum over parts of the batch"
        ))
        .with_hint(hint)
    }

    /// Returns whether the model is a variational autoencoder: a plain one has neither a distribution of latents nor a prior.
    pub fn is_variational(&self) -> bool {
        self.objective.kind().latent_mode().is_sampled()
    }

    /// Returns the generator of one stream of random numbers.
    pub fn rng(&self, stream: &str) -> Rng {
        Rng::new(self.seed).stream(stream)
    }

    /// Returns the point in training at which `epoch` epochs are done, which may be fractional.
    pub fn time(&self, epoch: f64) -> Time {
        Time {
            epoch,
            epochs: self.train.epochs as f64,
        }
    }

    /// Returns the tables whose values are spread over all epochs: they change with `train.epochs`.
    pub fn spread_over_epochs(&self) -> Vec<&'static str> {
        let schedule = self.schedule.kind().spread_over_epochs();
        let objective = self.objective.kind().spread_over_epochs();
        schedule.into_iter().chain(objective).collect()
    }

    /// Returns the learning rate once `epoch` epochs are done.
    pub fn learning_rate(&self, epoch: f64) -> f64 {
        self.train.learning_rate * self.schedule.kind().at(epoch, self.train.epochs as f64)
    }
}
