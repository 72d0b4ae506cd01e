//! Convolutions as products that read their windows in place ("implicit" or "indirect" lowering, Dukhan 2019), a few
//! images at a time: what they need stays in the second-level cache, each core has images of its own, and the sums
//! over images are taken in a fixed order.

use std::borrow::Cow;
use std::mem::MaybeUninit;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::super::vector::{tanh, wide};
use super::super::{Activation, Convolution, Layout, team};
use super::dots::{Dots, FEW};
use super::product::written;
use super::tile::{Cells, Left, Right, Start, Tiles};
use super::transpose::transpose;
use super::windows::{Frame, Pass, Windows};
use super::{tensor, tracked, untracked, values};

/// Images of a part of a batch at most, and parts at least where there are so many images: a core that has nothing left
/// to do waits for the last part. A weight gradient is summed within each part and then over the parts.
const MOST: usize = 8;
const PARTS: usize = 32;

/// Groups of images that a batch is cut into at least, on the way forward.
const SHARES: usize = 8;

/// Values of the maps that are at work at a time.
const VALUES: usize = 96 * 1024;

/// The fast form of [`crate::ops::convolve`].
pub fn convolve(
    x: Tensor<2>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    convolution: Convolution,
) -> Tensor<2> {
    Kernel {
        convolution,
        down: true,
    }
    .apply(x, weight, bias)
}

/// The fast form of [`crate::ops::convolve_transposed`].
pub fn convolve_transposed(
    x: Tensor<2>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    convolution: Convolution,
) -> Tensor<2> {
    Kernel {
        convolution,
        down: false,
    }
    .apply(x, weight, bias)
}

/// One convolution, either way. The weight is `[S, C, k, k]` both ways: channels of the small map, of the big one.
#[derive(Clone, Copy, Debug)]
struct Kernel {
    convolution: Convolution,
    /// Whether it goes from the big map to the small one.
    down: bool,
}

