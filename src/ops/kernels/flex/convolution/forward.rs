//! The forward pass of a convolution.

use std::mem::MaybeUninit;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;

use super::directed::DirectedConvolution;
use super::map_product::MapProduct;
use crate::ops::kernels::flex::tensors::{tensor, values};
use crate::ops::kernels::pool;
use crate::ops::kernels::product::filled_vec;

/// The smallest number of groups that a batch is cut into, so that every core has some images of a small batch.
const GROUPS: usize = 8;

impl DirectedConvolution {
    /// Returns activation(conv(x) + bias).
    pub fn forward(&self, x: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor) -> FlexTensor {
        let [n, _] = x.shape().dims();
        let [inputs, outputs] = self.lengths();
        let (x, weight, bias) = (values(x), values(weight), values(bias));
        // `x` and the result are cut into the same number of groups only if `x` has the right length.
        assert_eq!(
            [x.len(), bias.len()],
            [n * inputs, self.convolution.output[0]]
        );
        let images = self.images_at_a_time().min(n.div_ceil(GROUPS)).max(1);
        let map = MapProduct::new(self.windows(), self.down, &weight, images);
        let groups = |length: usize| map.images * length;
        let write = |out: &mut [MaybeUninit<f32>]| {
            pool::for_each(
                out.chunks_mut(groups(outputs))
                    .zip(x.chunks(groups(inputs))),
                |(out, x)| {
                    let mut frames = vec![0.0; groups(map.frame.len())];
                    for (frame, x) in frames
                        .chunks_exact_mut(map.frame.len())
                        .zip(x.chunks_exact(inputs))
                    {
                        map.frame.fill(&self.input().channels_last(x), frame);
                    }
                    map.run(
                        &frames,
                        &bias,
                        self.output(),
                        out,
                        self.convolution.activation,
                    );
                },
            );
        };
        // SAFETY: every image of `x` has its part of `out`, and `MapProduct::run` writes all of it.
        let (out, ()) = unsafe { filled_vec(n * outputs, write) };
        tensor(out, [n, outputs])
    }
}
