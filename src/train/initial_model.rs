//! The model before the first step.

use burn::tensor::Device;

use crate::config::Config;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::model::{OutputBias, Vae, Vamp};

/// Returns the model that `config` asks for, with its first weights: drawn from the seed, the output bias and the prior's
/// pseudo-inputs from the training images where the config says so. `device` is an autodiff device.
///
/// # Errors
/// The config and the data set do not fit each other.
pub fn initial_model(config: &Config, dataset: &Dataset, device: &Device) -> Result<Vae> {
    let train = &dataset.train;
    let network = config.network(train.shape, dataset.classes.len())?;
    let pseudo_inputs = network.pseudo_inputs().map(|[count, _]| count);
    if let Some(count) = pseudo_inputs.filter(|count| *count > train.len()) {
        return Err(Error::request(format!(
            "prior.vamp.pseudo_inputs is {count}; expected at most the {} training images, which they start as",
            train.len()
        )));
    }
    let mut vae = Vae::new(&network, &config.likelihood, config.rng("weights"), device);
    if network.output_bias == OutputBias::Mean {
        vae = vae.with_output_bias(&OutputBias::logits(&train.mean()?));
    }
    if let Some(count) = pseudo_inputs {
        let images = train.drawn_values(count, config.rng("pseudo-inputs"))?;
        vae = vae.with_pseudo_inputs(&Vamp::logits(&images));
    }
    Ok(vae)
}
