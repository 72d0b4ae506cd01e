//! Convolutions, picture by picture: a picture's columns stay in the second-level cache, each core has pictures of its
//! own, and the sums over pictures are taken in a fixed order.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::super::{Activation, Convolution};
use super::lowering::Lowering;
use super::product::{Matrix, Out, multiply, overwritten};
use super::{rectified, team, tensor, tracked, untracked, values};

/// Pictures that one core takes at a time. Their weight gradients are added up in order.
const PICTURES: usize = 4;

/// Which of the two maps is the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// A convolution: from the big map to the small one.
    Down,
    /// A transposed convolution: from the small map to the big one.
    Up,
}

/// The fast form of [`crate::ops::convolve`].
pub fn convolve(x: Tensor<2>, weight: Tensor<4>, bias: Tensor<1>, convolution: Convolution) -> Tensor<2> {
    Kernel::new(convolution, Direction::Down).apply(x, weight, bias)
}

/// The fast form of [`crate::ops::convolve_transposed`].
pub fn convolve_transposed(x: Tensor<2>, weight: Tensor<4>, bias: Tensor<1>, convolution: Convolution) -> Tensor<2> {
    Kernel::new(convolution, Direction::Up).apply(x, weight, bias)
}

/// One convolution, either way. The weight is `[S, C * k * k]` both ways: `S` channels of the small map.
#[derive(Clone, Copy, Debug)]
struct Kernel {
    lowering: Lowering,
    direction: Direction,
    activation: Activation,
    /// Channels of the small map.
    small: usize,
    /// Values of an input and of an output picture.
    lengths: [usize; 2],
    /// Channels of the output.
    outputs: usize,
}

impl Kernel {
    fn new(convolution: Convolution, direction: Direction) -> Self {
        let Convolution { input, output, window, activation } = convolution;
        let (big, small) = if direction == Direction::Down { (input, output) } else { (output, input) };
        let lowering = Lowering {
            big,
            windows: [small[1], small[2]],
            kernel: window.kernel,
            stride: window.stride,
            before: window.padding.map(|(before, _)| before),
        };
        let lengths = [input, output].map(|map| map.iter().product());
        Self { lowering, direction, activation, small: small[0], lengths, outputs: output[0] }
    }

