//! The construction of a model from saved weights.

use burn::tensor::Device;

use super::parameters::find;
use super::{Likelihood, NamedTensor, Network, Vae, import};
use crate::error::Result;
use crate::rng::Rng;

/// Returns the model of a network with the weights `tensors`.
///
/// # Errors
/// Returns an error if a tensor is missing or has another shape. This is checked before the model is built, because a
/// damaged file could ask for a huge model.
pub fn load(
    network: &Network,
    likelihood: &Likelihood,
    tensors: &[NamedTensor],
    device: &Device,
) -> Result<Vae> {
    for parameter in network.parameters() {
        find(tensors, &parameter.name, &parameter.shape)?;
    }
    let mut model = Vae::new(network, likelihood, Rng::new(0), device);
    if likelihood.kind().is_fitted() {
        // A saved model holds the fitted value, which replaces this one.
        model = model.with_fitted_likelihood(1.0);
    }
    import(model, tensors)
}
