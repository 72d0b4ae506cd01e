//! How far the decoder's pictures are from those that were encoded.

use burn::tensor::Tensor;

use super::Protocol;
use super::elbo::{CHUNK, drawn, numbers};
use crate::batch::Batch;
use crate::data::Images;
use crate::model::{Vae, rows};

/// The squared errors of the pictures `indices` against E[x | z], summed over their values, for one code z each: drawn from
/// q(z | x), or an autoencoder's own. `vae` is without autodiff.
pub fn squared_error(vae: &Vae, images: &Images, indices: &[u32], protocol: Protocol) -> Vec<f64> {
    let mut result = Vec::with_capacity(indices.len());
    for chunk in indices.chunks(CHUNK) {
        let (batch, code) = drawn(vae, images, protocol, chunk);
        let error = vae.picture(code, batch.labels) - batch.x;
        result.extend(numbers(error.square().sum_dim(1).squeeze_dim::<1>(1)));
    }
    result
}

/// The squared error of each picture, summed over its values: of what `decoded` makes of the pictures of a batch.
pub fn reconstruction_errors(
    indices: &[u32],
    read: impl Fn(&[u32]) -> Batch,
    decoded: impl Fn(Batch) -> Tensor<2>,
) -> Vec<f64> {
    let of_chunk = |chunk: &[u32]| {
        let batch = read(chunk);
        let pairs = rows(batch.x.clone()).into_iter().zip(rows(decoded(batch)));
        pairs.map(|(a, b)| a.iter().zip(&b).map(|(a, b)| f64::from(a - b).powi(2)).sum()).collect::<Vec<f64>>()
    };
    indices.chunks(CHUNK).flat_map(of_chunk).collect()
}
