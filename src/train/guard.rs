//! When a number stops being finite: replay the steps since the last good state one by one, and say which step and
//! which term broke, and what to try.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

use crate::error::Error;
use crate::model::Vae;
use crate::optimizer::{OptimizerState, collect, global_norm};
use crate::run::Record;

use super::Job;
use super::step::{gradients, learning_rate, watched_step};

/// Names what broke between `from` (a step, counted from 0, whose model and optimiser are good) and `to`.
pub fn explain(job: &Job, mut vae: Vae, mut updater: OptimizerState, from: u64, to: u64) -> Error {
    let loader = job.loader(&vae);
    let mut order = (usize::MAX, Vec::new());
    for step in from..to {
        let epoch = (step / job.steps_per_epoch() as u64) as usize;
        if order.0 != epoch {
            order = (epoch, job.order(epoch));
        }
        let place = (step % job.steps_per_epoch() as u64) as usize;
        let Some(indices) = order.1.chunks(job.settings.batch).nth(place) else {
            break;
        };
        let batch = match loader.at_step(step).batch(&job.dataset.train, indices) {
            Ok(batch) => batch,
            Err(error) => return error,
        };
        let (terms, mut gradients) = gradients(job, &vae, batch.clone(), indices, step);
        let named = [
            ("loss", Some(terms.loss)),
            ("reconstruction", Some(terms.reconstruction)),
            ("KL", terms.kl),
        ];
        let mut broken: Vec<String> = named
            .into_iter()
            .filter_map(|(name, values)| Some((name, values?)))
            .filter_map(|(name, values)| {
                describe(values.inner().sum()).map(|what| format!("the {name} is {what}"))
            })
            .collect();
        let flat = collect(&vae, &mut gradients);
        broken.extend(
            describe(global_norm(&flat)).map(|what| format!("the gradient's norm is {what}")),
        );
        if broken.is_empty() {
            (vae, ..) = watched_step(job, vae, &mut updater, batch, indices, step, false);
            if let Some(name) = first_infinite_weight(&vae) {
                broken.push(format!(
                    "the update makes `{name}` infinite or not a number"
                ));
            } else if !is_finite(&vae, &updater) {
                broken.push("the optimiser's memory is infinite or not a number".into());
            }
        }
        if !broken.is_empty() {
            return broke(job, step, &broken);
        }
    }
    Error::failed(format!(
        "training broke between steps {} and {to}: a number is not finite",
        from + 1
    ))
    .with_hint(advice(job))
}

/// What is not finite in an epoch's records, which were made after `step` steps.
pub fn unmeasurable(job: &Job, step: u64, records: &[Record]) -> Option<Error> {
    let mut broken = Vec::new();
    for record in records {
        let values = [
            ("loss", record.loss.unwrap_or(0.0)),
            ("reconstruction", record.reconstruction),
            ("KL", record.kl.unwrap_or(0.0)),
        ];
        for (name, value) in values {
            broken.extend(
                named(value as f32).map(|what| format!("the {} {name} is {what}", record.split)),
            );
        }
    }
    if broken.is_empty() {
        None
    } else {
        Some(broke(job, step - 1, &broken))
    }
}

fn broke(job: &Job, step: u64, broken: &[String]) -> Error {
    let rate = learning_rate(job, step);
    let epoch = step / job.steps_per_epoch() as u64 + 1;
    Error::failed(format!(
        "training broke at step {} (epoch {epoch}), learning rate {rate:?}: {}",
        step + 1,
        broken.join(", ")
    ))
    .with_hint(advice(job))
}

/// Whether every weight and all that the optimiser remembers is finite. One number is read back.
pub fn is_finite(vae: &Vae, updater: &OptimizerState) -> bool {
    struct Zeros(Vec<Tensor<1>>);
    impl ModuleVisitor for Zeros {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            // 0 times anything finite is 0.
            self.0.push((param.val().inner() * 0.0).sum());
        }
    }
    let mut zeros = Zeros(
        updater
            .slots()
            .iter()
            .flatten()
            .map(|slot| (slot.clone() * 0.0).sum())
            .collect(),
    );
    vae.visit(&mut zeros);
    let sum: f32 = Tensor::cat(zeros.0, 0).sum().into_scalar();
    sum == 0.0
}

fn advice(job: &Job) -> String {
    let lower = job.settings.learning_rate / 10.0;
    let clip = if job.settings.clip.is_none() {
        " or clip the gradient (`--set train.clip=10`)"
    } else {
        ""
    };
    format!(
        "lower the learning rate (`--set train.learning_rate={lower:?}`){clip} in a new run; the last good state is kept"
    )
}

/// "infinite" or "not a number"; nothing for a finite value.
fn describe(value: Tensor<1>) -> Option<&'static str> {
    named(value.into_scalar())
}

fn named(value: f32) -> Option<&'static str> {
    match value {
        value if value.is_nan() => Some("not a number"),
        value if value.is_infinite() => Some("infinite"),
        _ => None,
    }
}

fn first_infinite_weight(vae: &Vae) -> Option<String> {
    let tensors = crate::model::export(vae);
    tensors
        .into_iter()
        .find(|tensor| !tensor.values.iter().all(|value| value.is_finite()))
        .map(|tensor| tensor.name)
}
