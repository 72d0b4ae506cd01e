//! The forward pass of a convolution.

use std::mem::MaybeUninit;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;

use super::directed::DirectedConvolution;
use super::frames::with_frames;
use super::input::FrameInput;
use super::map_product::MapProduct;
use crate::ops::kernels::flex::tensors::{tensor, values};
use crate::ops::kernels::pool;
use crate::ops::kernels::product::{OutputCells, filled_vec};
use crate::ops::kernels::simd::with_widest_simd;

/// The smallest number of groups that a batch is cut into, so that every core has some images of a small batch.
const GROUPS: usize = 8;

impl DirectedConvolution {
    /// Returns activation(conv(x) + bias).
    pub fn forward(&self, x: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor) -> FlexTensor {
        self.forward_of(&self.input(), x, weight, bias, None)
    }

    /// Returns activation(conv(input(x)) + bias) + residual.
    pub fn forward_of(
        &self,
        input: &impl FrameInput,
        x: &FlexTensor,
        weight: &FlexTensor,
        bias: &FlexTensor,
        residual: Option<&FlexTensor>,
    ) -> FlexTensor {
        let [n, _] = x.shape().dims();
        let [inputs, outputs] = self.lengths();
        let (x, weight, bias) = (values(x), values(weight), values(bias));
        let residual = residual.map(values);
        // `x` and the result are cut into the same number of groups only if `x` has the right length.
        assert_eq!(
            [x.len(), bias.len()],
            [n * inputs, self.convolution.output[0]]
        );
        let images = self.images_at_a_time().min(n.div_ceil(GROUPS)).max(1);
        let map = MapProduct::new(self.windows(), self.down, &weight, images);
        let groups = |length: usize| map.images * length;
        let write = |out: &mut [MaybeUninit<f32>]| {
            let batch = out
                .chunks_mut(groups(outputs))
                .zip(x.chunks(groups(inputs)));
            pool::for_each(batch.enumerate(), |(group, (out, x))| {
                let mut run = |maps: &[f32]| {
                    map.run(maps, &bias, self.output(), out, self.convolution.activation);
                };
                if map.frame.is_bare() && input.is_unchanged() {
                    run(x);
                } else {
                    with_frames([(&map.frame, x.len() / inputs)], |[frames]| {
                        let images = frames
                            .chunks_exact_mut(map.frame.len())
                            .zip(x.chunks_exact(inputs));
                        for (i, (frame, x)) in images.enumerate() {
                            input.fill(group * map.images + i, x, &map.frame, frame);
                        }
                        run(frames);
                    });
                }
                if let Some(residual) = &residual {
                    let first = group * groups(outputs);
                    let length = out.len();
                    // SAFETY: `MapProduct::run` has written all of `out`, which belongs to this call alone.
                    let sums = unsafe { OutputCells::new(out).slice(0, length) };
                    add(sums, &residual[first..][..sums.len()]);
                }
            });
        };
        // SAFETY: every image of `x` has its part of `out`, and `MapProduct::run` writes all of it.
        let (out, ()) = unsafe { filled_vec(n * outputs, write) };
        tensor(out, [n, outputs])
    }
}

fn add(sums: &mut [f32], more: &[f32]) {
    with_widest_simd(
        #[inline(always)]
        || {
            sums.iter_mut()
                .zip(more)
                .for_each(|(sum, more)| *sum += more)
        },
    );
}
