//! When a number stops being finite: replay the steps since the last good state one by one, and say which step and
//! which term broke, and what to try.

use burn::tensor::Tensor;

use crate::error::Error;
use crate::model::Vae;

use super::optimizer::{collect, global_norm};
use super::step::{gradients, learning_rate};
use super::{Job, Updater};

/// Names what broke between `from` (a step, counted from 0, whose model and optimiser are good) and `to`.
pub fn explain(job: &Job, mut vae: Vae, mut updater: Updater, from: u64, to: u64) -> Error {
    let device = vae.device();
    let mut order = (usize::MAX, Vec::new());
    for step in from..to {
        let epoch = (step / job.steps_per_epoch() as u64) as usize;
        if order.0 != epoch {
            order = (epoch, job.order(epoch));
        }
        let place = (step % job.steps_per_epoch() as u64) as usize;
        let Some(indices) = order.1.chunks(job.settings.batch).nth(place) else { break };
        let (terms, mut gradients) = gradients(job, &vae, indices, step, &device);
        let named = [("loss", terms.loss), ("distortion", terms.distortion), ("rate", terms.rate)];
        let mut broken: Vec<String> = named
            .into_iter()
            .filter_map(|(name, values)| describe(values.inner().sum()).map(|what| format!("the {name} is {what}")))
            .collect();
        let flat = collect(&vae, &mut gradients);
        broken.extend(describe(global_norm(&flat)).map(|what| format!("the gradient's norm is {what}")));
        if broken.is_empty() {
            let (next, _) = super::train_step(job, vae, &mut updater, indices, step);
            vae = next;
            if let Some(name) = first_infinite_weight(&vae) {
                broken.push(format!("the update makes `{name}` infinite or not a number"));
            }
        }
        if !broken.is_empty() {
            let rate = learning_rate(job, step);
            return Error::failed(format!(
                "training broke at step {} (epoch {}), learning rate {rate}: {}",
                step + 1,
                epoch + 1,
                broken.join(", ")
            ))
            .with_hint(advice(job));
        }
    }
    Error::failed(format!("training broke between steps {} and {to}: a number is not finite", from + 1))
        .with_hint(advice(job))
}

fn advice(job: &Job) -> String {
    let lower = job.settings.rate / 10.0;
    let clip = if job.settings.clip.is_none() { " or clip the gradient (`--set train.clip=10`)" } else { "" };
    format!("lower the learning rate (`--set train.rate={lower}`){clip} in a new run; the last good state is kept")
}

/// "infinite" or "not a number"; nothing for a finite value.
fn describe(value: Tensor<1>) -> Option<&'static str> {
    let value: f32 = value.into_scalar();
    match value {
        value if value.is_nan() => Some("not a number"),
        value if value.is_infinite() => Some("infinite"),
        _ => None,
    }
}

fn first_infinite_weight(vae: &Vae) -> Option<String> {
    let tensors = crate::model::export(vae);
    tensors.into_iter().find(|tensor| !tensor.values.iter().all(|value| value.is_finite())).map(|tensor| tensor.name)
}
