//! The product that maps one feature map to another, in tiles.

use super::tile::TileLayout;
use super::transforms::{FramedTiles, InputTransform, OutputTransform};
use super::{SCRATCH, VALUES, offsets_of_images, pixels_of_tiles, tiles};
use crate::ops::kernels::flex::convolution::windows::WindowPass;
use crate::ops::kernels::product::{
    InitialSum, LeftFactor, OutputCells, RightFactor, TiledProduct,
};
use crate::ops::kernels::simd::dispatch;

/// A pass of a convolution in tiles.
pub struct TiledMaps {
    layout: TileLayout,
    /// The numbers of channels of the input and of the output.
    channels: [usize; 2],
    /// The numbers of values from one line of a tile to the next, and from one pixel to the next, in the frame and in the
    /// output.
    pitches: [[usize; 2]; 2],
    /// The offset in the frame of the first pixel of each phase, counted from that of the tile.
    phase_offsets: Vec<usize>,
    /// The offset in the frame, and in the output, of each tile of one image.
    tile_offsets: Vec<[usize; 2]>,
    /// The number of values of a frame, and of an output image.
    lengths: [usize; 2],
    /// `[slots, in, out]`.
    weights: Vec<f32>,
}

impl TiledMaps {
    /// Prepares a pass over windows with `stride`, which computes `[H, W]` = `map` pixels of images of `lengths` values: those of
    /// a frame and of an output. `weights` are `[taps, in, out]` in the order of the pass.
    pub fn new(
        pass: &WindowPass,
        stride: usize,
        weights: &[f32],
        channels: [usize; 2],
        map: [usize; 2],
        lengths: [usize; 2],
    ) -> Self {
        let [inputs, _] = channels;
        let kernel = [pass.segments.len(), pass.length / inputs];
        let pixels = pixels_of_tiles(map);
        let layout = TileLayout::new(pixels, stride, kernel);
        let pitch = |places: &[usize]| [places[map[1]] - places[0], places[1] - places[0]];
        Self {
            channels,
            pitches: [pitch(&pass.from), pitch(&pass.to)],
            phase_offsets: pass.phase_offsets(&layout, inputs),
            tile_offsets: tiles(pixels, map)
                .map(|pixel| [pass.from[pixel] + pass.segments[0], pass.to[pixel]])
                .collect(),
            lengths,
            weights: layout.transformed(weights),
            layout,
        }
    }

    /// Computes the maps of `count` framed images and writes them to `out`.
    ///
    /// # Safety
    /// No other thread uses the pixels of this pass in `out`.
    pub unsafe fn run(
        &self,
        frames: &[f32],
        count: usize,
        bias: &[f32],
        out: OutputCells<'_>,
        rectified: bool,
    ) {
        let layout = &self.layout;
        let [inputs, outputs] = self.channels;
        let [from, to] = offsets_of_images(&self.tile_offsets, self.lengths, count);
        let values = [layout.slots * inputs, layout.places.len() * outputs];
        let at_a_time = (VALUES / (values[0] + values[1])).max(1);
        SCRATCH.with_borrow_mut(|[before, after]| {
            for (from, to) in from.chunks(at_a_time).zip(to.chunks(at_a_time)) {
                let count = from.len();
                before.resize(before.len().max(count * values[0]), 0.0);
                after.resize(after.len().max(count * values[1]), 0.0);
                for (phase, offset) in layout.phases.iter().zip(&self.phase_offsets) {
                    dispatch(InputTransform(FramedTiles {
                        frames: &frames[*offset..],
                        tile_offsets: from,
                        pitch: self.pitches[0],
                        channels: inputs,
                        sides: phase.sides,
                        memory: &layout.phase_memory(phase, inputs, count),
                        to: before,
                    }));
                }
                let rows = |step: usize| (0..count).map(|tile| tile * step).collect::<Vec<_>>();
                let right = rows(outputs);
                let mut left = Vec::new();
                for (number, place) in layout.places.iter().enumerate() {
                    let length = place.phases * inputs;
                    if left.get(1) != Some(&length) {
                        left = rows(length);
                    }
                    TiledProduct {
                        left: LeftFactor {
                            values: &before[place.slot * count * inputs..],
                            rows: &left,
                            segments: &[0],
                            length,
                            step: 1,
                        },
                        nonzero: None,
                        right: RightFactor {
                            values: &self.weights[place.slot * inputs * outputs..],
                            segments: &[0],
                            step: outputs,
                            columns: outputs,
                        },
                        rows: &right,
                        start: InitialSum::Zero,
                        rectified: false,
                    }
                    .run(&mut after[number * count * outputs..]);
                }
                // The caller promises that these pixels are this call's alone.
                dispatch(OutputTransform {
                    from: after,
                    sides: layout.sides,
                    bias,
                    tile_offsets: to,
                    pitch: self.pitches[1],
                    rectified,
                    out,
                });
            }
        });
    }
}
