//! Steps that several scores share.

use crate::rng::Rng;

/// Returns two halves of the images, drawn at random: one to fit on, one to measure on.
pub fn halves(count: usize, rng: Rng) -> [Vec<u32>; 2] {
    let order = rng.stream("halves").permutation(count);
    let (fitted, held_out) = order.split_at(count.div_ceil(2));
    [fitted.to_vec(), held_out.to_vec()]
}

/// Returns the latents of some images.
pub fn latents_of(means: &[Vec<f32>], indices: &[u32]) -> Vec<Vec<f32>> {
    indices
        .iter()
        .map(|&index| means[index as usize].clone())
        .collect()
}

/// Returns the difference between the largest value and the next, or the value itself if it is the only one.
pub fn gap(mut values: Vec<f64>) -> f64 {
    values.sort_by(|a, b| b.total_cmp(a));
    values.first().unwrap_or(&0.0) - values.get(1).unwrap_or(&0.0)
}

pub fn average(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