    fn apply(self, x: Tensor<2>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<2> {
        if !(x.is_autodiff() || weight.is_autodiff() || bias.is_autodiff()) {
            return Tensor::from_primitive::<Flex>(self.forward(&untracked(x), &untracked(weight), &untracked(bias)));
        }
        let (x, weight, bias) = (tracked(x), tracked(weight), tracked(bias));
        let nodes = [x.node(), weight.node(), bias.node()];
        let output = match self.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                let output = self.forward(&x, &weight, bias.primitive());
                prep.finish(State { x, weight, output: output.clone() }, output)
            }
            OpsKind::UnTracked(prep) => prep.finish(self.forward(x.primitive(), weight.primitive(), bias.primitive())),
        };
        Tensor::from_primitive::<Autodiff<Flex>>(output)
    }

    fn forward(&self, x: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor) -> FlexTensor {
        let [n, _] = x.shape().dims();
        let [inputs, outputs] = self.lengths;
        let (x, weight, bias) = (values(x), values(weight), values(bias));
        let mut out = vec![0.0; n * outputs];
        team::for_each(out.chunks_mut(PICTURES * outputs).zip(x.chunks(PICTURES * inputs)), |(out, x)| {
            let mut columns = vec![0.0; self.lowering.depth() * self.lowering.count()];
            for (out, x) in out.chunks_exact_mut(outputs).zip(x.chunks_exact(inputs)) {
                let plane = outputs / self.outputs;
                out.chunks_exact_mut(plane).zip(bias.iter()).for_each(|(plane, &bias)| plane.fill(bias));
                match self.direction {
                    Direction::Down => self.down(x, &weight, &mut columns, out),
                    Direction::Up => self.up(x, &weight, &mut columns, out),
                }
                pulp::Arch::new().dispatch(|| match self.activation {
                    Activation::Relu => out.iter_mut().for_each(|y| *y = rectified(*y)),
                    Activation::Tanh => out.iter_mut().for_each(|y| *y = y.tanh()),
                    Activation::None => {}
                });
            }
        });
        tensor(out, [n, outputs])
    }

    /// small += W columns(big). Leaves the columns.
    fn down(&self, big: &[f32], weight: &[f32], columns: &mut [f32], small: &mut [f32]) {
        let (depth, count) = (self.lowering.depth(), self.lowering.count());
        self.gather(big, columns);
        multiply(Matrix::new(weight, self.small, depth), Matrix::new(columns, depth, count), Out::Sum(small));
    }

    /// big += the windows of W^T small. Overwrites the columns.
    fn up(&self, small: &[f32], weight: &[f32], columns: &mut [f32], big: &mut [f32]) {
        let (depth, count) = (self.lowering.depth(), self.lowering.count());
        let weight = Matrix::new(weight, self.small, depth).transposed();
        multiply(weight, Matrix::new(small, self.small, count), Out::New(overwritten(columns)));
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || self.lowering.scatter(columns, big),
        );
    }

    fn gather(&self, big: &[f32], columns: &mut [f32]) {
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || self.lowering.gather(big, columns),
        );
    }

    /// Gradients of a block of pictures: in the input if asked for, in the weight and in the bias.
    fn backward_block(&self, block: Block<'_>, weight: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (depth, count) = (self.lowering.depth(), self.lowering.count());
        let [inputs, outputs] = self.lengths;
        let mut columns = vec![0.0; depth * count];
        let mut dz = vec![0.0; outputs];
        let mut dw = vec![0.0; self.small * depth];
        let mut db = vec![0.0; self.outputs];
        let mut dx = block.dx.map(|dx| dx.chunks_exact_mut(inputs));
        let pictures =
            block.x.chunks_exact(inputs).zip(block.y.chunks_exact(outputs)).zip(block.upstream.chunks_exact(outputs));
        for ((x, y), upstream) in pictures {
            self.before_activation(upstream, y, &mut dz, &mut db);
            let dx = dx.as_mut().and_then(Iterator::next);
            match self.direction {
                Direction::Down => {
                    self.gather(x, &mut columns);
                    let windows = Matrix::new(&columns, depth, count).transposed();
                    multiply(Matrix::new(&dz, self.small, count), windows, Out::Sum(&mut dw));
                    if let Some(dx) = dx {
                        dx.fill(0.0);
                        self.up(&dz, weight, &mut columns, dx);
                    }
                }
                Direction::Up => {
                    self.gather(&dz, &mut columns);
                    let windows = Matrix::new(&columns, depth, count);
                    multiply(Matrix::new(x, self.small, count), windows.transposed(), Out::Sum(&mut dw));
                    if let Some(dx) = dx {
                        multiply(Matrix::new(weight, self.small, depth), windows, Out::New(overwritten(dx)));
                    }
                }
            }
        }
        (dw, db)
    }

    /// The gradient before the activation, and its sum over each output channel's plane added to `db`.
    fn before_activation(&self, upstream: &[f32], y: &[f32], dz: &mut [f32], db: &mut [f32]) {
        let plane = self.lengths[1] / self.outputs;
        pulp::Arch::new().dispatch(|| {
            let both = dz.iter_mut().zip(upstream.iter().zip(y));
            match self.activation {
                Activation::Relu => both.for_each(|(dz, (&up, &y))| *dz = if y <= 0.0 { 0.0 } else { up }),
                Activation::Tanh => both.for_each(|(dz, (&up, &y))| *dz = up * (1.0 - y * y)),
                Activation::None => dz.copy_from_slice(upstream),
            }
            for (db, plane) in db.iter_mut().zip(dz.chunks_exact(plane)) {
                let (lines, rest) = plane.as_chunks::<16>();
                let mut sums = [0.0; 16];
                lines.iter().for_each(|line| (0..16).for_each(|lane| sums[lane] += line[lane]));
                *db += sums.iter().sum::<f32>() + rest.iter().sum::<f32>();
            }
        });
    }
}

/// Some pictures of a batch.
struct Block<'a> {
    x: &'a [f32],
    y: &'a [f32],
    upstream: &'a [f32],
    dx: Option<&'a mut [f32]>,
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
        let [inputs, outputs] = self.lengths;
        let [to_x, to_weight, to_bias] = ops.parents;
        let (x, weight, y, upstream) = (values(&x), values(&weight), values(&output), values(&upstream));
        let mut dx = vec![0.0; if to_x.is_some() { n * inputs } else { 0 }];
        let mut of_pictures: Vec<Option<&mut [f32]>> = if to_x.is_some() {
            dx.chunks_mut(PICTURES * inputs).map(Some).collect()
        } else {
            (0..n.div_ceil(PICTURES)).map(|_| None).collect()
        };
        let pictures = of_pictures
            .iter_mut()
            .zip(x.chunks(PICTURES * inputs))
            .zip(y.chunks(PICTURES * outputs))
            .zip(upstream.chunks(PICTURES * outputs));
        let blocks = team::map(pictures, |(((dx, x), y), upstream)| {
            self.backward_block(Block { x, y, upstream, dx: dx.take() }, &weight)
        });
        drop(of_pictures);
        let (dw, db) = add_up(blocks);
        if let Some(node) = to_x {
            gradients.register::<Flex>(node.id, tensor(dx, [n, inputs]));
        }
        if let Some(node) = to_weight {
            gradients.register::<Flex>(node.id, tensor(dw, shape));
        }
        if let Some(node) = to_bias {
            gradients.register::<Flex>(node.id, tensor(db, [self.outputs]));
        }
    }
}

/// Sums over the blocks, in their order.
fn add_up(blocks: Vec<(Vec<f32>, Vec<f32>)>) -> (Vec<f32>, Vec<f32>) {
    let mut blocks = blocks.into_iter();
    let (mut dw, mut db) = blocks.next().unwrap_or_default();
    pulp::Arch::new().dispatch(|| {
        for (more_w, more_b) in blocks {
            dw.iter_mut().zip(more_w).for_each(|(sum, more)| *sum += more);
            db.iter_mut().zip(more_b).for_each(|(sum, more)| *sum += more);
        }
    });
    (dw, db)
}
