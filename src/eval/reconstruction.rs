//! How far the decoder's pictures are from those that were encoded.

use super::Protocol;
use super::elbo::{codes, for_each_chunk, numbers};
use crate::data::Images;
use crate::model::Vae;

/// The squared error of each picture against E[x | z], summed over its values, for one code z: drawn from q(z | x), or an
/// autoencoder's own. `vae` is without autodiff.
pub fn squared_error(vae: &Vae, images: &Images, protocol: Protocol) -> Vec<f64> {
    let mut result = Vec::with_capacity(images.len());
    for_each_chunk(images, |chunk| {
        let (batch, code) = codes(vae, images, protocol, chunk);
        let error = vae.picture(code, batch.labels) - batch.x;
        result.extend(numbers(error.square().sum_dim(1).squeeze_dim::<1>(1)));
    });
    result
}
