//! The transforms of the weights, G g G^T, and of their gradients, G^T u G.

use super::tile::{PLACES, SIDE};
use crate::ops::kernels::pool;
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
    let mut to = vec![0.0; PLACES * length];
    pool::for_each(
        to.chunks_exact_mut(SIDE * length).zip(&G),
        |(to, factors)| {
            // A line of G g, and then of (G g) G^T.
            let mut half = vec![0.0; 3 * length];
            for (row, factor) in factors.iter().enumerate() {
                add_scaled(
                    &weights[row * 3 * length..][..3 * length],
                    *factor,
                    &mut half,
                );
            }
            for (to, factors) in to.chunks_exact_mut(length).zip(&G) {
                for (from, factor) in half.chunks_exact(length).zip(factors) {
                    add_scaled(from, *factor, to);
                }
            }
        },
    );
    to
}

/// Returns G^T u G of every pair of channels: `[4 x 4, C, S]` becomes `[3 x 3, C, S]`.
pub fn gradient_from_transformed(sums: &[f32]) -> Vec<f32> {
    let length = sums.len() / PLACES;
    let mut weights = vec![0.0; 3 * 3 * length];
    let rows = weights.chunks_exact_mut(3 * length).enumerate();
    pool::for_each(rows, |(row, to)| {
        // A line of G^T u, and then of (G^T u) G.
        let mut half = vec![0.0; SIDE * length];
        for (from, factors) in sums.chunks_exact(SIDE * length).zip(&G) {
            add_scaled(from, factors[row], &mut half);
        }
        for (column, to) in to.chunks_exact_mut(length).enumerate() {
            for (from, factors) in half.chunks_exact(length).zip(&G) {
                add_scaled(from, factors[column], to);
            }
        }
    });
    weights
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
