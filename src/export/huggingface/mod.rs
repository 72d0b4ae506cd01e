//! A model as a folder for the Hugging Face Hub: the weights, a card, and the model as a plain PyTorch module.

mod body;
mod card;
mod likelihood;
mod modeling;
mod modules;
mod prior;
mod quoted;
mod weights;

use serde_json::json;

pub use card::TO_DO;

use super::exported_model::ExportedModel;
use crate::error::{Error, Result};
use crate::figure::NamedFile;
use crate::run::exports::{CARD, CONFIG, MODELING, SAMPLES, WEIGHTS};

/// Returns the files of the folder. `samples` is a PNG of samples from the prior, if the model has one.
///
/// # Errors
/// Returns an error if the model's config cannot be written.
pub fn files(model: &ExportedModel, samples: Option<Vec<u8>>) -> Result<Vec<NamedFile>> {
    let card = card::card(model, samples.is_some())?;
    let weights = weights::with_format(&model.file.to_bytes()?)?;
    let mut files = vec![
        (CARD, card.into_bytes()),
        (CONFIG, config(model)?.into_bytes()),
        (WEIGHTS, weights),
        (MODELING, modeling::modeling(model).into_bytes()),
    ];
    files.extend(samples.map(|samples| (SAMPLES, samples)));
    let named = files.into_iter();
    Ok(named
        .map(|(name, bytes)| NamedFile::new(name, bytes))
        .collect())
}

/// Returns `config.json`, which the Hub reads to count downloads.
fn config(model: &ExportedModel) -> Result<String> {
    let config = serde_json::to_value(&model.file.config).map_err(Error::failed)?;
    let all = json!({
        "model_type": "vae",
        "library_name": "vae",
        "vae_version": env!("CARGO_PKG_VERSION"),
        "image": model.image_settings(),
        "latent": model.network.latent,
        "classes": model.file.card.classes,
        "parameters": model.file.config.parameter_count(&model.network),
        "config": config,
    });
    Ok(format!("{all:#}\n"))
}

#[cfg(test)]
mod tests;
