//! The places of a transformed tile, and the parts of the kernel that meet at each.

use super::axis::{MAX_SIDE, MAX_TAPS};

/// The numbers of taps in a row (or column) of a kernel phase for which there is a tile.
pub const TAPS: std::ops::RangeInclusive<usize> = 2..=MAX_TAPS;

/// The number of values between the places in memory. Without it the places of a tile would often lie a multiple of a page apart,
/// and compete for the same few lines of the first-level cache.
pub const GAP: usize = 16;

/// The rows and columns of a kernel that read the pixels of one phase of the stride: every second one for stride 2, and
/// all of them for stride 1. On those pixels they are a kernel with stride 1.
#[derive(Clone, Debug)]
pub struct KernelPhase {
    /// Its first row and column of the kernel.
    pub first: [usize; 2],
    /// The numbers of its rows and columns.
    pub taps: [usize; 2],
    /// The numbers of its rows and columns of places.
    pub sides: [usize; 2],
    /// Its slot at each place, row by row; [`MAX_SIDE`] to a row.
    pub slots: [usize; MAX_SIDE * MAX_SIDE],
}

/// A place of a transformed tile: one matrix product over the channels of all phases that have this place.
#[derive(Clone, Copy, Debug)]
pub struct TilePlace {
    /// Its first slot. The slots of its other phases follow.
    pub slot: usize,
    /// The number of phases that have the place.
    pub phases: usize,
}

/// Where the values of one place of all tiles lie in memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlaceMemory {
    /// The offset of the first channel of the first tile.
    pub first: usize,
    /// The number of values from one tile to the next.
    pub step: usize,
}

/// The way in which a kernel is taken apart. A transformed tile of the input has a slot, that is one value for each
/// channel, for each phase at each place, `[slots, C]`. One of the output has one for each place, `[places, C]`.
#[derive(Clone, Debug)]
pub struct TileLayout {
    /// The number of pixels of the output in a row of a tile, and in a column: 2 or 4.
    pub pixels: usize,
    /// The distance of the pixels of a phase.
    pub stride: usize,
    /// The numbers of rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// All phases, in the order of their first rows and columns.
    pub phases: Vec<KernelPhase>,
    /// The numbers of rows and columns of places.
    pub sides: [usize; 2],
    /// All places, row by row.
    pub places: Vec<TilePlace>,
    /// The number of slots.
    pub slots: usize,
}

/// Returns all pairs of a row and a column, row by row.
pub fn pairs([rows, columns]: [usize; 2]) -> impl Iterator<Item = [usize; 2]> {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| [row, column]))
}

impl TileLayout {
    /// Takes a kernel of `[rows, columns]` taps apart, where each phase has a number of rows and columns among [`TAPS`].
    pub fn new(pixels: usize, stride: usize, kernel: [usize; 2]) -> Self {
        let mut phases: Vec<KernelPhase> = pairs([stride, stride])
            .map(|first| {
                let taps = [0, 1].map(|axis| (kernel[axis] - first[axis]).div_ceil(stride));
                KernelPhase {
                    first,
                    taps,
                    sides: taps.map(|taps| taps + pixels - 1),
                    slots: [0; MAX_SIDE * MAX_SIDE],
                }
            })
            .collect();
        let sides = [0, 1].map(|axis| {
            let sides = phases.iter().map(|phase| phase.sides[axis]);
            sides.max().unwrap_or_default()
        });
        let mut slots = 0;
        let mut places = Vec::new();
        for [row, column] in pairs(sides) {
            let slot = slots;
            for phase in &mut phases {
                let [rows, columns] = phase.sides;
                if row < rows && column < columns {
                    phase.slots[row * MAX_SIDE + column] = slots;
                    slots += 1;
                }
            }
            places.push(TilePlace {
                slot,
                phases: slots - slot,
            });
        }
        Self {
            pixels,
            stride,
            kernel,
            phases,
            sides,
            places,
            slots,
        }
    }

    /// Returns where the values of `phase` lie at each place, in memory `[places, tiles, phases, C]` with a [`GAP`] after each
    /// place. A place that the phase lacks gets any valid offset and is not used.
    pub fn phase_memory(
        &self,
        phase: &KernelPhase,
        channels: usize,
        tile_count: usize,
    ) -> [PlaceMemory; MAX_SIDE * MAX_SIDE] {
        let mut memory = [PlaceMemory::default(); MAX_SIDE * MAX_SIDE];
        for (number, place) in self.places.iter().enumerate() {
            let at = number / self.sides[1] * MAX_SIDE + number % self.sides[1];
            memory[at] = PlaceMemory {
                first: self.first(number, channels, tile_count)
                    + phase.slots[at].saturating_sub(place.slot) * channels,
                step: place.phases * channels,
            };
        }
        memory
    }

    /// Returns the offset of the place `number` in the memory that [`TileLayout::phase_memory`] describes.
    pub fn first(&self, number: usize, channels: usize, tile_count: usize) -> usize {
        self.places[number].slot * tile_count * channels + number * GAP
    }

    /// Returns the number of the tap (row, column) of a phase among all taps of the kernel, row by row.
    pub fn tap(&self, phase: &KernelPhase, [row, column]: [usize; 2]) -> usize {
        let [row, column] = [
            phase.first[0] + row * self.stride,
            phase.first[1] + column * self.stride,
        ];
        row * self.kernel[1] + column
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_with_stride_two_has_four_phases() {
        let slots = |pixels| {
            [(1, 2), (1, 3), (2, 4), (2, 5)]
                .map(|(stride, kernel)| TileLayout::new(pixels, stride, [kernel; 2]).slots)
        };
        // The multiplications of a tile, instead of 16, 36, 64 and 100 for 2 x 2 pixels, and four times as many for 4 x 4.
        assert_eq!(slots(2), [9, 16, 36, 49]);
        assert_eq!(slots(4), [25, 36, 100, 121]);
    }

    #[test]
    fn every_tap_belongs_to_one_phase() {
        let layout = TileLayout::new(2, 2, [5, 4]);
        let mut taps: Vec<usize> = layout
            .phases
            .iter()
            .flat_map(|phase| pairs(phase.taps).map(|tap| layout.tap(phase, tap)))
            .collect();
        taps.sort_unstable();
        assert_eq!(taps, (0..20).collect::<Vec<_>>());
    }
}
