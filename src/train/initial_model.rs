//! The model before the first step.

use burn::tensor::Device;

use crate::config::Config;
use crate::data::Dataset;
use crate::error::Result;
use crate::model::{OutputBias, Vae};

/// Returns the model that `config` describes, with weights drawn from the seed. The output bias and the prior's
/// pseudo-inputs come from the training images if the config says so. `device` is an autodiff device.
///
/// # Errors
/// Returns an error if the config and the data set do not fit each other.
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
