//! Upsampling and average pooling of maps. Each is the other's gradient, up to the number of pixels that a mean is taken
//! over.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::feature_map::FeatureMap;
use super::tensors::{AutodiffFlex, tensor, tracked, untracked, values};
use crate::ops::kernels::pool;
use crate::ops::resampling::Resampling;

/// The fast form of [`crate::ops::upsample`].
pub fn upsample(x: Tensor<2>, resampling: Resampling) -> Tensor<2> {
    apply(
        x,
        Resample {
            resampling,
            up: true,
        },
    )
}

/// The fast form of [`crate::ops::average_pool`].
pub fn average_pool(x: Tensor<2>, resampling: Resampling) -> Tensor<2> {
    apply(
        x,
        Resample {
            resampling,
            up: false,
        },
    )
}

fn apply(x: Tensor<2>, resample: Resample) -> Tensor<2> {
    if !x.is_autodiff() {
        return Tensor::from_primitive::<Flex>(resample.forward(&untracked(x)));
    }
    let x = tracked(x);
    let output = match resample
        .prepare::<NoCheckpointing>([x.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish((), resample.forward(x.primitive())),
        OpsKind::UnTracked(prep) => prep.finish(resample.forward(x.primitive())),
    };
    Tensor::from_primitive::<AutodiffFlex>(output)
}

/// A resampling with its direction.
#[derive(Clone, Copy, Debug)]
struct Resample {
    resampling: Resampling,
    /// Whether the small map becomes the big one.
    up: bool,
}

/// The use of the values of one map for the other.
#[derive(Clone, Copy)]
enum PixelUse {
    /// Each pixel of the small map is copied to its square.
    Copied,
    /// Each pixel of the small map is divided by the size of its square, and copied to it.
    Shared,
    /// Each pixel of the small map is the sum of its square.
    Summed,
    /// Each pixel of the small map is the mean of its square.
    Averaged,
}

impl Resample {
    fn forward(self, x: &FlexTensor) -> FlexTensor {
        let pixels = if self.up {
            PixelUse::Copied
        } else {
            PixelUse::Averaged
        };
        let [from, to] = self.resampling.layouts;
        self.run(x, self.up, pixels, [from, to])
    }

    /// Maps every image of `x` to the big map, if `up`, or to the small one.
    fn run(
        self,
        x: &FlexTensor,
        up: bool,
        pixels: PixelUse,
        [from, to]: [crate::ops::MapLayout; 2],
    ) -> FlexTensor {
        let Resampling { big, small, .. } = self.resampling;
        let (input, output) = if up { (small, big) } else { (big, small) };
        let [n, _] = x.shape().dims();
        let [inputs, outputs] = [input, output].map(|map| map.iter().product::<usize>());
        let x = values(x);
        assert_eq!(x.len(), n * inputs);
        let mut y = vec![0.0; n * outputs];
        let from = FeatureMap {
            shape: input,
            layout: from,
        };
        let to = FeatureMap {
            shape: output,
            layout: to,
        };
        pool::for_each(
            y.chunks_exact_mut(outputs).zip(x.chunks_exact(inputs)),
            |(y, x)| {
                let x = from.channels_last(x);
                to.write(y, |y| {
                    if up {
                        self.spread(&x, y, pixels);
                    } else {
                        self.gather(&x, y, pixels);
                    }
                });
            },
        );
        tensor(y, [n, outputs])
    }

    /// Returns the number of rows, or columns, of the big map in square `i` of a line of `length`.
    fn extent(self, i: usize, length: usize) -> usize {
        let factor = self.resampling.factor;
        (length - i * factor).min(factor)
    }

    /// Calls `with` with the places of each pixel of the big map and of its pixel of the small map, and the size of the
    /// square that it is in.
    fn each_pixel(self, mut with: impl FnMut(usize, usize, usize)) {
        let Resampling {
            big: [channels, height, width],
            small: [_, _, columns],
            factor,
            ..
        } = self.resampling;
        for y in 0..height {
            let rows = self.extent(y / factor, height);
            for x in 0..width {
                let square = rows * self.extent(x / factor, width);
                let small = (y / factor * columns + x / factor) * channels;
                with((y * width + x) * channels, small, square);
            }
        }
    }

    fn spread(self, small: &[f32], big: &mut [f32], pixels: PixelUse) {
        let channels = self.resampling.big[0];
        self.each_pixel(|to, from, square| {
            let (to, from) = (&mut big[to..][..channels], &small[from..][..channels]);
            if matches!(pixels, PixelUse::Copied) {
                to.copy_from_slice(from);
            } else {
                let share = 1.0 / square as f32;
                to.iter_mut()
                    .zip(from)
                    .for_each(|(to, from)| *to = from * share);
            }
        });
    }

    /// Adds to `small`, which is 0.
    fn gather(self, big: &[f32], small: &mut [f32], pixels: PixelUse) {
        let channels = self.resampling.big[0];
        self.each_pixel(|from, to, square| {
            let (to, from) = (&mut small[to..][..channels], &big[from..][..channels]);
            let share = match pixels {
                PixelUse::Averaged => 1.0 / square as f32,
                _ => 1.0,
            };
            to.iter_mut()
                .zip(from)
                .for_each(|(to, from)| *to += from * share);
        });
    }
}

impl Backward<Flex, 1> for Resample {
    type State = ();

    fn backward(self, ops: Ops<(), 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let upstream = gradients.consume::<Flex>(&ops.node);
        let [Some(node)] = ops.parents else { return };
        let pixels = if self.up {
            PixelUse::Summed
        } else {
            PixelUse::Shared
        };
        let [from, to] = self.resampling.layouts;
        let dx = self.run(&upstream, !self.up, pixels, [to, from]);
        gradients.register::<Flex>(node.id, dx);
    }
}