impl Kernel {
    fn apply(self, x: Tensor<2>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<2> {
        if !(x.is_autodiff() || weight.is_autodiff() || bias.is_autodiff()) {
            return Tensor::from_primitive::<Flex>(self.forward(
                &untracked(x),
                &untracked(weight),
                &untracked(bias),
            ));
        }
        let (x, weight, bias) = (tracked(x), tracked(weight), tracked(bias));
        let nodes = [x.node(), weight.node(), bias.node()];
        let output = match self
            .prepare::<NoCheckpointing>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                let output = self.forward(&x, &weight, bias.primitive());
                prep.finish(
                    State {
                        x,
                        weight,
                        output: output.clone(),
                    },
                    output,
                )
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(self.forward(x.primitive(), weight.primitive(), bias.primitive()))
            }
        };
        Tensor::from_primitive::<Autodiff<Flex>>(output)
    }

    fn windows(&self) -> Windows {
        Windows::new(self.convolution, self.down)
    }

    /// Values of an input and of an output image.
    fn lengths(&self) -> [usize; 2] {
        [self.convolution.input, self.convolution.output].map(|map| map.iter().product())
    }

    fn input(&self) -> Map {
        Map {
            shape: self.convolution.input,
            layout: self.convolution.layouts[0],
        }
    }

    fn output(&self) -> Map {
        Map {
            shape: self.convolution.output,
            layout: self.convolution.layouts[1],
        }
    }

    fn forward(&self, x: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor) -> FlexTensor {
        let [n, _] = x.shape().dims();
        let [inputs, outputs] = self.lengths();
        let (x, weight, bias) = (values(x), values(weight), values(bias));
        // What is not read is not written, either.
        assert_eq!(
            [x.len(), bias.len()],
            [n * inputs, self.convolution.output[0]]
        );
        // Of a small batch every core has some.
        let images = at_a_time(&self.convolution).min(n.div_ceil(SHARES)).max(1);
        let map = Mapping::new(self.windows(), self.down, &weight, images);
        let groups = |length: usize| map.images * length;
        let write = |out: &mut [MaybeUninit<f32>]| {
            team::for_each(
                out.chunks_mut(groups(outputs))
                    .zip(x.chunks(groups(inputs))),
                |(out, x)| {
                    let mut frames = vec![0.0; groups(map.frame.len())];
                    for (frame, x) in frames
                        .chunks_exact_mut(map.frame.len())
                        .zip(x.chunks_exact(inputs))
                    {
                        fill(&map.frame, &self.input().channels_last(x), frame);
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
        // SAFETY: every image of `x` has its part of `out`, and `Mapping::run` writes all of it.
        let (out, ()) = unsafe { written(n * outputs, write) };
        tensor(out, [n, outputs])
    }

    /// Gradients of a part of the batch: in the input if asked for, in the weight as `[k, k, C, S]` and in the bias.
    fn backward_part(&self, part: Part<'_>, to_x: Option<&Mapping>) -> (Vec<f32>, Vec<f32>) {
        let [inputs, outputs] = self.lengths();
        let windows = self.windows();
        let (big, small) = (windows.big_frame(), windows.small_frame());
        let (of_x, of_z) = if self.down {
            (big, small)
        } else {
            (small, big)
        };
        let mut dw = vec![0.0; windows.kernel * windows.kernel * windows.big[0] * windows.small[0]];
        let mut db = vec![0.0; self.convolution.output[0]];
        let images = at_a_time(&self.convolution);
        let mut frames = [
            vec![0.0; images * of_x.len()],
            vec![0.0; images * of_z.len()],
        ];
        let mut dx = part.dx.map(|dx| dx.chunks_mut(images * inputs));
        let groups = part
            .x
            .chunks(images * inputs)
            .zip(part.y.chunks(images * outputs));
        for ((x, y), upstream) in groups.zip(part.upstream.chunks(images * outputs)) {
            let count = x.len() / inputs;
            let [x_frames, z_frames] = &mut frames;
            for (frame, x) in x_frames
                .chunks_exact_mut(of_x.len())
                .zip(x.chunks_exact(inputs))
            {
                fill(&of_x, &self.input().channels_last(x), frame);
            }
            let both = upstream.chunks_exact(outputs).zip(y.chunks_exact(outputs));
            for (frame, (upstream, y)) in z_frames.chunks_exact_mut(of_z.len()).zip(both) {
                let (upstream, y) = (
                    self.output().channels_last(upstream),
                    self.output().channels_last(y),
                );
                before_activation(
                    &of_z,
                    [&upstream, &y],
                    self.convolution.activation,
                    frame,
                    &mut db,
                );
            }
            let (of_big, of_small) = if self.down {
                (&*x_frames, &*z_frames)
            } else {
                (&*z_frames, &*x_frames)
            };
            weight_gradient(&windows, count, of_big, of_small, &mut dw);
            if let Some((map, dx)) = to_x.zip(dx.as_mut().and_then(Iterator::next)) {
                let nothing = vec![0.0; self.convolution.input[0]];
                map.run(z_frames, &nothing, self.input(), dx, Activation::None);
            }
        }
        (dw, db)
    }
}

/// Images of a part of a batch.
fn part(batch: usize) -> usize {
    batch.div_ceil(PARTS).clamp(1, MOST)
}

/// Images at work at a time.
fn at_a_time(convolution: &Convolution) -> usize {
    let values: usize = [convolution.input, convolution.output]
        .iter()
        .map(|map| map.iter().product::<usize>())
        .sum();
    (VALUES / (2 * values)).clamp(1, MOST)
}

/// A map of one image in a tensor.
#[derive(Clone, Copy)]
struct Map {
    /// `[C, H, W]`.
    shape: [usize; 3],
    layout: Layout,
}

impl Map {
    /// Channels and pixels, where they have to change places between the tensor and the products.
    fn turned(&self) -> Option<[usize; 2]> {
        let [channels, height, width] = self.shape;
        let plain = self.layout == Layout::ChannelsLast || channels == 1 || height * width == 1;
        (!plain).then_some([channels, height * width])
    }

    fn channels_last<'a>(&self, values: &'a [f32]) -> Cow<'a, [f32]> {
        let Some([channels, pixels]) = self.turned() else {
            return values.into();
        };
        let mut turned = vec![0.0; values.len()];
        transpose(values, pixels, [channels, pixels], &mut turned, channels);
        turned.into()
    }
}

/// One map from another, framed, with the weights in the order in which the passes read them.
struct Mapping {
    frame: Frame,
    passes: Vec<(Pass, Vec<f32>)>,
    /// How many images the passes are for.
    images: usize,
    /// `[C, H, W]` of the map that is made.
    output: [usize; 3],
}

impl Mapping {
    fn new(windows: Windows, down: bool, weight: &[f32], images: usize) -> Self {
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
        let passes = passes.into_iter().map(|mut pass| {
            let repeated = |places: &[usize], length: usize| -> Vec<usize> {
                (0..images)
                    .flat_map(|image| places.iter().map(move |place| place + image * length))
                    .collect()
            };
            let weights = ordered(&windows, down, &pass.taps, [input[0], output[0]], weight);
            (pass.from, pass.to) = (
                repeated(&pass.from, frame.len()),
                repeated(&pass.to, values),
            );
            (pass, weights)
        });
        Self {
            frame,
            passes: passes.collect(),
            images,
            output,
        }
    }

    /// Makes the maps of as many images as `out` has room for.
    fn run(
        &self,
        frames: &[f32],
        bias: &[f32],
        image: Map,
        out: &mut [MaybeUninit<f32>],
        activation: Activation,
    ) {
        let Some([channels, pixels]) = image.turned() else {
            return self.passes(frames, bias, out, activation);
        };
        // SAFETY: `passes` writes every value.
        let (maps, ()) = unsafe {
            written(out.len(), |maps| {
                self.passes(frames, bias, maps, activation)
            })
        };
        let length = channels * pixels;
        for (map, out) in maps.chunks_exact(length).zip(out.chunks_exact_mut(length)) {
            let mut turned = vec![0.0; length];
            transpose(map, channels, [pixels, channels], &mut turned, pixels);
            out.iter_mut()
                .zip(turned)
                .for_each(|(out, value)| _ = out.write(value));
        }
    }

    /// Writes all of `out`, for every pixel of a map belongs to one pass.
    fn passes(
        &self,
        frames: &[f32],
        bias: &[f32],
        out: &mut [MaybeUninit<f32>],
        activation: Activation,
    ) {
        let channels = self.output[0];
        let count = out.len() / self.output.iter().product::<usize>();
        let length = out.len();
        let out = Cells::new(out);
        let rectified = activation == Activation::Relu;
        for (pass, weights) in &self.passes {
            let rows = pass.to.len() / self.images * count;
            let (from, to) = (&pass.from[..rows], &pass.to[..rows]);
            let left = Left {
                values: frames,
                rows: from,
                segments: &pass.segments,
                length: pass.length,
                step: 1,
            };
            if channels <= FEW {
                // SAFETY: the memory is this call's alone.
                unsafe {
                    Dots {
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
            let right = Right {
                values: weights,
                segments: &segments,
                step: channels,
                columns: channels,
            };
            // SAFETY: as above.
            unsafe {
                Tiles {
                    left,
                    terms: None,
                    right,
                    rows: to,
                    start: Start::Bias(bias),
                    rectified,
                }
                .run_shared(out)
            };
        }
        if activation == Activation::Tanh {
            // SAFETY: every pixel has been written.
            let maps = unsafe { out.slice(0, length) };
            wide(
                #[inline(always)]
                || maps.iter_mut().for_each(|y| *y = tanh(*y)),
            );
        }
    }
}

/// The weights of the pixels `taps` of the window, as `[taps, in, out]`; with few output channels as `[out, taps, in]`.
fn ordered(
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
    let mut ordered = Vec::with_capacity(taps.len() * inputs * outputs);
    if outputs <= FEW {
        for output in 0..outputs {
            taps.iter()
                .for_each(|&tap| ordered.extend((0..inputs).map(|input| at(tap, input, output))));
        }
    } else {
        for &tap in taps {
            (0..inputs).for_each(|input| {
                ordered.extend((0..outputs).map(|output| at(tap, input, output)))
            });
        }
    }
    ordered
}

fn fill(frame: &Frame, map: &[f32], into: &mut [f32]) {
    for ((to, length), line) in frame.lines().zip(map.chunks_exact(frame.pitch())) {
        into[to..][..length].copy_from_slice(&line[..length]);
    }
}

/// The gradient before the activation into its frame, and its sum over the pixels added to `db`.
fn before_activation(
    frame: &Frame,
    [upstream, y]: [&[f32]; 2],
    activation: Activation,
    into: &mut [f32],
    db: &mut [f32],
) {
    let pitch = frame.pitch();
    let mut beside = vec![0.0; pitch];
    wide(
        #[inline(always)]
        || {
            for ((to, length), (upstream, y)) in frame
                .lines()
                .zip(upstream.chunks_exact(pitch).zip(y.chunks_exact(pitch)))
            {
                // A line that has no place of its own in the frame, or not all of it, counts in the sum all the same.
                let line = if length == pitch {
                    &mut into[to..][..length]
                } else {
                    &mut beside[..]
                };
                let each = line.iter_mut().zip(upstream.iter().zip(y));
                match activation {
                    Activation::Relu => {
                        each.for_each(|(dz, (&up, &y))| *dz = if y <= 0.0 { 0.0 } else { up })
                    }
                    Activation::Tanh => each.for_each(|(dz, (&up, &y))| *dz = up * (1.0 - y * y)),
                    Activation::None => line.copy_from_slice(upstream),
                }
                for pixel in line.chunks_exact(db.len()) {
                    db.iter_mut().zip(pixel).for_each(|(db, dz)| *db += dz);
                }
                if length < pitch {
                    into[to..][..length].copy_from_slice(&beside[..length]);
                }
            }
        },
    );
}

/// Adds the weight gradient of `count` images to `dw`, `[k, k, C, S]`: for each pixel of the window and channel of the
/// big map, and each channel of the small one, the sum over all windows.
fn weight_gradient(
    windows: &Windows,
    count: usize,
    of_big: &[f32],
    of_small: &[f32],
    dw: &mut [f32],
) {
    let (big, small) = (windows.big_frame(), windows.small_frame());
    let ([channels, ..], [columns, height, width]) = (windows.big, windows.small);
    let kernel = windows.kernel;
    let window = windows.down();
    let lines = || (0..count).flat_map(|image| (0..height).map(move |y| (image, y)));
    let rows: Vec<usize> = window
        .segments
        .iter()
        .flat_map(|row| (0..kernel * channels).map(move |i| row + i))
        .collect();
    let tiles = Tiles {
        terms: None,
        left: Left {
            values: of_big,
            rows: &rows,
            segments: &lines()
                .map(|(image, y)| image * big.len() + window.from[y * width])
                .collect::<Vec<_>>(),
            length: width,
            step: windows.stride * channels,
        },
        right: Right {
            values: of_small,
            segments: &lines()
                .map(|(image, y)| image * small.len() + small.at(y, 0))
                .collect::<Vec<_>>(),
            step: columns,
            columns,
        },
        rows: &(0..rows.len()).map(|row| row * columns).collect::<Vec<_>>(),
        start: Start::Sum,
        rectified: false,
    };
    tiles.run(dw);
}

/// Some images of a batch.
struct Part<'a> {
    x: &'a [f32],
    y: &'a [f32],
    upstream: &'a [f32],
    dx: Option<&'a mut [MaybeUninit<f32>]>,
}

#[derive(Clone, Debug)]
struct State {
    x: FlexTensor,
    weight: FlexTensor,
    output: FlexTensor,
}

impl Backward<Flex, 3> for Kernel {
    type State = State;

    fn backward(self, ops: Ops<State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let upstream = gradients.consume::<Flex>(&ops.node);
        let State { x, weight, output } = ops.state;
        let [n, _] = x.shape().dims();
        let shape: [usize; 4] = weight.shape().dims();
        let [inputs, outputs] = self.lengths();
        let [to_x, to_weight, to_bias] = ops.parents;
        let (x, weight, y, upstream) = (
            values(&x),
            values(&weight),
            values(&output),
            values(&upstream),
        );
        let map = to_x.is_some().then(|| {
            Mapping::new(
                self.windows(),
                !self.down,
                &weight,
                at_a_time(&self.convolution),
            )
        });
        assert_eq!(
            [x.len(), y.len(), upstream.len()],
            [n * inputs, n * outputs, n * outputs]
        );
        let part = part(n);
        let nothing = || {
            (
                vec![0.0; weight.len()],
                vec![0.0; self.convolution.output[0]],
            )
        };
        let write = |dx: &mut [MaybeUninit<f32>]| {
            let mut dx = dx.chunks_mut(part * inputs);
            let batch = x
                .chunks(part * inputs)
                .zip(y.chunks(part * outputs))
                .zip(upstream.chunks(part * outputs));
            let pass: Vec<Part<'_>> = batch
                .map(|((x, y), upstream)| Part {
                    x,
                    y,
                    upstream,
                    dx: dx.next(),
                })
                .collect();
            add_up(team::map(pass, |part| {
                self.backward_part(part, map.as_ref())
            }))
            .unwrap_or_else(nothing)
        };
        // SAFETY: every image belongs to a part, which writes its `dx` where it is asked for.
        let (dx, (dw, db)) = unsafe { written(if to_x.is_some() { n * inputs } else { 0 }, write) };
        if let Some(node) = to_x {
            gradients.register::<Flex>(node.id, tensor(dx, [n, inputs]));
        }
        if let Some(node) = to_weight {
            gradients.register::<Flex>(node.id, tensor(small_first(&dw, shape), shape));
        }
        if let Some(node) = to_bias {
            gradients.register::<Flex>(node.id, tensor(db, [self.convolution.output[0]]));
        }
    }
}

/// Sums over the parts, in their order; nothing where there are no parts.
fn add_up(pass: Vec<(Vec<f32>, Vec<f32>)>) -> Option<(Vec<f32>, Vec<f32>)> {
    let mut pass = pass.into_iter();
    let (mut dw, mut db) = pass.next()?;
    wide(
        #[inline(always)]
        || {
            for (more_w, more_b) in pass.by_ref() {
                dw.iter_mut()
                    .zip(more_w)
                    .for_each(|(sum, more)| *sum += more);
                db.iter_mut()
                    .zip(more_b)
                    .for_each(|(sum, more)| *sum += more);
            }
        },
    );
    Some((dw, db))
}

/// `[k, k, C, S]` as `[S, C, k, k]`.
fn small_first(weight: &[f32], [small, channels, kernel, _]: [usize; 4]) -> Vec<f32> {
    let mut turned = vec![0.0; weight.len()];
    // The same as turning the matrix [k * k, C * S], then each of its [C, S].
    for (tap, weights) in weight.chunks_exact(channels * small).enumerate() {
        for (channel, line) in weights.chunks_exact(small).enumerate() {
            for (s, &value) in line.iter().enumerate() {
                turned[(s * channels + channel) * kernel * kernel + tap] = value;
            }
        }
    }
    turned
}
