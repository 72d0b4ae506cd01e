//! The weight gradient in tiles.

use super::axis::MAX_SIDE;
use super::tile::{PlaceMemory, TileLayout, pairs};
use super::transforms::{FramedTiles, InputTransform, UpstreamTransform};
use super::{SCRATCH, SUMS, VALUES, offsets_of_images, pixels_of_tiles, tiles};
use crate::ops::kernels::flex::convolution::windows::{WindowPass, Windows};
use crate::ops::kernels::product::{
    InitialSum, LeftFactor, OutputCells, RightFactor, TiledProduct,
};
use crate::ops::kernels::simd::dispatch;

/// Returns where each place lies in memory `[places, tiles, C]`, row by row.
fn place_memory(
    sides: [usize; 2],
    channels: usize,
    tiles: usize,
) -> [PlaceMemory; MAX_SIDE * MAX_SIDE] {
    let mut memory = [PlaceMemory::default(); MAX_SIDE * MAX_SIDE];
    for (number, [i, j]) in pairs(sides).enumerate() {
        memory[i * MAX_SIDE + j] = PlaceMemory {
            first: number * tiles * channels,
            step: channels,
        };
    }
    memory
}

/// The smallest number of tiles of a part of a batch.
const TILES: usize = 64;

/// The weight gradient of a convolution in tiles.
pub struct TiledGradient {
    layout: TileLayout,
    /// The numbers of channels of the big and of the small map.
    channels: [usize; 2],
    window: WindowPass,
    /// The numbers of values from one line of a tile to the next, and from one pixel to the next, in both frames.
    pitches: [[usize; 2]; 2],
    /// The offset in both frames of each tile of one image.
    tile_offsets: Vec<[usize; 2]>,
    /// The number of values of both frames.
    lengths: [usize; 2],
}

impl TiledGradient {
    /// Prepares the gradient of a convolution that [`suits`](super::suits).
    pub fn new(windows: &Windows) -> Self {
        let (big, small) = (windows.big_frame(), windows.small_frame());
        let [_, height, width] = windows.small;
        let window = windows.down();
        let pitch = |at: &dyn Fn(usize, usize) -> usize| [at(1, 0) - at(0, 0), at(0, 1) - at(0, 0)];
        let (stride, kernel) = (windows.stride, [windows.kernel; 2]);
        let pixels = pixels_of_tiles([height, width]);
        Self {
            layout: TileLayout::new(pixels, stride, kernel),
            channels: [windows.big[0], windows.small[0]],
            pitches: [
                pitch(&|y, x| window.from[y * width + x]),
                pitch(&|y, x| small.at(y, x)),
            ],
            tile_offsets: tiles(pixels, [height, width])
                .map(|pixel| [window.from[pixel], small.at(pixel / width, pixel % width)])
                .collect(),
            lengths: [big.len(), small.len()],
            window,
        }
    }

    /// Returns the smallest number of pixels of a part of a batch: with fewer, its transformed gradient takes longer to read and
    /// to write than the products.
    pub fn pixels_of_parts(&self) -> usize {
        TILES * self.layout.pixels * self.layout.pixels
    }

    /// Returns the weight gradient of a part of a batch, `[k, k, C, S]`, for the transformed one, `[slots, C, S]`, which `run` writes
    /// with [`TiledGradient::run`].
    pub fn of_part(&self, run: impl FnOnce(OutputCells<'_>)) -> Vec<f32> {
        SUMS.with_borrow_mut(|sums| {
            let length = self.layout.slots * self.channels[0] * self.channels[1];
            sums.resize(sums.len().max(length), 0.0);
            run(OutputCells::from_floats(&mut sums[..length]));
            self.layout.gradient_from_transformed(&sums[..length])
        })
    }

    /// Writes `start` plus the transformed weight gradient of `count` images to `sums`, `[slots, C, S]`.
    ///
    /// # Safety
    /// `count` is at least 1; all of `sums` is written then. No other thread uses `sums`, and with
    /// [`InitialSum::Previous`] it has been written.
    pub unsafe fn run(
        &self,
        count: usize,
        [big_frames, small_frames]: [&[f32]; 2],
        start: InitialSum<'_>,
        sums: OutputCells<'_>,
    ) {
        let layout = &self.layout;
        let [channels, columns] = self.channels;
        let phases = self.window.phase_offsets(layout, channels);
        let [big, small] = offsets_of_images(&self.tile_offsets, self.lengths, count);
        let places = layout.places.len();
        let at_a_time = (VALUES / (places * (channels + columns))).max(1);
        let rows: Vec<usize> = (0..channels).collect();
        SCRATCH.with_borrow_mut(|[inputs, upstream]| {
            let chunks = big.chunks(at_a_time).zip(small.chunks(at_a_time));
            for (chunk, (big, small)) in chunks.enumerate() {
                let count = big.len();
                inputs.resize(inputs.len().max(places * count * channels), 0.0);
                upstream.resize(upstream.len().max(places * count * columns), 0.0);
                dispatch(UpstreamTransform(FramedTiles {
                    frames: small_frames,
                    tile_offsets: small,
                    pitch: self.pitches[1],
                    channels: columns,
                    sides: layout.sides,
                    memory: &place_memory(layout.sides, columns, count),
                    to: upstream,
                }));
                // One phase after the other, so that more tiles fit into the cache.
                for (phase, offset) in layout.phases.iter().zip(&phases) {
                    let sides = phase.sides;
                    let of_phase = place_memory(sides, channels, count);
                    dispatch(InputTransform(FramedTiles {
                        frames: &big_frames[*offset..],
                        tile_offsets: big,
                        pitch: self.pitches[0],
                        channels,
                        sides,
                        memory: &of_phase,
                        to: inputs,
                    }));
                    for [i, j] in pairs(sides) {
                        let slot = phase.slots[i * MAX_SIDE + j];
                        let product = TiledProduct {
                            left: LeftFactor {
                                values: &inputs[of_phase[i * MAX_SIDE + j].first..],
                                rows: &rows,
                                segments: &[0],
                                length: count,
                                step: channels,
                            },
                            nonzero: None,
                            right: RightFactor {
                                values: &upstream[(i * layout.sides[1] + j) * count * columns..],
                                segments: &[0],
                                step: columns,
                                columns,
                            },
                            rows: &rows
                                .iter()
                                .map(|row| (slot * channels + row) * columns)
                                .collect::<Vec<_>>(),
                            start: if chunk == 0 {
                                start
                            } else {
                                InitialSum::Previous
                            },
                            rectified: false,
                        };
                        // SAFETY: the caller promises it for the first chunk, which writes all slots.
                        unsafe { product.run_shared(sums) };
                    }
                }
            }
        });
    }
}
