//! The transforms of the weights, G g G^T, and of their gradients, G^T u G.

use super::tile::{KernelPhase, MOST, TileLayout, pairs};
use crate::ops::kernels::pool;
use crate::ops::kernels::simd::with_widest_simd;

/// Lavin and Gray (2016), section 4.1. For a kernel of two taps the last column and row are left out.
const G: [[f32; 3]; MOST] = [
    [1.0, 0.0, 0.0],
    [0.5, 0.5, 0.5],
    [0.5, -0.5, 0.5],
    [0.0, 0.0, 1.0],
];

impl TileLayout {
    /// Returns the phase and the place in it, `[row, column]`, of every slot.
    fn of_slots(&self) -> Vec<(&KernelPhase, [usize; 2])> {
        let mut of_slots = vec![(&self.phases[0], [0, 0]); self.slots];
        for phase in &self.phases {
            for place in pairs(phase.sides()) {
                of_slots[phase.slots[place[0] * MOST + place[1]]] = (phase, place);
            }
        }
        of_slots
    }

    /// Returns G g G^T of every pair of channels: `[taps, in, out]` becomes `[slots, in, out]`.
    pub fn transformed(&self, weights: &[f32]) -> Vec<f32> {
        let [rows, columns] = self.kernel;
        let length = weights.len() / (rows * columns);
        let of_slots = self.of_slots();
        let (to, _) = pool::fill(self.slots * length, length, |slot, to| {
            let (phase, [i, j]) = of_slots[slot];
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
            let of_phase =
                |phase: &&KernelPhase| [0, 1].map(|axis| at[axis] % self.stride) == phase.first;
            let phase = self
                .phases
                .iter()
                .find(of_phase)
                .expect("every tap has one");
            let [row, column] = at.map(|at| at / self.stride);
            for [i, j] in pairs(phase.sides()) {
                let from = &sums[phase.slots[i * MOST + j] * length..][..length];
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
