//! How far the decoder's images are from those that were encoded.

use burn::tensor::Tensor;

use super::Protocol;
use super::elbo::{CHUNK, drawn, numbers};
use crate::batch::Batch;
use crate::data::Images;
use crate::model::Vae;

/// The squared errors of the images `indices` against E[x | z], summed over their values, for one latent z each: drawn from
/// q(z | x), or an autoencoder's own. `vae` is without autodiff.
pub fn drawn_squared_errors(
    vae: &Vae,
    images: &Images,
    indices: &[u32],
    protocol: Protocol,
) -> Vec<f64> {
    let of_chunk = |chunk: &[u32]| {
        let (batch, z) = drawn(vae, images, protocol, chunk);
        of_each(batch.x, vae.decode_mean(z, batch.labels))
    };
    indices.chunks(CHUNK).flat_map(of_chunk).collect()
}

/// The squared error of each image, summed over its values: of what `decoded` makes of a batch against its images. It is
/// told which images of their split these are.
///
/// # Shapes
/// `decoded`: `[B, P]`, in [0, 1].
pub fn squared_errors(
    indices: &[u32],
    read: impl Fn(&[u32]) -> Batch,
    decoded: impl Fn(Batch, &[u32]) -> Tensor<2>,
) -> Vec<f64> {
    let of_chunk = |chunk: &[u32]| {
        let batch = read(chunk);
        of_each(batch.x.clone(), decoded(batch, chunk))
    };
    indices.chunks(CHUNK).flat_map(of_chunk).collect()
}

fn of_each(x: Tensor<2>, decoded: Tensor<2>) -> Vec<f64> {
    numbers((x - decoded).square().sum_dim(1).squeeze_dim::<1>(1))
}
