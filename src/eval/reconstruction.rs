//! How far the decoder's pictures are from those that were encoded.

use super::Protocol;
use super::elbo::{CHUNK, codes, numbers};
use crate::data::Images;
use crate::model::Vae;

/// The squared errors of the pictures `indices` against E[x | z], summed over their values, for one code z each: drawn from
/// q(z | x), or an autoencoder's own. `vae` is without autodiff.
pub fn squared_error(vae: &Vae, images: &Images, indices: &[u32], protocol: Protocol) -> Vec<f64> {
    let mut result = Vec::with_capacity(indices.len());
    for chunk in indices.chunks(CHUNK) {
        let (batch, code) = codes(vae, images, protocol, chunk);
        let error = vae.picture(code, batch.labels) - batch.x;
        result.extend(numbers(error.square().sum_dim(1).squeeze_dim::<1>(1)));
    }
    result
}
