//! Winograd's way of convolving with 3 x 3 kernels at stride 1: F(2x2, 3x3) of Lavin and Gray (2016, section 4.1).
//!
//! Four pixels of the output, a tile, come from 4 x 4 pixels d of the input as A^T [(G g G^T) . (B^T d B)] A, with the
//! kernel g. The product "." is one number for each of 16 places, and over the channels it becomes 16 matrix products. They
//! take 16 multiplications for 4 pixels, where the windows take 36. The transforms are additions.

mod tile;
mod transforms;
mod weights;

use std::cell::RefCell;

use self::tile::PLACES;
use self::transforms::{FramedTiles, InputTransform, OutputTransform, UpstreamTransform};
pub use self::weights::gradient_from_transformed;
use self::weights::transformed;
use super::windows::{WindowPass, Windows};
use crate::ops::kernels::product::{
    InitialSum, LeftFactor, OutputCells, RightFactor, TiledProduct,
};
use crate::ops::kernels::simd::dispatch;

/// The channels of both maps are multiples of this number, so that whole vectors hold them on every machine, and at least
/// as many: with fewer the transforms take longer than the multiplications that they save.
const CHANNELS: usize = 16;

/// The number of values of the transformed tiles that are processed at a time; they stay in the second-level cache.
const VALUES: usize = 96 * 1024;

/// The gap between the values of two tiles, so that the tiles of a product do not share the same places of a cache.
const GAP: usize = 16;

