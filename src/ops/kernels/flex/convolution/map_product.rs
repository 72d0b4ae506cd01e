//! The product that maps one feature map to another: the windows of a map with the weights. Windows are read from framed maps,
//! and Winograd's tiles from maps without a frame.

use std::mem::MaybeUninit;

use super::windows::{Frame, WindowPass, Windows};
use super::winograd::{self, TiledMaps};
use crate::ops::activation::Activation;
use crate::ops::kernels::flex::feature_map::FeatureMap;
use crate::ops::kernels::math::tanh;
use crate::ops::kernels::pool;
use crate::ops::kernels::product::{
    DotProducts, InitialSum, LeftFactor, MAX_COLUMNS, OutputCells, RightFactor, TiledProduct,
    filled_vec, transpose,
};
use crate::ops::kernels::simd::with_widest_simd;

/// A product that maps a feature map to another one, with the weights in the order in which its passes read them.
pub struct MapProduct {
    /// The frame of the maps that [`MapProduct::run`] takes; in tiles it has no zeros.
    pub frame: Frame,
    passes: Vec<(WindowPass, Vec<f32>)>,
    /// The same passes in tiles, where that is faster.
    tiled: Vec<TiledMaps>,
    /// The number of images that the passes take.
    pub images: usize,
    /// The shape of the resulting map, `[C, H, W]`.
    output: [usize; 3],
}

impl MapProduct {
    pub fn new(windows: Windows, down: bool, weight: &[f32], images: usize) -> Self {
        let (frame, passes) = if down {
            (windows.big_frame(), vec![windows.down()])
        } else {
            (windows.small_frame(), windows.up())
        };
        let (input, output) = if down {
            (windows.big, windows.small)
        } else {
            (windows.small, windows.big)
        };
        let values: usize = output.iter().product();
        let channels = [input[0], output[0]];
        let in_tiles = winograd::suits(&windows);
        let (mut tiled, mut untiled) = (Vec::new(), Vec::new());
        for mut pass in passes {
            let weights = reordered(&windows, down, &pass.taps, channels, weight);
            if in_tiles {
                let stride = if down { windows.stride } else { 1 };
                let map = [windows.small[1], windows.small[2]];
                tiled.push(TiledMaps::new(
                    &pass, &frame, stride, &weights, channels, map, values,
                ));
                continue;
            }
            let repeated = |places: &[usize], length: usize| -> Vec<usize> {
                (0..images)
                    .flat_map(|image| places.iter().map(move |place| place + image * length))
                    .collect()
            };
            (pass.from, pass.to) = (
                repeated(&pass.from, frame.len()),
                repeated(&pass.to, values),
            );
            untiled.push((pass, weights));
        }
        Self {
            frame: if in_tiles { frame.bare() } else { frame },
            passes: untiled,
            tiled,
            images,
            output,
        }
    }

    /// Computes the maps of the images that fit into `out`.
    pub fn run(
        &self,
        maps: &[f32],
        bias: &[f32],
        image: FeatureMap,
        out: &mut [MaybeUninit<f32>],
        activation: Activation,
    ) {
        let Some([channels, pixels]) = image.transposition() else {
            return self.passes(maps, bias, out, activation);
        };
        // SAFETY: `passes` writes every value.
        let (result, ()) = unsafe {
            filled_vec(out.len(), |result| {
                self.passes(maps, bias, result, activation)
            })
        };
        let length = channels * pixels;
        for (map, out) in result
            .chunks_exact(length)
            .zip(out.chunks_exact_mut(length))
        {
            let mut transposed = vec![0.0; length];
            transpose(map, channels, [pixels, channels], &mut transposed, pixels);
            out.iter_mut()
                .zip(transposed)
                .for_each(|(out, value)| _ = out.write(value));
        }
    }

    /// Writes all of `out`: every pixel of a map belongs to one pass.
    fn passes(
        &self,
        maps: &[f32],
        bias: &[f32],
        out: &mut [MaybeUninit<f32>],
        activation: Activation,
    ) {
        let channels = self.output[0];
        let count = out.len() / self.output.iter().product::<usize>();
        let length = out.len();
        let out = OutputCells::new(out);
        let rectified = activation == Activation::Relu;
        for tiled in &self.tiled {
            // SAFETY: the memory belongs to this call alone.
            unsafe { tiled.run(maps, count, bias, out, rectified) };
        }
        for (pass, weights) in &self.passes {
            let rows = pass.to.len() / self.images * count;
            let (from, to) = (&pass.from[..rows], &pass.to[..rows]);
            let left = LeftFactor {
                values: maps,
                rows: from,
                segments: &pass.segments,
                length: pass.length,
                step: 1,
            };
            if channels <= MAX_COLUMNS {
                // SAFETY: the memory belongs to this call alone.
                unsafe {
                    DotProducts {
                        left,
                        right: weights,
                        bias,
                        rows: to,
                        rectified,
                    }
                    .run(out)
                };
                continue;
            }
            let segments: Vec<usize> = (0..pass.segments.len())
                .map(|i| i * pass.length * channels)
                .collect();
            let right = RightFactor {
                values: weights,
                segments: &segments,
                step: channels,
                columns: channels,
            };
            // SAFETY: the memory belongs to this call alone.
            unsafe {
                TiledProduct {
                    left,
                    nonzero: None,
                    right,
                    rows: to,
                    start: InitialSum::Bias(bias),
                    rectified,
                }
                .run_shared(out)
            };
        }
        if activation == Activation::Tanh {
            // SAFETY: every pixel has been written.
            let maps = unsafe { out.slice(0, length) };
            with_widest_simd(
                #[inline(always)]
                || maps.iter_mut().for_each(|y| *y = tanh(*y)),
            );
        }
    }
}

/// Returns the weights of the pixels `taps` of the window as `[taps, in, out]`, or as `[out, taps, in]` for few output
/// channels.
fn reordered(
    windows: &Windows,
    down: bool,
    taps: &[[usize; 2]],
    [inputs, outputs]: [usize; 2],
    weight: &[f32],
) -> Vec<f32> {
    let (kernel, big) = (windows.kernel, windows.big[0]);
    let at = |[row, column]: [usize; 2], input: usize, output: usize| {
        let (small, channel) = if down {
            (output, input)
        } else {
            (input, output)
        };
        weight[((small * big + channel) * kernel + row) * kernel + column]
    };
    let length = taps.len() * inputs * outputs;
    let (ordered, _) = if outputs <= MAX_COLUMNS {
        pool::fill(length, taps.len() * inputs, |output, values| {
            for (values, &tap) in values.chunks_exact_mut(inputs).zip(taps) {
                for (input, value) in values.iter_mut().enumerate() {
                    *value = at(tap, input, output);
                }
            }
        })
    } else {
        pool::fill(length, inputs * outputs, |tap, values| {
            for (input, values) in values.chunks_exact_mut(outputs).enumerate() {
                for (output, value) in values.iter_mut().enumerate() {
                    *value = at(taps[tap], input, output);
                }
            }
        })
    };
    ordered
}
