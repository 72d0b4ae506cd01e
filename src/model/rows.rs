//! Matrices as rows of numbers on the host.

use burn::tensor::Tensor;

/// Returns the indices of `latents`, ordered by the distance to their mean, nearest first.
///
/// # Shapes
/// `latents`: rows of `D` numbers.
pub fn nearest_to_mean(latents: &[Vec<f32>]) -> Vec<usize> {
    let latent_count = latents.first().map_or(0, Vec::len);
    let mean: Vec<f32> = (0..latent_count)
        .map(|d| latents.iter().map(|z| z[d]).sum::<f32>() / latents.len() as f32)
        .collect();
    let distance = |z: &[f32]| {
        z.iter()
            .zip(&mean)
            .map(|(z, m)| (z - m).powi(2))
            .sum::<f32>()
    };
    let mut order: Vec<(f32, usize)> = latents.iter().map(|z| distance(z)).zip(0..).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    order.into_iter().map(|(_, index)| index).collect()
}

/// Copies the rows of a matrix from its device and returns them.
pub fn rows(matrix: Tensor<2>) -> Vec<Vec<f32>> {
    let [_, width] = matrix.dims();
    let values: Vec<f32> = matrix.into_data().iter().collect();
    values.chunks_exact(width).map(<[f32]>::to_vec).collect()
}
