//! The measurements after each epoch.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use burn::module::Module;

use super::TrainState;
use super::step::epochs_after;
use crate::config::Config;
use crate::data::{Dataset, Split};
use crate::error::Result;
use crate::eval::{drawn_squared_errors, importance, measure};
use crate::model::{Vae, layer_parameters};
use crate::run::Record;

/// The number of training images that an optimal sigma is fitted to; more would hardly change it.
const FIT_TO: usize = 10_000;

/// Returns the model to measure, look at and write: without autodiff and, if the likelihood's sigma is the optimal one,
/// with the sigma that fits training images best under these weights.
///
/// # Errors
/// Returns an error if an image cannot be read.
pub fn fitted_model(config: &Config, dataset: &Dataset, vae: &Vae) -> Result<Vae> {
    let vae = vae.valid();
    if !config.likelihood.kind().is_fitted() {
        return Ok(vae);
    }
    let train = &dataset.train;
    // The choice is random, because a data set may be sorted, and the same after every epoch.
    let mut some = config.rng("sigma").permutation(train.len());
    some.truncate(FIT_TO);
    let squares = drawn_squared_errors(&vae, train, &some, config.protocol())?;
    let mean = squares.iter().sum::<f64>() / (squares.len() * train.values()) as f64;
    Ok(vae.with_fitted_likelihood(mean))
}

/// Measures `model` after `epoch` epochs, and returns one record for each split.
///
/// # Errors
/// Returns an error if an image cannot be read.
pub fn records(
    config: &Config,
    dataset: &Dataset,
    state: &TrainState,
    model: &Vae,
    epoch: usize,
) -> Result<Vec<Record>> {
    let mut records = vec![train_record(config, state, dataset.train.len(), epoch)];
    records.push(record(config, "test", &dataset.test, model, epoch)?);
    if let Some(images) = &dataset.validation {
        records.push(record(config, "validation", images, model, epoch)?);
    }
    let now = now();
    for record in &mut records {
        record.step = Some(state.progress.step);
        record.timestamp = now;
    }
    Ok(records)
}

/// Returns the seconds since 1970, or `None` if the system's clock is before that.
fn now() -> Option<f64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    // To the millisecond: more digits would say nothing.
    Some(since.as_millis() as f64 / 1000.0)
}

/// Returns the running means over the epoch, without their moment, where each step counts with the weights that it had, and skipped steps do
/// not count.
fn train_record(config: &Config, state: &TrainState, image_count: usize, epoch: usize) -> Record {
    let progress = &state.progress;
    let last_step = epochs_after(config, image_count, progress.step.saturating_sub(1));
    let [loss, reconstruction, kl] = progress.sums.means();
    let kl = config.is_variational().then_some(kl);
    let layers = layer_parameters(&state.vae).into_iter();
    let layers = layers.map(|layer| layer.layer);
    Record {
        epoch,
        split: "train".into(),
        step: None,
        timestamp: None,
        loss: Some(loss),
        elbo: kl.map(|kl| -(reconstruction + kl)),
        elbo_se: None,
        reconstruction,
        kl,
        seconds: progress.seconds,
        images_per_second: (progress.sums.images + progress.skipped.images) as f64
            / progress.seconds,
        learning_rate: Some(config.learning_rate(last_step)),
        gradient_norms: layers.zip(progress.gradient_norms.means()).collect(),
        skipped_steps: progress.skipped.steps,
        changes: progress.changes.clone(),
    }
}

fn record(
    config: &Config,
    split: &str,
    images: &Split,
    model: &Vae,
    epoch: usize,
) -> Result<Record> {
    let start = Instant::now();
    let protocol = config.protocol();
    let measured = measure(model, images, protocol, &mut |_| {})?;
    let mut means = measured.means();
    if let Some(samples) = config.objective.kind().bound_samples() {
        let bounds = importance(model, images, protocol, &[samples], &mut |_| true)?;
        means.bound = bounds.first().map(|bound| bound.bound().mean);
    }
    let seconds = start.elapsed().as_secs_f64();
    let elbo = measured.elbo();
    Ok(Record {
        epoch,
        split: split.into(),
        step: None,
        timestamp: None,
        loss: config
            .objective
            .kind()
            .loss(&means, config.time(epoch as f64)),
        elbo: elbo.map(|elbo| elbo.mean),
        elbo_se: elbo.and_then(|elbo| elbo.se),
        reconstruction: measured.reconstruction().mean,
        kl: measured.kl().map(|kl| kl.mean),
        seconds,
        images_per_second: images.len() as f64 / seconds,
        learning_rate: None,
        gradient_norms: BTreeMap::new(),
        skipped_steps: 0,
        changes: Vec::new(),
    })
}
