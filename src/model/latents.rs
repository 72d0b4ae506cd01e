//! Lines and grids of latents, and the images that they are decoded to.

use burn::tensor::{Tensor, TensorData};

use super::{Vae, rows};

/// The number of latents that are decoded together, small enough to limit the memory of a convolution's maps.
const AT_A_TIME: usize = 250;

/// Returns copies of `base` in which one or two dimensions take each of `values`. The first of `dims` grows from left
/// to right; the second, if given, from the bottom up, as on a graph.
///
/// # Shapes
/// `base`: `[D]`; result: rows of `D` numbers, row by row from the top.
pub fn grid(base: &[f32], dims: &[usize], values: &[f32]) -> Vec<Vec<f32>> {
    let moved = |z: &[f32], latent: usize, value: f32| {
        let mut z = z.to_vec();
        z[latent] = value;
        z
    };
    match *dims {
        [] => vec![base.to_vec()],
        [across] => values
            .iter()
            .map(|&value| moved(base, across, value))
            .collect(),
        [across, up, ..] => values
            .iter()
            .rev()
            .flat_map(|&value| grid(&moved(base, up, value), &[across], values))
            .collect(),
    }
}

/// Returns E[x | z] of each latent, in [0, 1]. A conditional model decodes images of `class`.
///
/// # Shapes
/// `latents`: rows of `D` numbers; result: rows of `P`.
pub fn decode(vae: &Vae, latents: &[Vec<f32>], class: Option<u32>) -> Vec<Vec<f32>> {
    decode_each(
        vae,
        latents,
        &vec![class.unwrap_or_default(); latents.len()],
    )
}

/// Returns E[x | z] of each latent, in [0, 1]. A conditional model decodes each as an image of its own class.
///
/// # Shapes
/// `latents`: rows of `D` numbers; `classes`: `[N]`; result: rows of `P`.
pub fn decode_each(vae: &Vae, latents: &[Vec<f32>], classes: &[u32]) -> Vec<Vec<f32>> {
    let device = vae.device();
    let some = |(latents, classes): (&[Vec<f32>], &[u32])| {
        let z = Tensor::from_data(
            TensorData::new(latents.concat(), [latents.len(), vae.network().latent]),
            &device,
        );
        rows(vae.decode_mean(z, vae.labels(classes)))
    };
    latents
        .chunks(AT_A_TIME)
        .zip(classes.chunks(AT_A_TIME))
        .flat_map(some)
        .collect()
}
