//! Codes in lines and grids, and what they are decoded to.

use burn::tensor::{Tensor, TensorData};

use super::{Vae, rows};

/// Codes that go through the decoder together: as many as keep a convolution's maps small.
const AT_A_TIME: usize = 250;

/// Codes that differ from `base` in one or two latents, which take each of `values`: the first of `dims` from left to
/// right; the second, where there is one, from the bottom up, as on a graph.
///
/// # Shapes
/// `base`: `[D]`; result: rows of `D` numbers, row by row from the top.
pub fn grid(base: &[f32], dims: &[usize], values: &[f32]) -> Vec<Vec<f32>> {
    let moved = |code: &[f32], latent: usize, value: f32| {
        let mut code = code.to_vec();
        code[latent] = value;
        code
    };
    match *dims {
        [] => vec![base.to_vec()],
        [across] => values.iter().map(|&value| moved(base, across, value)).collect(),
        [across, up, ..] => {
            values.iter().rev().flat_map(|&value| grid(&moved(base, up, value), &[across], values)).collect()
        }
    }
}

/// E[x | z] of each code, in [0, 1]; of a conditional model as pictures of `class`.
///
/// # Shapes
/// `codes`: rows of `D` numbers; result: rows of `P`.
pub fn decode(vae: &Vae, codes: &[Vec<f32>], class: Option<u8>) -> Vec<Vec<f32>> {
    let device = vae.device();
    let some = |codes: &[Vec<f32>]| {
        let z = Tensor::from_data(TensorData::new(codes.concat(), [codes.len(), vae.blueprint().latent]), &device);
        rows(vae.picture(z, vae.labels(&vec![class.unwrap_or_default(); codes.len()])))
    };
    codes.chunks(AT_A_TIME).flat_map(some).collect()
}
