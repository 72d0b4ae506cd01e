//! One training, from its data to its last epoch, with its files and messages.

use std::fs::File;
use std::path::PathBuf;

use super::clock::Clock;
use super::curves::write_png;
use super::live_log::{LiveLog, LogFormat};
use super::progress_display::ProgressDisplay;
use super::start::Start;
use super::{memory, processes, summary};
use crate::cli::doctor::at_the_end;
use crate::cli::end_figures::EndFigures;
use crate::cli::figure_context::FigureContext;
use crate::cli::images_args::{ImagesArgs, introduce};
use crate::cli::interrupt;
use crate::cli::loaded_model::{LoadedModel, hash};
use crate::cli::run_args::RunArgs;
use crate::config::Config;
use crate::data::images::holds_images;
use crate::data::{Data, DataPaths, Dataset, ImageReport, NamedFolder, SkippedImage};
use crate::device::SelectedDevice;
use crate::error::{Error, ErrorKind, Result, shell_word};
use crate::ops::on_host;
use crate::run::{About, Record, RunFolder, create, kept_records};
use crate::train::{MemoryNeed, Training};
use crate::{config, data, device, parallel, ui};

/// A run that has completed all its epochs.
pub struct Finished {
    /// The trained model, with its data.
    pub model: LoadedModel,
    pub history: Vec<Record>,
    /// The figures that the config asks for.
    pub figures: EndFigures,
}

/// Trains a run to its last epoch, and shows its progress. Where several processes train together, all but the first return
/// `None`.
pub fn train(
    mut start: Start,
    run_args: &RunArgs,
    images: &ImagesArgs,
    selected: &SelectedDevice,
    log: Option<LogFormat>,
    clock: Clock,
) -> Result<Option<Finished>> {
    // Find every mistake before the run's folder is made and before hours of training.
    start.config.check()?;
    if start.folder.is_none() {
        start.config.check_new_run()?;
    }
    start.check_config()?;
    images.check(&start.config.data)?;
    let figures = EndFigures::of(&start.config, start.figures_file.as_deref())?;
    data::check_folder(&start.config.data, run_args.data.as_deref())?;
    let named = run_args.data.as_ref().map(NamedFolder::by_flag);
    let data_folder = named.or(start.data_folder.take());
    let paths = images.places(data_folder.clone())?;
    let (dataset, report) = match start.loaded.take() {
        Some(loaded) => loaded,
        None => {
            let loaded = parallel::in_turn(|| {
                load(&start.config.data, &paths).map_err(|error| {
                    point_to_images(error, &start.config.data, data_folder.as_ref())
                })
            })?;
            if let Some(report) = &loaded.1 {
                // The run's config has what was chosen, so that new files in the folder do not change it.
                start.config.data = Data::Images(report.settings.clone());
            }
            loaded
        }
    };
    if let Some(report) = &report {
        introduce(report, Some(SKIPPED));
    }
    if let Some(choice) = start.config.choose_model(&dataset) {
        ui::note(choice);
        start.check_config()?;
    }
    start.check_data(&dataset)?;
    start.warn_of_other_tests(report.as_ref());
    let config = &start.config;
    let network = config.network(dataset.train.shape, dataset.classes.len())?;
    // A GPU has memory of its own, and says itself when that is too small.
    let need =
        on_host(&selected.device).then(|| MemoryNeed::new(config, &network, dataset.train.len()));
    if let Some(need) = &need {
        let resumed = start.folder.as_ref().map(|(folder, _)| folder);
        memory::check(need, config.train.batch, resumed)?;
    }
    let training = start.training(dataset, selected)?;
    same_everywhere(&training, selected)?;
    figures.suit(&figure_context(&training))?;
    let log = log.filter(|_| parallel::is_first());
    let resumed = start.folder.as_ref().map(|(folder, _)| &*folder.path);
    if parallel::is_first() {
        figures.check_writable(resumed.unwrap_or(&run_args.out))?;
    }
    if let (Some(format), Some(folder)) = (log, resumed) {
        format.check(folder)?;
    }
    let mut records = Vec::new();
    if let Some((folder, _)) = start.folder.as_ref().filter(|_| parallel::is_first()) {
        let length = training.progress().metrics_length;
        records = kept_records(&folder.metrics(), length, training.epochs_done())?;
    }
    let (folder, _lock) = match start.folder {
        Some(locked) => locked,
        None => new_folder(|| create(&run_args.out, start.name.as_deref(), &start.config_name))?,
    };
    parallel::name_run(shell_word(&folder.path));
    if parallel::is_first() {
        // Once its config is written, the run can be resumed.
        write_config(config, &folder)?;
        if let Some(report) = report.filter(|report| !report.skipped.is_empty()) {
            write_skipped(&report.skipped, &folder)?;
        }
        let data_folder = data_folder.map(|folder| folder.path);
        about(&training, selected, data_folder)?.write(&folder.about())?;
    }

    summary::introduce(
        &training,
        start.weights.model_path(),
        need,
        &folder,
        selected,
    );
    processes::introduce(config.train.shards);
    let steps = training.steps_per_epoch() as u64;
    let log = log.map(|_| LiveLog::begin(&folder, records, steps));
    let mut display = ProgressDisplay::new(&training, &folder, clock, log.transpose()?);
    interrupt::watch()?;
    let trained = training.run(&folder, &mut display);
    let log = display.close();
    let trained = trained.map_err(|error| match error.kind() {
        ErrorKind::Interrupted => error.with_hint(format!(
            "go on with: vae train --resume {}",
            shell_word(&folder.path)
        )),
        _ => error,
    })?;
    let Some(trained) = trained else {
        return Ok(None);
    };
    // Without records, keep the curves that were drawn before.
    if !trained.history.is_empty() {
        write_png(&trained.history, &folder)?;
    }
    summary::conclude(&trained, &folder);
    let history = trained.history.clone();
    let model = LoadedModel::trained(trained, folder, selected.clone())?;
    if let Some(warning) = log.and_then(|mut log| log.add_latents(&model, &history)) {
        ui::note(warning);
    }
    if !ui::is_quiet() {
        match at_the_end(&model, &history) {
            Ok(health) => health.into_iter().for_each(ui::note),
            // The model is saved: the run has not failed.
            Err(error) => ui::note(format_args!("no health: {error}")),
        }
    }
    Ok(Some(Finished {
        model,
        history,
        figures,
    }))
}

