//! `vae train`: a config, trained, in a run's folder.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use super::doctor::at_the_end;
use super::figure_context::FigureContext;
use super::figures::{AtEnd, at_end};
use super::interrupt;
use super::loaded_model::LoadedModel;
use super::model_arg::{RUNS, find_run};
use super::watcher::ProgressDisplay;
use crate::config::{Config, Plan, set};
use crate::data::DataPaths;
use crate::data::{self, Dataset};
use crate::device::{self, SelectedDevice};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{OutputBias, Vae, Vamp};
use crate::rng::Rng;
use crate::run::{About, RunFolder, create, newest, remembered_data};
use crate::train::{Job, SavedState, Trainer};
use crate::{files, ui};

/// Train a model: the built-in digits, unless a config says otherwise
#[derive(Debug, Args)]
pub struct Train {
    /// A preset's name (see `vae list presets`) or a TOML file
    #[arg(long, default_value = "digits")]
    config: String,

    /// Replace one value of the config, as in `train.batch=64` (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with = "resume")]
    overrides: Vec<String>,

    /// Passes over the training images
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,

    /// Decides weights, noise, order and drawn pixels
    #[arg(long, conflicts_with = "resume")]
    seed: Option<u64>,

    #[command(flatten)]
    place: RunArgs,

    /// The run's name [default: the config's, with a number]
    #[arg(long, conflicts_with = "resume")]
    name: Option<String>,

    /// Go on with a run (the newest, unless one is named) exactly where it stood
    #[arg(long, value_name = "RUN", num_args = 0..=1, conflicts_with = "config")]
    resume: Option<Option<PathBuf>>,
}

/// A run that was chosen or made, before anything is loaded.
struct Start {
    config: Config,
    folder: RunFolder,
    saved: Option<SavedState>,
    /// What is drawn when training has ended.
    figures: Vec<AtEnd>,
    /// When the program was started.
    began: Instant,
}

/// A run that has done all its epochs.
pub struct Trained {
    pub folder: RunFolder,
    /// What is still to be drawn.
    figures: Vec<AtEnd>,
    pub dataset: Dataset,
    pub hash: String,
}

/// Where a training takes place.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// auto (a GPU where there is one, else the CPU), cpu, ndarray, wgpu[:N] or cuda[:N]; see `vae devices`
    #[arg(long, default_value = "auto")]
    pub device: String,

    /// The folder that the data set lies in [default: $VAE_DATA, then data/, then the user's cache]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// The folder that runs are kept in
    #[arg(long, value_name = "DIR", default_value = RUNS)]
    pub out: PathBuf,
}

impl Train {
    /// A training that is to be called `name`; gone on with where there is one already.
    pub fn named(
        config: &str,
        overrides: Vec<String>,
        epochs: usize,
        name: &str,
        place: RunArgs,
    ) -> Self {
        let folder = place.out.join(name);
        Self {
            config: config.to_owned(),
            overrides,
            epochs: Some(epochs),
            seed: None,
            place,
            name: Some(name.to_owned()),
            resume: folder.is_dir().then_some(Some(folder)),
        }
    }

    /// `began`: when the program was started.
    pub fn run(self, began: Instant) -> Result<()> {
        let chosen = device::choose(&self.place.device)?;
        let Trained {
            folder,
            figures,
            dataset,
            hash,
        } = self.trained(&chosen, began)?;
        ui::data(folder.path.display())?;
        if figures.is_empty() {
            return Ok(());
        }
        let mut opened = LoadedModel::new(folder.model(), folder.path.clone(), chosen)?;
        opened.base.clone_from(&folder.path);
        opened.loaded = (dataset, hash).into();
        draw_all(&figures, &opened)
    }

    /// Trains to the last epoch.
    pub fn trained(&self, chosen: &SelectedDevice, began: Instant) -> Result<Trained> {
        match &self.resume {
            Some(run) => {
                let start = self.go_on(run.as_deref(), began)?;
                let place = self
                    .place
                    .data
                    .clone()
                    .or_else(|| remembered_data(&start.folder.path));
                let dataset = load(&start.config, place)?;
                let hash = data::hash(&dataset)?;
                self.train(start, dataset, hash, chosen)
            }
            None => {
                let (config, name) = self.config()?;
                // What is wrong is found before the run's folder is made, and before hours of training.
                config.check()?;
                let figures = at_end(&config.figures)?;
                let dataset = load(&config, self.place.data.clone())?;
                let plan = config.plan(dataset.train.shape, dataset.classes.len())?;
                suits(&figures, &plan, &dataset)?;
                if let Some([count, _]) = plan
                    .network
                    .pseudo_inputs()
                    .filter(|[count, _]| *count > dataset.train.len())
                {
                    return Err(Error::request(format!(
                        "prior.vamp.pseudo_inputs is {count}; expected at most the {} training images, which they start as",
                        dataset.train.len()
                    )));
                }
                let hash = data::hash(&dataset)?;
                // Its config is written next: from then on it can be resumed.
                let folder = create(&self.place.out, self.name.as_deref(), &name)?;
                self.train(
                    Start {
                        config,
                        folder,
                        saved: None,
                        figures,
                        began,
                    },
                    dataset,
                    hash,
                    chosen,
                )
            }
        }
    }

    fn config(&self) -> Result<(Config, String)> {
        let (mut config, name) = Config::find(&self.config)?;
        for assignment in &self.overrides {
            config = set(&config, assignment)?;
        }
        config.seed = self.seed.unwrap_or(config.seed);
        config.train.epochs = self.epochs.unwrap_or(config.train.epochs);
        Ok((config, name))
    }

