//! The model before the first step.

use burn::tensor::Device;

use crate::config::Config;
use crate::data::Dataset;
use crate::error::Result;
use crate::model::{OutputBias, Vae};

/// Returns the model that `config` asks for, with its first weights: drawn from the seed, the output bias and the prior's
/// pseudo-inputs from the training images where the config says so. `device` is an autodiff device.
///
/// # Errors
/// The config and the data set do not fit each other.
pub fn initial_model(config: &Config, dataset: &Dataset, device: &Device) -> Result<Vae> {
    let train = &dataset.train;
    let network = config.network(train.shape, dataset.classes.len())?;
    config.prior.kind().check_images(train.len())?;
    let mut vae = Vae::new(&network, &config.likelihood, config.rng("weights"), device);
    if network.output_bias == OutputBias::Mean {
        vae = vae.with_output_bias(&OutputBias::logits(&train.mean()?));
    }
    let pseudo_inputs = config.prior.kind().pseudo_inputs();
    if pseudo_inputs > 0 {
        let images = train.drawn_values(pseudo_inputs, config.rng("pseudo-inputs"))?;
        vae = vae.with_pseudo_inputs(&images);
    }
    Ok(vae)
}
