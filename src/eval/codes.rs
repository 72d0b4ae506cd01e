//! The codes of many pictures: posterior means, what they span, and their mean.

use burn::tensor::{Device, Tensor, TensorData};

use super::elbo::CHUNK;
use super::pca::{Pca, Rows};
use crate::batch::Batch;
use crate::model::{Vae, rows};
use crate::rng::Rng;

/// The posteriors of many pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Posteriors {
    /// `[N][D]`.
    pub means: Vec<Vec<f32>>,
    /// `[N][D]`: the logarithms of the variances; nothing of them holds for an autoencoder.
    pub log_vars: Vec<Vec<f32>>,
}

/// The posteriors of the pictures `indices`. `read` gives the pictures of some indices; `seen` is told after each chunk how
/// many are done.
pub fn posteriors(
    vae: &Vae,
    indices: &[u32],
    read: impl Fn(&[u32]) -> Batch,
    mut seen: impl FnMut(usize),
) -> Posteriors {
    let mut found = Posteriors::default();
    for chunk in indices.chunks(CHUNK) {
        let Batch { x, labels, .. } = read(chunk);
        let posterior = vae.encode(x, labels);
        found.means.extend(rows(posterior.mean));
        found.log_vars.extend(rows(posterior.log_var));
        seen(found.means.len());
    }
    found
}

/// Posterior means, `[N][D]`: [`posteriors`] without the variances.
pub fn codes(vae: &Vae, indices: &[u32], read: impl Fn(&[u32]) -> Batch, seen: impl FnMut(usize)) -> Vec<Vec<f32>> {
    posteriors(vae, indices, read, seen).means
}

/// The mean of codes, `[D]`.
pub fn mean(codes: &[Vec<f32>]) -> Vec<f64> {
    let latents = codes.first().map_or(0, Vec::len);
    (0..latents).map(|d| codes.iter().map(|code| f64::from(code[d])).sum::<f64>() / codes.len() as f64).collect()
}

/// The concept vector between two mean codes: from `subtract` to `add` (White 2016, section 3.4).
pub fn concept(add: &[f64], subtract: &[f64]) -> Vec<f32> {
    add.iter().zip(subtract).map(|(a, b)| (a - b) as f32).collect()
}

/// The Euclidean length of a vector.
pub fn norm(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum::<f32>().sqrt()
}

/// The lowest and the highest value of each latent.
pub fn bounds(codes: &[Vec<f32>]) -> Vec<[f32; 2]> {
    let latents = codes.first().map_or(0, Vec::len);
    let of = |d: usize, pick: fn(f32, f32) -> f32| codes.iter().map(|code| code[d]).reduce(pick).unwrap_or(0.0);
    (0..latents).map(|d| [of(d, f32::min), of(d, f32::max)]).collect()
}

/// Codes drawn uniformly from a box. A code depends on `rng` and its own key alone.
///
/// # Shapes
/// `bounds`: `[D]`, lowest and highest; `keys`: `[N]`; result: `[N, D]`.
pub fn draw_in_box(bounds: &[[f32; 2]], rng: Rng, keys: &[u32], device: &Device) -> Tensor<2> {
    let mut codes = vec![0.0; keys.len() * bounds.len()];
    for (code, &key) in codes.chunks_exact_mut(bounds.len()).zip(keys) {
        rng.at(u64::from(key)).fill_uniform(code);
        code.iter_mut().zip(bounds).for_each(|(z, [low, high])| *z = low + *z * (high - low));
    }
    Tensor::from_data(TensorData::new(codes, [keys.len(), bounds.len()]), device)
}

/// Codes along their first two principal components, and the share of the variance that each of these has.
pub fn by_pca(codes: &[Vec<f32>], device: &Device) -> (Vec<[f64; 2]>, [f64; 2]) {
    let mean = mean(codes);
    let width = mean.len();
    let read = |indices: &[u32]| {
        let values: Vec<f32> = indices.iter().flat_map(|&index| codes[index as usize].iter().copied()).collect();
        Tensor::from_data(TensorData::new(values, [indices.len(), width]), device)
    };
    let pca = Pca::fit(&Rows { count: codes.len(), width, read: &read }, 2);
    let squares = codes.iter().flat_map(|code| code.iter().zip(&mean)).map(|(&z, m)| (f64::from(z) - m).powi(2));
    let total = squares.sum::<f64>() / codes.len() as f64;
    let all: Vec<u32> = (0..codes.len() as u32).collect();
    let points = rows(pca.codes(read(&all))).into_iter().map(|point| [f64::from(point[0]), f64::from(point[1])]);
    (points.collect(), [0, 1].map(|axis| if total > 0.0 { pca.variances[axis] / total } else { 0.0 }))
}
