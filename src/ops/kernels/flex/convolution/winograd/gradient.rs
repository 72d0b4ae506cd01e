//! The weight gradient in tiles.

use super::axis::MAX_SIDE;
use super::tile::{GAP, PlaceMemory, TileLayout, pairs};
use super::transforms::{InputTransform, MapTiles, TransformedTiles, UpstreamTransform};
use super::{SCRATCH, SUMS, VALUES, pixels_of_tiles, tiles, tiles_of_maps};
use crate::ops::kernels::flex::convolution::windows::Windows;
use crate::ops::kernels::product::{
    InitialSum, LeftFactor, OutputCells, RightFactor, TiledProduct,
};
use crate::ops::kernels::simd::dispatch;

/// Returns where each place lies in memory `[places, tiles, C]` with a [`GAP`] after each place, row by row.
fn place_memory(
    sides: [usize; 2],
    channels: usize,
    tiles: usize,
) -> [PlaceMemory; MAX_SIDE * MAX_SIDE] {
    let mut memory = [PlaceMemory::default(); MAX_SIDE * MAX_SIDE];
    for (number, [i, j]) in pairs(sides).enumerate() {
        memory[i * MAX_SIDE + j] = PlaceMemory {
            first: number * (tiles * channels + GAP),
            step: channels,
        };
    }
    memory
}

/// The number of tiles that a part of a batch should have.
const TILES: usize = 64;

/// The weight gradient of a convolution in tiles.
pub struct TiledGradient {
    layout: TileLayout,
    /// The numbers of channels of the big and of the small map.
    channels: [usize; 2],
    /// The heights and widths of the big and of the small map.
    sizes: [[usize; 2]; 2],
    /// The line and the column of both maps for the first pixel of each tile.
    tiles: [Vec<[isize; 2]>; 2],
}

impl TiledGradient {
    /// Prepares the gradient of a convolution that [`suits`](super::suits).
    pub fn new(windows: &Windows) -> Self {
        let (big, [_, height, width]) = (windows.big_frame(), windows.small);
        let window = windows.down();
        let pixels = pixels_of_tiles([height, width]);
        let tiles = || tiles(pixels, [height, width]);
        Self {
            layout: TileLayout::new(pixels, windows.stride, [windows.kernel; 2]),
            channels: [windows.big[0], windows.small[0]],
            sizes: [big.map, [height, width]],
            tiles: [
                tiles()
                    .map(|pixel| big.coordinates(window.from[pixel]))
                    .collect(),
                tiles()
                    .map(|pixel| [pixel / width, pixel % width].map(|at| at as isize))
                    .collect(),
            ],
        }
    }

    /// Returns the number of pixels that a part of a batch should have: with fewer, its transformed gradient takes longer to read
    /// and to write than the products.
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

    /// Writes `start` plus the transformed weight gradient of `count` images, whose maps are `[H, W, C]`, to `sums`, `[slots, C, S]`.
    ///
    /// # Safety
    /// `count` is at least 1; all of `sums` is written then. No other thread uses `sums`, and with
    /// [`InitialSum::Previous`] it has been written.
    pub unsafe fn run(
        &self,
        count: usize,
        [big_maps, small_maps]: [&[f32]; 2],
        start: InitialSum<'_>,
        sums: OutputCells<'_>,
    ) {
        let layout = &self.layout;
        let [channels, columns] = self.channels;
        let [big, small] = [0, 1].map(|map| {
            let length = self.channels[map] * self.sizes[map].iter().product::<usize>();
            tiles_of_maps(&self.tiles[map], length, count)
        });
        let places = layout.places.len();
        let at_a_time = (VALUES / (places * (channels + columns))).max(1);
        let rows: Vec<usize> = (0..channels).collect();
        SCRATCH.with_borrow_mut(|[inputs, upstream]| {
            let chunks = big.chunks(at_a_time).zip(small.chunks(at_a_time));
            for (chunk, (big, small)) in chunks.enumerate() {
                let count = big.len();
                let length = |channels: usize| places * (count * channels + GAP);
                inputs.resize(inputs.len().max(length(channels)), 0.0);
                upstream.resize(upstream.len().max(length(columns)), 0.0);
                let of_upstream = place_memory(layout.sides, columns, count);
                let tiles = MapTiles {
                    maps: small_maps,
                    tiles: small,
                    size: self.sizes[1],
                    channels: columns,
                    first: [0, 0],
                    stride: 1,
                };
                let transformed = TransformedTiles {
                    sides: layout.sides,
                    memory: &of_upstream,
                    to: upstream,
                };
                dispatch(UpstreamTransform(tiles, transformed));
                // One phase after the other, so that more tiles fit into the cache.
                for phase in &layout.phases {
                    let sides = phase.sides;
                    let of_phase = place_memory(sides, channels, count);
                    let tiles = MapTiles {
                        maps: big_maps,
                        tiles: big,
                        size: self.sizes[0],
                        channels,
                        first: phase.first,
                        stride: layout.stride,
                    };
                    let transformed = TransformedTiles {
                        sides,
                        memory: &of_phase,
                        to: inputs,
                    };
                    dispatch(InputTransform(tiles, transformed));
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
                                values: &upstream[of_upstream[i * MAX_SIDE + j].first..],
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
