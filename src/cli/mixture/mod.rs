//! The mixture of Gaussians that `vae sample --from mixture:K` draws latents from. It is fitted when it is first asked
//! for, and kept in the run's folder until the model or its data changes.

mod file;

use std::path::Path;

use self::file::{MixtureCard, VERSION};
use super::data_arg::DataArg;
use super::interrupt;
use super::loaded_model::LoadedModel;
use crate::data::Split;
use crate::density::GaussianMixture;
use crate::error::{Error, Result};
use crate::eval::{
    MOST_ITERATIONS, Posteriors, TOLERANCE, fit_mixture, latent_densities, plus_minus,
};
use crate::rng::Rng;
use crate::{files, ui};

/// Returns the mixture of `count` Gaussians on the latents of a model, and says what it is.
///
/// # Errors
/// Returns an error if the data cannot be read, or is other data and `argument` does not accept that; if a latent is not
/// finite; if there are fewer training images than components; or if the program is interrupted.
pub fn fitted(model: &LoadedModel, argument: &DataArg, count: usize) -> Result<GaussianMixture> {
    let data_hash = match argument.given() {
        Some(_) => model.data(argument)?.1.clone(),
        None => model.card.data_hash.clone(),
    };
    let path = model.run_folder().map(|folder| folder.mixture(count));
    if let Some((card, mixture)) = path.as_deref().and_then(file::read)
        && card.model_hash == model.hash
        && card.data_hash == data_hash
        && mixture.components.len() == count
        && mixture.components[0].mean.len() == model.vae.network().latent
    {
        describe(model, &card);
        return Ok(mixture);
    }
    let (card, mixture) = fit(model, argument, count)?;
    if let Some(path) = &path {
        keep(path, &card, &mixture);
    }
    describe(model, &card);
    Ok(mixture)
}

/// Checks that there is a training image for each of `count` components. This is known before the images are encoded, which
/// can take minutes.
pub fn check_count(count: usize, images: usize) -> Result<()> {
    if count <= images {
        return Ok(());
    }
    Err(Error::request(format!(
        "--from mixture:{count}: there are only {images} training images; expected at most one component for each"
    )))
}

fn fit(
    model: &LoadedModel,
    argument: &DataArg,
    count: usize,
) -> Result<(MixtureCard, GaussianMixture)> {
    let (dataset, data_hash) = model.data(argument)?;
    let images = dataset.train.len();
    check_count(count, images)?;
    let rng = Rng::new(model.config.seed).stream("mixture");
    let train = encoded_posteriors(model, &dataset.train)?;
    interrupt::watch()?;
    let bar = ui::step_bar(MOST_ITERATIONS);
    bar.set_message(format!("fitting a mixture of {count}"));
    let fit = fit_mixture(&train, count, rng, &mut |done| {
        bar.set_position(done as u64);
        !interrupt::asked()
    });
    bar.finish_and_clear();
    let Some(fit) = fit? else {
        return Err(Error::interrupted(
            "stopped while a mixture was fitted; nothing is written",
        ));
    };
    let test = encoded_posteriors(model, &dataset.test)?;
    let densities = latent_densities(&fit.mixture, &test, rng.stream("test"));
    let card = MixtureCard {
        mixture_version: VERSION,
        model_hash: model.hash.clone(),
        data_hash: data_hash.clone(),
        components: count,
        images,
        iterations: fit.bounds.len() - 1,
        converged: fit.converged,
        test_images: test.means.len(),
        log_density: densities.mixture.mean,
        log_density_se: densities.mixture.se,
        standard_normal_log_density: densities.standard_normal.mean,
        standard_normal_log_density_se: densities.standard_normal.se,
    };
    Ok((card, fit.mixture))
}

/// Returns the posteriors of a split: for an autoencoder, points without variances.
fn encoded_posteriors(model: &LoadedModel, images: &Split) -> Result<Posteriors> {
    let ids = images.first_ids(images.len());
    let bar = ui::image_bar("encoding", ids.len());
    let found = model.posteriors(images, &ids, |seen| bar.set_position(seen as u64));
    bar.finish_and_clear();
    let mut found = found?;
    if !model.config.is_variational() {
        found.log_vars.clear();
    }
    Ok(found)
}

/// Keeps the mixture. It can be fitted again, so the samples do not fail if it cannot be written.
fn keep(path: &Path, card: &MixtureCard, mixture: &GaussianMixture) {
    let kept = file::to_bytes(card, mixture).and_then(|bytes| files::write_inside(path, &bytes));
    if let Err(error) = kept {
        ui::note(format_args!(
            "warning: {error}; the mixture will be fitted again next time"
        ));
    }
}

/// Says what the latents are drawn from.
fn describe(model: &LoadedModel, card: &MixtureCard) {
    ui::note(format_args!(
        "note: the latents come from a Gaussian mixture fitted to the latents of {} training images, not from the model's prior; the ELBO is unchanged",
        card.images
    ));
    if !card.converged {
        ui::note(format_args!(
            "note: the fit stopped after {} iterations, although the last one still gained more than {TOLERANCE} nats per image",
            card.iterations
        ));
    }
    let is_prior = model.vae.network().prior.is_normal() && model.config.is_variational();
    let number = |mean: f64, se: Option<f64>| format!("{mean:.2} {}", plus_minus(se, 2));
    ui::note(format_args!(
        "log density of the latents of {} test images, in nats per image: {} under the mixture, {} under N(0, I), {}",
        card.test_images,
        number(card.log_density, card.log_density_se),
        number(
            card.standard_normal_log_density,
            card.standard_normal_log_density_se
        ),
        if is_prior {
            "the prior"
        } else {
            "which is not this model's prior"
        }
    ));
}
