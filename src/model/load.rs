//! A model from saved weights.

use burn::tensor::Device;

use super::parameters::find;
use super::{Likelihood, NamedTensor, Network, Vae, import};
use crate::error::Result;
use crate::rng::Rng;

/// Returns the model of a network with the weights `tensors`.
///
/// # Errors
/// Where one is missing or of another shape. That is found out before the model is built, because its size is what a file
/// says.
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
        // A model that was written holds what was fitted, which replaces this.
        model = model.with_fitted_likelihood(1.0);
    }
    import(model, tensors)
}
