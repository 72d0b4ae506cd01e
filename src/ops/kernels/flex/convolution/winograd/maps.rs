//! The product that maps one feature map to another, in tiles.

use super::tile::{GAP, TileLayout};
use super::transforms::{InputTransform, MapTiles, OutputTransform, TransformedTiles};
use super::{SCRATCH, VALUES, pixels_of_tiles, tiles, tiles_of_maps};
use crate::ops::kernels::flex::convolution::windows::{Frame, WindowPass};
use crate::ops::kernels::product::{
    InitialSum, LeftFactor, OutputCells, RightFactor, TiledProduct,
};
use crate::ops::kernels::simd::dispatch;

/// A pass of a convolution in tiles.
pub struct TiledMaps {
    layout: TileLayout,
    /// The numbers of channels of the input and of the output.
    channels: [usize; 2],
    /// The height and width of the input map.
    size: [usize; 2],
    /// The line and the column of the input map for the first pixel of each tile.
    tiles: Vec<[isize; 2]>,
    /// The offset of each tile in the output map.
    outputs: Vec<usize>,
    /// The number of values of the output from one line of a tile to the next, and from one pixel to the next.
    pitch: [usize; 2],
    /// The numbers of values of an input and of an output map.
    lengths: [usize; 2],
    /// `[slots, in, out]`.
    weights: Vec<f32>,
}

impl TiledMaps {
    /// Prepares a pass over windows with `stride`, whose places are those of this `frame`. It computes `[H, W]` = `map` pixels of output maps of
    /// `length` values. `weights` are `[taps, in, out]` in the order of the pass.
    pub fn new(
        pass: &WindowPass,
        frame: &Frame,
        stride: usize,
        weights: &[f32],
        channels: [usize; 2],
        map: [usize; 2],
        length: usize,
    ) -> Self {
        let [inputs, _] = channels;
        let kernel = [pass.segments.len(), pass.length / inputs];
        let pixels = pixels_of_tiles(map);
        let layout = TileLayout::new(pixels, stride, kernel);
        let place = |pixel: usize| frame.coordinates(pass.from[pixel] + pass.segments[0]);
        Self {
            channels,
            size: frame.map,
            tiles: tiles(pixels, map).map(place).collect(),
            outputs: tiles(pixels, map).map(|pixel| pass.to[pixel]).collect(),
            pitch: [map[1], 1].map(|pixel| pass.to[pixel] - pass.to[0]),
            lengths: [frame.bare().len(), length],
            weights: layout.transformed(weights),
            layout,
        }
    }

    /// Computes the output maps for `count` input maps, `[H, W, C]`, and writes them to `out`.
    ///
    /// # Safety
    /// No other thread uses the pixels of this pass in `out`.
    pub unsafe fn run(
        &self,
        maps: &[f32],
        count: usize,
        bias: &[f32],
        out: OutputCells<'_>,
        rectified: bool,
    ) {
        let layout = &self.layout;
        let [inputs, outputs] = self.channels;
        let from = tiles_of_maps(&self.tiles, self.lengths[0], count);
        let to: Vec<usize> = (0..count)
            .flat_map(|map| {
                self.outputs
                    .iter()
                    .map(move |to| map * self.lengths[1] + to)
            })
            .collect();
        let values = [layout.slots * inputs, layout.places.len() * outputs];
        let at_a_time = (VALUES / (values[0] + values[1])).max(1);
        SCRATCH.with_borrow_mut(|[before, after]| {
            for (from, to) in from.chunks(at_a_time).zip(to.chunks(at_a_time)) {
                let count = from.len();
                let [length_before, length_after] =
                    values.map(|values| count * values + layout.places.len() * GAP);
                before.resize(before.len().max(length_before), 0.0);
                after.resize(after.len().max(length_after), 0.0);
                for phase in &layout.phases {
                    let tiles = MapTiles {
                        maps,
                        tiles: from,
                        size: self.size,
                        channels: inputs,
                        first: phase.first,
                        stride: layout.stride,
                    };
                    let transformed = TransformedTiles {
                        sides: phase.sides,
                        memory: &layout.phase_memory(phase, inputs, count),
                        to: before,
                    };
                    dispatch(InputTransform(tiles, transformed));
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
                            values: &before[layout.first(number, inputs, count)..],
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
                    .run(&mut after[number * (count * outputs + GAP)..]);
                }
                let pixels = OutputTransform {
                    from: after,
                    sides: layout.sides,
                    bias,
                    tile_offsets: to,
                    pitch: self.pitch,
                    rectified,
                    out,
                };
                // SAFETY: the caller promises that these pixels are this call's alone.
                unsafe { pixels.run() };
            }
        });
    }
}