/// Makes the folder of a new run, and locks it. The first process does so, and tells the others its path.
fn new_folder(make: impl FnOnce() -> Result<RunFolder>) -> Result<(RunFolder, Option<File>)> {
    let mut made = None;
    let path = parallel::from_first(|| {
        let folder = make()?;
        let path = folder.path.to_string_lossy().into_owned();
        made = Some((folder.lock()?, folder));
        Ok(path.into_bytes())
    })?;
    Ok(match made {
        Some((lock, folder)) => (folder, lock),
        None => {
            let path = String::from_utf8_lossy(&path).into_owned().into();
            (RunFolder { path }, None)
        }
    })
}

/// Checks that all processes train the same model on the same data with the same arithmetic.
fn same_everywhere(training: &Training, selected: &SelectedDevice) -> Result<()> {
    if parallel::count() == 1 {
        return Ok(());
    }
    parallel::all_equal("the program's version", env!("CARGO_PKG_VERSION"))?;
    let config = hash(training.config().to_toml()?.as_bytes());
    parallel::all_equal("the config (its hash)", &config)?;
    parallel::all_equal("the data (its hash)", training.data_hash())?;
    let step = training.progress().step.to_string();
    parallel::all_equal("the step to go on from", &step)?;
    let rounding = match device::kernel_instructions()?.filter(|_| on_host(&selected.device)) {
        Some(instructions) => instructions.rounding(),
        // The number of a GPU may differ.
        None => selected.name.split(':').next().unwrap_or_default(),
    };
    parallel::all_equal("the arithmetic", rounding)
}

/// The file in a run's folder that lists the images that could not be read.
const SKIPPED: &str = "skipped.csv";

/// Returns the error of a data set that is not in the folder, with a better hint if images are there.
fn point_to_images(error: Error, data: &Data, folder: Option<&NamedFolder>) -> Error {
    match folder {
        Some(folder) if !matches!(data, Data::Images(_)) && holds_images(&folder.path) => error
            .with_hint(format!(
                "this folder holds images; to train on them, leave `--config` out: vae train --data {}",
                shell_word(&folder.path)
            )),
        _ => error,
    }
}

/// Loads the data of a config. Images of one's own have a bar of their own.
fn load(data: &Data, paths: &DataPaths) -> Result<(Dataset, Option<ImageReport>)> {
    match data {
        Data::Images(_) => data::load_reported(data, paths),
        _ => ui::working("reading the data", || data::load_reported(data, paths)),
    }
}

fn write_skipped(skipped: &[SkippedImage], folder: &RunFolder) -> Result<()> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["path", "reason"])
        .map_err(Error::failed)?;
    for image in skipped {
        csv.write_record([&image.name, &image.reason])
            .map_err(Error::failed)?;
    }
    let bytes = csv.into_inner().map_err(Error::failed)?;
    folder.write(&folder.path.join(SKIPPED), &bytes)
}

/// Writes the config, unless the file holds it already: it may have a person's comments.
fn write_config(config: &Config, folder: &RunFolder) -> Result<()> {
    let path = folder.config();
    if config::read(&path).is_ok_and(|kept| kept == *config) {
        return Ok(());
    }
    folder.write(&path, config.to_toml()?.as_bytes())
}

fn figure_context(training: &Training) -> FigureContext<'_> {
    let network = training.vae().network();
    FigureContext {
        latent_count: network.latent,
        shape: network.image_shape,
        classes: &training.dataset().classes,
        conditional: network.condition.is_some(),
    }
}

fn about(
    training: &Training,
    selected: &SelectedDevice,
    data_folder: Option<PathBuf>,
) -> Result<About> {
    let found_in = training.dataset().folder.as_ref();
    Ok(About {
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        device: selected.title(),
        features: device::built_in()
            .into_iter()
            .map(|(name, _)| name.to_owned())
            .collect(),
        threads: device::threads(),
        instruction_set: device::kernel_instructions()?
            .map(|instructions| instructions.used.to_owned()),
        data: training.dataset().name.clone(),
        data_hash: training.data_hash().to_owned(),
        data_folder: data_folder.and_then(|folder| std::path::absolute(folder).ok()),
        data_found_in: found_in.and_then(|folder| std::path::absolute(folder).ok()),
        started_from: training.progress().started_from.clone(),
        parameters: training.parameter_count(),
    })
}
