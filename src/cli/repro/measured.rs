//! One training of a published result, and its number by the source's protocol.

use std::time::Instant;

use crate::cli::data_arg::DataArg;
use crate::cli::interrupt;
use crate::cli::loaded_model::LoadedModel;
use crate::cli::run_args::RunArgs;
use crate::cli::train::Train;
use crate::config::{Published, PublishedMeasure, PublishedRun};
use crate::data::{Choice, Part};
use crate::device::SelectedDevice;
use crate::error::{Error, Result};
use crate::eval::{AggregatePosterior, Estimate, Importance, importance, measure};
use crate::ui;

/// The result of one training.
pub struct Measured {
    /// The value in negative nats per image.
    pub value: Estimate,
    /// log p(x) of each image; empty for any other measure.
    pub log_px: Vec<f64>,
    /// The number of active latents, in words; empty for any measure other than log p(x).
    pub active: String,
}

/// The settings of the training and the measurement.
pub struct Request<'a> {
    pub epochs: usize,
    /// The test images for log p(x).
    pub images: Choice,
    pub run_args: &'a RunArgs,
    pub device: &'a SelectedDevice,
    /// The time at which the program was started.
    pub began: Instant,
}

/// Returns the name of a training in the list of results.
pub fn run_name(recipe: &Published, run: &PublishedRun) -> String {
    if run.name.is_empty() {
        recipe.recipe.clone()
    } else {
        format!("{}-{}", recipe.recipe, run.name)
    }
}

/// Trains, or continues a stopped training, and measures the result.
pub fn measured(recipe: &Published, run: &PublishedRun, request: &Request) -> Result<Measured> {
    let mut overrides = run.set.clone();
    overrides.push("figures=[]".to_owned());
    let name = format!("repro-{}-{}", run_name(recipe, run), request.epochs);
    let run_args = request.run_args.clone();
    let train = Train::named(&recipe.preset, overrides, request.epochs, &name, run_args);
    let finished = train
        .train(request.device, request.began)
        .map_err(|error| without_changes(error, recipe))?;
    if recipe.measure == PublishedMeasure::LogPx {
        return log_px(&finished.model, recipe.importance_samples, request.images);
    }
    let value = if recipe.measure == PublishedMeasure::TrainingLoss {
        let mut records = finished.history.iter();
        let last = records.rfind(|record| record.split == "train");
        let mean = last.and_then(|record| record.loss);
        // The weights change during the epoch, so its images are no sample of one model's losses.
        mean.map(|mean| Estimate { mean, se: None })
    } else {
        let model = &finished.model;
        let (dataset, _) = model.data(&DataArg::default())?;
        let protocol = model.protocol(1, None);
        let bar = ui::image_bar("measuring", dataset.test.len());
        let measured = measure(&model.vae, &dataset.test, protocol, &mut |seen| {
            bar.set_position(seen as u64)
        });
        bar.finish_and_clear();
        let elbo = measured?.elbo();
        elbo.map(negated)
    };
    let value = value.ok_or_else(|| nothing(recipe))?;
    check_finite(&finished.model, &[value.mean])?;
    Ok(Measured {
        value,
        log_px: Vec::new(),
        active: String::new(),
    })
}

/// Returns an error whose hint does not ask for a change of the config: a recipe takes none.
fn without_changes(error: Error, recipe: &Published) -> Error {
    match error.hint() {
        Some(hint) if hint.contains("--set") => {
            let hint = format!(
                "a recipe is trained as it was published; to change it, train its preset, `vae train --config {}`: {hint}",
                recipe.preset
            );
            error.with_hint(hint)
        }
        _ => error,
    }
}

fn log_px(model: &LoadedModel, samples: usize, images: Choice) -> Result<Measured> {
    let (dataset, _) = model.data(&DataArg::default())?;
    let (test, protocol) = (&dataset.test, model.protocol(1, None));
    let part = Part::new(test, images);
    let bar = ui::sample_bar((samples * part.len()) as u64);
    let bounds = importance(&model.vae, &part, protocol, &[samples], &mut |done| {
        bar.set_position(done);
        !interrupt::asked()
    });
    bar.finish_and_clear();
    let bounds = bounds?;
    if interrupt::asked() {
        return Err(Error::interrupted("stopped; the same command goes on"));
    }
    bounds
        .iter()
        .try_for_each(|bound| check_finite(model, &bound.log_px))?;
    let bar = ui::image_bar("looking at", test.len());
    let aggregate = AggregatePosterior::read(&model.vae, test, protocol, &mut |seen| {
        bar.set_position(seen as u64)
    });
    bar.finish_and_clear();
    let aggregate = aggregate?;
    let latents = aggregate.latents();
    // A threshold of 0 is enough, because every latent is a distribution: the largest variance does not matter.
    let active = latents
        .iter()
        .filter(|latent| latent.is_active(0.0))
        .count();
    let layer = if model.config.prior.is_normal() {
        ""
    } else {
        " of the first layer"
    };
    let bound = bounds.first();
    let value = bound.map(Importance::bound).map(negated);
    Ok(Measured {
        value: value.ok_or_else(|| Error::failed("no test image was measured"))?,
        log_px: bound.map(|bound| bound.log_px.clone()).unwrap_or_default(),
        active: format!("; {active} of {} latents{layer} active", latents.len()),
    })
}

/// Checks that the numbers of a model are finite.
fn check_finite(model: &LoadedModel, numbers: &[f64]) -> Result<()> {
    if numbers.iter().all(|number| number.is_finite()) {
        return Ok(());
    }
    Err(model.broken("measured result is NaN or infinite"))
}

fn negated(Estimate { mean, se }: Estimate) -> Estimate {
    Estimate { mean: -mean, se }
}

fn nothing(recipe: &Published) -> Error {
    Error::failed(format!("{}: nothing was measured", recipe.recipe))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::published;

    #[test]
    fn a_recipe_is_not_told_to_change_its_config() {
        let recipe = &published()[0];
        let hint = |text: &str| {
            let error = without_changes(Error::request("x").with_hint(text), recipe);
            error.hint().unwrap().to_owned()
        };
        let changed = hint("a smaller batch fits: `--set train.batch=50`");
        let train = format!("`vae train --config {}`: a smaller batch", recipe.preset);
        assert!(changed.contains(&train), "{changed}");
        assert_eq!(hint("free memory"), "free memory");
    }
}
