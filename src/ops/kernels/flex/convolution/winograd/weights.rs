//! The transforms of the weights, G g G^T, and of their gradients, G^T u G.

use super::tile::{PLACES, SIDE};
use crate::ops::kernels::simd::with_widest_simd;

/// Lavin and Gray (2016), section 4.1.
const G: [[f32; 3]; SIDE] = [
    [1.0, 0.0, 0.0],
    [0.5, 0.5, 0.5],
    [0.5, -0.5, 0.5],
    [0.0, 0.0, 1.0],
];

/// Returns G g G^T of every pair of channels: `[3 x 3, in, out]` becomes `[4 x 4, in, out]`.
pub fn transformed(weights: &[f32], [inputs, outputs]: [usize; 2]) -> Vec<f32> {
    let length = inputs * outputs;
    // G g, and then (G g) G^T.
    let mut half = vec![0.0; SIDE * 3 * length];
    let mut to = vec![0.0; PLACES * length];
    for (i, factors) in G.iter().enumerate() {
        for (row, factor) in factors.iter().enumerate() {
            let from = &weights[row * 3 * length..][..3 * length];
            add_scaled(from, *factor, &mut half[i * 3 * length..][..3 * length]);
        }
        for (j, factors) in G.iter().enumerate() {
            for (column, factor) in factors.iter().enumerate() {
                let from = &half[(i * 3 + column) * length..][..length];
                add_scaled(from, *factor, &mut to[(i * SIDE + j) * length..][..length]);
            }
        }
    }
    to
}

/// Adds G^T u G of every pair of channels to `weights`, `[3 x 3, in, out]`.
pub fn gradient_from_transformed(sums: &[f32], weights: &mut [f32]) {
    let length = sums.len() / PLACES;
    // G^T u, and then (G^T u) G.
    let mut half = vec![0.0; 3 * SIDE * length];
    for (i, factors) in G.iter().enumerate() {
        for (row, factor) in factors.iter().enumerate() {
            let from = &sums[i * SIDE * length..][..SIDE * length];
            add_scaled(
                from,
                *factor,
                &mut half[row * SIDE * length..][..SIDE * length],
            );
        }
    }
    for row in 0..3 {
        for (j, factors) in G.iter().enumerate() {
            for (column, factor) in factors.iter().enumerate() {
                let from = &half[(row * SIDE + j) * length..][..length];
                add_scaled(
                    from,
                    *factor,
                    &mut weights[(row * 3 + column) * length..][..length],
                );
            }
        }
    }
}

fn add_scaled(from: &[f32], factor: f32, to: &mut [f32]) {
    if factor == 0.0 {
        return;
    }
    with_widest_simd(
        #[inline(always)]
        || {
            to.iter_mut()
                .zip(from)
                .for_each(|(to, from)| *to += factor * from);
        },
    );
}
