//! The transforms of the weights, G g G^T, and of their gradients, G^T u G.

use super::tile::{KernelPhase, MAX_SIDE, TileLayout, pairs};
use crate::ops::kernels::pool;
use crate::ops::kernels::simd::with_widest_simd;

/// Lavin and Gray (2016), section 4.1. For a kernel of two taps the last column and row are left out.
const G: [[f32; 3]; MAX_SIDE] = [
    [1.0, 0.0, 0.0],
    [0.5, 0.5, 0.5],
    [0.5, -0.5, 0.5],
    [0.0, 0.0, 1.0],
];

impl TileLayout {
    /// Returns the phase and the place in it, `[row, column]`, of every slot.
    fn phase_of_each_slot(&self) -> Vec<(&KernelPhase, [usize; 2])> {
        let mut phase_of_each_slot = vec![(&self.phases[0], [0, 0]); self.slots];
        for phase in &self.phases {
            for place in pairs(phase.sides()) {
                phase_of_each_slot[phase.slots[place[0] * MAX_SIDE + place[1]]] = (phase, place);
            }
        }
        phase_of_each_slot
    }

    /// Returns G g G^T of every pair of channels: `[taps, in, out]` becomes `[slots, in, out]`.
    pub fn transformed(&self, weights: &[f32]) -> Vec<f32> {
        let [rows, columns] = self.kernel;
        let length = weights.len() / (rows * columns);
        let phase_of_each_slot = self.phase_of_each_slot();
        let (to, _) = pool::fill(self.slots * length, length, |slot, to| {
            let (phase, [i, j]) = phase_of_each_slot[slot];
            for tap in pairs(phase.taps) {
                let from = &weights[self.tap(phase, tap) * length..][..length];
                add_scaled(from, G[i][tap[0]] * G[j][tap[1]], to);
            }
        });
        to
    }

    /// Returns G^T u G of every pair of channels: `[slots, C, S]` becomes `[taps, C, S]`.
    pub fn gradient_from_transformed(&self, sums: &[f32]) -> Vec<f32> {
        let length = sums.len() / self.slots;
        let [rows, columns] = self.kernel;
        let (to, _) = pool::fill(rows * columns * length, length, |tap, to| {
            let at = [tap / columns, tap % columns];
            // The phases are in the order of their first rows and columns.
            let [first_row, first_column] = at.map(|at| at % self.stride);
            let phase = &self.phases[first_row * self.stride + first_column];
            let [row, column] = at.map(|at| at / self.stride);
            for [i, j] in pairs(phase.sides()) {
                let from = &sums[phase.slots[i * MAX_SIDE + j] * length..][..length];
                add_scaled(from, G[i][row] * G[j][column], to);
            }
        });
        to
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