thread_local! {
    /// Memory for the transformed input and output of some tiles.
    static SCRATCH: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// Returns whether a convolution can be done in tiles, and is faster so.
pub fn suits(windows: &Windows) -> bool {
    let [_, height, width] = windows.small;
    let channels = [windows.big[0], windows.small[0]];
    windows.kernel == 3
        && windows.stride == 1
        && windows.big[1..] == windows.small[1..]
        && [height, width].iter().all(|side| side.is_multiple_of(2))
        && channels
            .iter()
            .all(|count| *count >= CHANNELS && count.is_multiple_of(CHANNELS))
}

/// Returns the first of each square of four pixels of a map, `[H, W]`, line by line.
fn tiles([height, width]: [usize; 2]) -> impl Iterator<Item = usize> {
    (0..height)
        .step_by(2)
        .flat_map(move |y| (0..width).step_by(2).map(move |x| y * width + x))
}

/// A map product in tiles.
pub struct TiledMaps {
    /// The numbers of channels of the input and of the output.
    channels: [usize; 2],
    /// The number of values in a line of the frame, and in a line of the output.
    pitches: [usize; 2],
    /// The place in the frame, and in the output, of each tile of one image.
    places: Vec<[usize; 2]>,
    /// The number of values of a frame, and of an output image.
    lengths: [usize; 2],
    /// `[16, in, out]`.
    weights: Vec<f32>,
}

impl TiledMaps {
    /// Prepares the only pass of a convolution between maps of `map` height and width, with weights `[3 x 3, in, out]` in
    /// the order of the pass. A frame has `frame` values.
    pub fn new(
        pass: &WindowPass,
        weights: &[f32],
        channels: [usize; 2],
        map: [usize; 2],
        frame: usize,
    ) -> Self {
        let [_, outputs] = channels;
        Self {
            channels,
            pitches: [pass.segments[1] - pass.segments[0], map[1] * outputs],
            places: tiles(map)
                .map(|pixel| [pass.from[pixel] + pass.segments[0], pass.to[pixel]])
                .collect(),
            lengths: [frame, map[0] * map[1] * outputs],
            weights: transformed(weights, channels),
        }
    }

    /// Computes the maps of `count` framed images and writes them to `out`.
    pub fn run(
        &self,
        frames: &[f32],
        count: usize,
        bias: &[f32],
        out: OutputCells<'_>,
        rectified: bool,
    ) {
        let [inputs, outputs] = self.channels;
        let steps = self.channels.map(|channels| PLACES * channels + GAP);
        let tiles: Vec<[usize; 2]> = (0..count)
            .flat_map(|image| {
                let [frame, map] = self.lengths.map(|length| image * length);
                self.places
                    .iter()
                    .map(move |[from, to]| [from + frame, to + map])
            })
            .collect();
        let at_a_time = (VALUES / (steps[0] + steps[1])).max(1);
        SCRATCH.with_borrow_mut(|scratch| {
            let [before, after] = scratch;
            for tiles in tiles.chunks(at_a_time) {
                before.resize(before.len().max(tiles.len() * steps[0]), 0.0);
                after.resize(after.len().max(tiles.len() * steps[1]), 0.0);
                let rows = |step: usize| (0..tiles.len()).map(|tile| tile * step).collect();
                let [from, to]: [Vec<usize>; 2] = steps.map(rows);
                dispatch(InputTransform(FramedTiles {
                    frames,
                    tiles: tiles.iter().map(|[from, _]| *from),
                    pitch: self.pitches[0],
                    channels: inputs,
                    to: before,
                    step: steps[0],
                }));
                for place in 0..PLACES {
                    TiledProduct {
                        left: LeftFactor {
                            values: &before[place * inputs..],
                            rows: &from,
                            segments: &[0],
                            length: inputs,
                            step: 1,
                        },
                        nonzero: None,
                        right: RightFactor {
                            values: &self.weights[place * inputs * outputs..],
                            segments: &[0],
                            step: outputs,
                            columns: outputs,
                        },
                        rows: &to,
                        start: InitialSum::Zero,
                        rectified: false,
                    }
                    .run(&mut after[place * outputs..]);
                }
                dispatch(OutputTransform {
                    from: after,
                    step: steps[1],
                    bias,
                    tiles: tiles.iter().map(|[_, to]| *to),
                    pitch: self.pitches[1],
                    rectified,
                    out,
                });
            }
        });
    }
}

/// Returns the number of values of a transformed weight gradient, `[4 x 4, C, S]`.
pub fn gradient_values(windows: &Windows) -> usize {
    PLACES * windows.big[0] * windows.small[0]
}

/// Writes `start` plus the transformed weight gradient of `count` images to `sums`, `[4 x 4, C, S]`;
/// [`gradient_from_transformed`] turns the sum into the gradient that
/// [`weight_gradient`](super::gradients::weight_gradient) gives.
///
/// # Safety
/// No other thread uses `sums`, and with [`InitialSum::Previous`] it has been written.
pub unsafe fn tiled_weight_gradient(
    windows: &Windows,
    count: usize,
    [big_frames, small_frames]: [&[f32]; 2],
    start: InitialSum<'_>,
    sums: OutputCells<'_>,
) {
    let (big, small) = (windows.big_frame(), windows.small_frame());
    let ([channels, ..], [columns, height, width]) = (windows.big, windows.small);
    let window = windows.down();
    let steps = [channels, columns].map(|channels| PLACES * channels + GAP);
    let tiles: Vec<[usize; 2]> = (0..count)
        .flat_map(|image| {
            let (big, small) = (image * big.len(), &small);
            let window = &window;
            tiles([height, width]).map(move |pixel| {
                [
                    big + window.from[pixel],
                    image * small.len() + small.at(pixel / width, pixel % width),
                ]
            })
        })
        .collect();
    let at_a_time = (VALUES / (steps[0] + steps[1])).max(1);
    let rows: Vec<usize> = (0..channels).collect();
    let to = |place: usize| {
        rows.iter()
            .map(move |row| (place * channels + row) * columns)
    };
    SCRATCH.with_borrow_mut(|scratch| {
        let [inputs, upstream] = scratch;
        for (chunk, tiles) in tiles.chunks(at_a_time).enumerate() {
            inputs.resize(inputs.len().max(tiles.len() * steps[0]), 0.0);
            upstream.resize(upstream.len().max(tiles.len() * steps[1]), 0.0);
            dispatch(InputTransform(FramedTiles {
                frames: big_frames,
                tiles: tiles.iter().map(|[from, _]| *from),
                pitch: window.segments[1] - window.segments[0],
                channels,
                to: inputs,
                step: steps[0],
            }));
            dispatch(UpstreamTransform(FramedTiles {
                frames: small_frames,
                tiles: tiles.iter().map(|[_, from]| *from),
                pitch: small.at(1, 0) - small.at(0, 0),
                channels: columns,
                to: upstream,
                step: steps[1],
            }));
            for place in 0..PLACES {
                let product = TiledProduct {
                    left: LeftFactor {
                        values: &inputs[place * channels..],
                        rows: &rows,
                        segments: &[0],
                        length: tiles.len(),
                        step: steps[0],
                    },
                    nonzero: None,
                    right: RightFactor {
                        values: &upstream[place * columns..],
                        segments: &[0],
                        step: steps[1],
                        columns,
                    },
                    rows: &to(place).collect::<Vec<_>>(),
                    start: if chunk == 0 {
                        start
                    } else {
                        InitialSum::Previous
                    },
                    rectified: false,
                };
                // SAFETY: the caller promises it for the first chunk, which writes all places.
                unsafe { product.run_shared(sums) };
            }
        }
    });
}
