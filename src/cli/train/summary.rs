//! The messages before the first step and after the last.

use std::path::Path;

use crate::device::SelectedDevice;
use crate::error::shell_word;
use crate::eval::plus_minus;
use crate::model::Features;
use crate::objective::{NO_ELBO, NO_PRIOR};
use crate::report::architecture::network_words;
use crate::report::{byte_size, short_count};
use crate::run::{RunFolder, best_validation};
use crate::train::{Ending, MemoryNeed, TrainedModel, Training};
use crate::ui;
use crate::words::counted;

/// Prints the model, the data, the device and the folder of a training. `first_model` is the file that its first weights
/// were read from.
pub fn introduce(
    training: &Training,
    first_model: Option<&Path>,
    need: Option<MemoryNeed>,
    folder: &RunFolder,
    selected: &SelectedDevice,
) {
    if let Some(remark) = &selected.remark {
        ui::note(format_args!(
            "{remark}: training on `{}` (`vae devices` lists what there is)",
            selected.name
        ));
    }
    let (config, dataset) = (training.config(), training.dataset());
    let network = training.vae().network();
    let memory = need.map_or_else(String::new, |need| {
        format!(
            "; needs about {} of memory besides the data (activations {})",
            byte_size(need.bytes()),
            byte_size(need.activations())
        )
    });
    ui::note(format_args!(
        "{}: {} train and {} of {}; {}, {} parameters, {} multiply-adds per image, on {}{memory}",
        dataset.name,
        dataset.train.len(),
        counted(dataset.test.len(), "test image"),
        Features::Map(dataset.train.shape),
        network_words(config, network),
        training.parameter_count(),
        short_count(network.multiply_adds()),
        selected.title(),
    ));
    if !config.augment.is_off() {
        ui::note(format_args!(
            "training images are augmented: {}",
            config.augment.words()
        ));
    }
    if config.train.average_decay().is_some() {
        ui::note(format_args!(
            "the model and what is measured have the weights' moving average (train.ema = {}); the last weights are in {}",
            config.train.ema,
            folder.last().display()
        ));
    }
    if training.ending() == Some(Ending::AllEpochs) {
        ui::note("this run has done all its epochs; go on with more by `--epochs N`");
    }
    let from = match training.progress().step {
        0 => String::new(),
        step => format!(", which goes on after step {step}"),
    };
    ui::note(format_args!("run {}{from}", folder.path.display()));
    for change in training.changes() {
        ui::note(change);
    }
    if let (0, Some(model)) = (training.progress().step, &training.progress().started_from) {
        let name =
            first_model.map_or_else(|| model.model.clone(), |path| path.display().to_string());
        let hash = &model.model_hash;
        ui::note(format_args!(
            "the first weights are those of {name} ({hash})"
        ));
    }
    if selected.model.is_some() {
        ui::note(format_args!(
            "{} compiles its kernels first, which takes minutes where it is software",
            selected.name
        ));
    }
}

/// Prints the last test ELBO with its protocol, and the files to look at.
pub fn conclude(trained: &TrainedModel, folder: &RunFolder) {
    let (config, history) = (&trained.config, &trained.history);
    let tests = || history.iter().filter(|record| record.split == "test");
    // The records of the model's epoch may be lost, when `metrics.jsonl` was removed meanwhile.
    let of_model = tests().rfind(|record| record.epoch == trained.epoch);
    let Some(record) = of_model.or(tests().next_back()) else {
        return;
    };
    let error = plus_minus(record.elbo_se, 2);
    let (count, seed) = (counted(trained.dataset.test.len(), "image"), config.seed);
    let (data, pixels) = (config.data.kind(), config.data.kind().pixels());
    let class = if config.condition.is_some() {
        "given the class, "
    } else {
        ""
    };
    match (record.elbo, record.kl) {
        (Some(elbo), Some(kl)) => ui::note(format_args!(
            "test ELBO {elbo:.2} {error} nats per image (reconstruction {:.2} + KL {kl:.2}; {count}, {} pixels, {class}1 sample of z, seed {seed})",
            record.reconstruction,
            data.pixels_name(),
        )),
        _ => ui::note(format_args!(
            "test reconstruction {:.2} nats per image ({count}, {} pixels, {class}seed {seed})\n{NO_ELBO}",
            record.reconstruction,
            data.pixels_name(),
        )),
    }
    if let Some(caveat) = config.likelihood.kind().caveat(pixels.is_binary()) {
        ui::note(format_args!("not a log-likelihood: {caveat}"));
    }
    if let Ending::OutOfPatience(since_best) = trained.ending {
        let score = record.elbo.map_or("reconstruction", |_| "ELBO");
        let done = history.last().map_or(trained.epoch, |last| last.epoch);
        ui::note(format_args!(
            "ended early: the validation {score} has not improved for {}, after {done} of {} (train.patience = {}); to go on: vae train --resume {} --set train.patience=0",
            counted(since_best, "epoch"),
            config.train.epochs,
            config.train.patience,
            shell_word(&folder.path)
        ));
    }
    if let Some(best) = best_validation(history) {
        let (what, value) = best
            .elbo
            .map_or(("reconstruction", best.reconstruction), |elbo| {
                ("ELBO", elbo)
            });
        let model = match config.train.patience {
            0 => "that model is",
            _ => "that is the run's model,",
        };
        ui::note(format_args!(
            "the best validation {what} is {value:.2}, after epoch {}; {model} {}",
            best.epoch,
            folder.best().display()
        ));
    }
    let samples = folder.samples(record.epoch);
    if samples.is_file() {
        ui::note(format_args!("look at {}", samples.display()));
    }
    if !config.is_variational() {
        ui::note(NO_PRIOR);
    }
    if data.trains_on_test() {
        ui::note("not a test: the test images are among those trained on");
    }
}
