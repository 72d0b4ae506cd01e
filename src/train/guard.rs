//! The diagnosis of numbers that are not finite. It replays the steps since the last good state one by one, to report
//! which step and which term failed, and what to try.

use std::path::Path;

use burn::tensor::Tensor;

use super::TrainState;
use super::step::{epoch_order, epochs_after, own_part, read_own};
use crate::config::Config;
use crate::data::Dataset;
use crate::error::{Error, Result, shell_word};
use crate::model::{Vae, export};
use crate::optimizer::{global_norm, is_skipped};
use crate::parallel::{self, Shards};
use crate::run::Record;

/// Returns an error that names the first failure between `good`, a state whose numbers are all finite, and the step
/// `to` (from 0).
/// The run is kept in `folder`.
pub fn explain(
    config: &Config,
    dataset: &Dataset,
    folder: Option<&Path>,
    good: TrainState,
    to: u64,
) -> Error {
    let count = dataset.train.len();
    let steps_per_epoch = config.train.steps_per_epoch(count) as u64;
    let from = good.progress.step;
    let loader = config.train_loader(&good.vae, count);
    let shards = match Shards::new(config.train.shards) {
        Ok(shards) => shards,
        Err(error) => return error,
    };
    let mut state = good;
    for step in from..to {
        let epoch = (step / steps_per_epoch) as usize;
        let order = epoch_order(config, count, epoch);
        let place = (step % steps_per_epoch) as usize;
        let Some(image_ids) = order.chunks(config.train.batch).nth(place) else {
            break;
        };
        let own = match read_own(&loader.at_step(step), &dataset.train, &shards, image_ids) {
            Ok(own) => own,
            Err(error) => return error,
        };
        let batch = (&shards, image_ids.len());
        parallel::begin_step();
        let (sums, gradients) = own_part(config, count, &state.vae, batch, own, step);
        let gradients = state.optimizer.total(gradients);
        let learning_rate = config.learning_rate(epochs_after(config, count, step));
        let norm = global_norm(gradients.squares());
        parallel::end_step();
        if let Some(limit) = config.train.skip_limit()
            && is_skipped(norm.clone().into_scalar(), limit)
        {
            (state, _) = state.update(gradients, learning_rate);
            continue;
        }
        let sums = match gathered(sums) {
            Ok(sums) => sums,
            Err(error) => return error,
        };
        let mut broken: Vec<String> = ["loss", "reconstruction", "KL"]
            .into_iter()
            .zip(sums)
            .filter_map(|(name, sum)| Some(format!("the {name} is {}", not_finite(sum)?)))
            .collect();
        broken.extend(describe(norm).map(|what| format!("the gradient's norm is {what}")));
        if broken.is_empty() {
            (state, _) = state.update(gradients, learning_rate);
            if let Some(name) = first_infinite_weight(&state.vae) {
                broken.push(format!("the update makes `{name}` NaN or infinite"));
            } else if !parallel::all_hold(state.is_finite()).unwrap_or(false) {
                broken.push("the optimizer's memory is NaN or infinite".into());
            }
        }
        if !broken.is_empty() {
            return broke(config, count, folder, step, &broken);
        }
    }
    Error::failed(format!(
        "training broke between steps {} and {to}: a number is not finite",
        from + 1
    ))
    .with_hint(advice(config, folder))
}

/// Returns an error if a number of an epoch's records, made after `steps` steps, is not finite. The run is kept in
/// `folder`.
pub fn unmeasurable(
    config: &Config,
    dataset: &Dataset,
    folder: Option<&Path>,
    steps: u64,
    records: &[Record],
) -> Option<Error> {
    let mut broken = Vec::new();
    for record in records {
        let values = [
            ("loss", record.loss.unwrap_or(0.0)),
            ("reconstruction", record.reconstruction),
            ("KL", record.kl.unwrap_or(0.0)),
        ];
        for (name, value) in values {
            broken.extend(
                not_finite(value as f32)
                    .map(|what| format!("the {} {name} is {what}", record.split)),
            );
        }
    }
    if broken.is_empty() {
        return None;
    }
    Some(broke(
        config,
        dataset.train.len(),
        folder,
        steps - 1,
        &broken,
    ))
}

fn broke(
    config: &Config,
    count: usize,
    folder: Option<&Path>,
    step: u64,
    broken: &[String],
) -> Error {
    let epochs = epochs_after(config, count, step);
    let learning_rate = config.learning_rate(epochs);
    Error::failed(format!(
        "training broke at step {} (epoch {}), learning rate {learning_rate:?}: {}",
        step + 1,
        epochs as u64 + 1,
        broken.join(", ")
    ))
    .with_hint(advice(config, folder))
}

/// The weight of the KL above which it, and not the learning rate, is blamed.
const HEAVY: f64 = 1e4;

fn advice(config: &Config, folder: Option<&Path>) -> String {
    let weight = config.objective.kind().kl_weight();
    if weight > HEAVY {
        return format!(
            "lower the weight of the KL, which is {weight:e} (`--set objective.{}.beta=1`), in a new run; the last good state is kept",
            config.objective.tag()
        );
    }
    let lower = config.train.learning_rate / 10.0;
    let clip = if config.train.clip.is_none() {
        ", or with a clipped gradient (`--set train.clip=10`)"
    } else {
        ""
    };
    let run = folder.map_or_else(|| "RUN".to_owned(), shell_word);
    format!(
        "the last good state is kept: go on from it with a lower learning rate{clip}: vae train --resume {run} --set train.learning_rate={lower:?}"
    )
}

/// Returns the sums of loss, reconstruction and KL over the shards of all processes, from those of this one's.
///
/// # Shapes
/// `own`: `[3 S]`.
fn gathered(own: Tensor<1>) -> Result<[f32; 3]> {
    let own = own.into_data().iter::<f32>().map(f64::from).collect();
    let all = parallel::gather(own)?;
    let (all, _) = all.as_chunks::<3>();
    Ok([0, 1, 2].map(|term| all.iter().map(|sums| sums[term] as f32).sum()))
}

/// Reads a number back and describes it as "infinite" or "not a number". Returns `None` if it is finite.
fn describe(value: Tensor<1>) -> Option<&'static str> {
    not_finite(value.into_scalar())
}

fn not_finite(value: f32) -> Option<&'static str> {
    match value {
        value if value.is_nan() => Some("not a number"),
        value if value.is_infinite() => Some("infinite"),
        _ => None,
    }
}

fn first_infinite_weight(vae: &Vae) -> Option<String> {
    export(vae)
        .into_iter()
        .find(|tensor| !tensor.is_finite())
        .map(|tensor| tensor.name)
}