    /// The run to go on with. One that was killed before its first state was saved starts from its config.
    fn go_on(&self, run: Option<&Path>, began: Instant) -> Result<Start> {
        let folder = match run {
            Some(path) => find_run(path, &self.place.out)?,
            None => newest(&self.place.out)?,
        };
        let (mut config, saved) = if folder.state().is_file() {
            let saved = SavedState::read(&folder.state())?;
            (
                Config::parse(&saved.card.config, &folder.state())?,
                Some(saved),
            )
        } else {
            let text = files::read(&folder.config()).map_err(|error| {
                error.with_hint("expected the folder of a run that `vae train` made")
            })?;
            (
                Config::parse(&String::from_utf8_lossy(&text), &folder.config())?,
                None,
            )
        };
        config.train.epochs = self.epochs.unwrap_or(config.train.epochs);
        config.check()?;
        let figures = at_end(&config.figures)?;
        Ok(Start {
            config,
            folder,
            saved,
            figures,
            began,
        })
    }

    fn train(
        &self,
        start: Start,
        dataset: Dataset,
        hash: String,
        chosen: &SelectedDevice,
    ) -> Result<Trained> {
        let Start {
            config,
            folder,
            saved,
            figures,
            began,
        } = start;
        let plan = config.plan(dataset.train.shape, dataset.classes.len())?;
        if let Some(saved) = saved.as_ref().filter(|saved| saved.card.data_hash != hash) {
            return Err(Error::file(
                folder.state(),
                format!(
                    "this run was trained on other data ({}; found {hash})",
                    saved.card.data_hash
                ),
            )
            .with_hint("pass the same data with `--data DIR`, or start a new run"));
        }
        suits(&figures, &plan, &dataset)?;
        let job = Job::new(&plan, dataset, hash);
        let done = saved
            .as_ref()
            .map_or(0, |saved| saved.card.step)
            .div_ceil(job.steps_per_epoch() as u64);
        if config.train.epochs < done as usize {
            return Err(Error::request(format!(
                "--epochs {}: this run has done {done}",
                config.train.epochs
            ))
            .with_hint("name as many or more, or start a new run"));
        }
        let _alone = folder.lock()?;
        files::write(&folder.config(), plan.toml.as_bytes())?;
        let place = self
            .place
            .data
            .clone()
            .or_else(|| remembered_data(&folder.path));
        let data_folder = place.and_then(|place| std::path::absolute(place).ok());
        About {
            data_folder,
            ..about(&plan, &job, chosen)
        }
        .write(&folder.about())?;
        let device = chosen.device.clone().autodiff();
        let mut vae = Vae::new(
            &plan.network,
            &config.likelihood,
            Rng::new(config.seed).stream("weights"),
            &device,
        );
        if plan.network.output_bias == OutputBias::Mean {
            vae = vae.with_output_bias(&OutputBias::logits(&job.dataset.train.mean()?));
        }
        if let Some([count, _]) = plan.network.pseudo_inputs() {
            let drawn = Rng::new(config.seed).stream("pseudo-inputs");
            vae = vae.with_pseudo_inputs(&Vamp::logits(
                &job.dataset.train.drawn_values(count, drawn)?,
            ));
        }
        let mut watcher = ProgressDisplay::new(&plan, &job, &folder, began)?;
        watcher.introduce(chosen, saved.as_ref());
        interrupt::watch()?;
        let trainer = Trainer::new(&job, &folder, vae, saved.as_ref())?;
        let trained = trainer.run(&mut watcher);
        watcher.close();
        trained.map_err(|error| match error.kind() {
            ErrorKind::Interrupted => error.with_hint(format!(
                "go on with: vae train --resume {}",
                folder.path.display()
            )),
            _ => error,
        })?;
        watcher.conclude()?;
        if config.data.kind().trains_on_test() {
            ui::note("not a test: the test images are among those trained on");
        }
        // What is trained is trained: a look at it fails in silence.
        if !ui::is_quiet()
            && let Ok(opened) =
                LoadedModel::new(folder.model(), folder.path.clone(), chosen.clone())
        {
            at_the_end(&opened, &job.dataset)
                .into_iter()
                .for_each(ui::note);
        }
        Ok(Trained {
            folder,
            figures,
            dataset: job.dataset,
            hash: job.data_hash,
        })
    }
}

fn load(config: &Config, place: Option<PathBuf>) -> Result<Dataset> {
    data::load(&config.data, &DataPaths::from_environment(place)?)
}

/// Whether the figures can be drawn of what is to be trained.
fn suits(figures: &[AtEnd], plan: &Plan, dataset: &Dataset) -> Result<()> {
    let subject = FigureContext {
        latent_count: plan.network.latent,
        shape: dataset.train.shape,
        classes: &dataset.classes,
        conditional: plan.network.labels.is_some(),
    };
    figures.iter().try_for_each(|figure| figure.suits(&subject))
}

/// Draws every figure that can be drawn.
///
/// # Errors
/// The last one of those that could not.
fn draw_all(figures: &[AtEnd], opened: &LoadedModel) -> Result<()> {
    let mut failed = None;
    for figure in figures {
        match figure.draw(opened) {
            Ok(path) => ui::note(format_args!("look at {}", path.display())),
            Err(error) => {
                if let Some(earlier) = failed.replace(error) {
                    ui::note(earlier.render());
                }
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

fn about(plan: &Plan, job: &Job, chosen: &SelectedDevice) -> About {
    About {
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        device: chosen.title(),
        features: device::built_in()
            .into_iter()
            .map(|(name, _)| name.to_owned())
            .collect(),
        threads: device::threads(),
        data: job.dataset.name.clone(),
        data_hash: job.data_hash.clone(),
        data_folder: None,
        parameters: plan.parameters(),
    }
}
