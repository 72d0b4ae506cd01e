//! A dense layer: bias and activation ride on the product; the two products of the backward pass run side by side.

use std::mem::MaybeUninit;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::super::vector::wide;
use super::super::{Activation, team};
use super::product::{Matrix, Product, run, written};
use super::{tensor, tracked, untracked, values, whole};

type Tracked = Autodiff<Flex>;

/// The fast form of [`crate::ops::dense`].
pub fn dense(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    activation: Activation,
) -> Tensor<2> {
    if !(x.is_autodiff() || weight.is_autodiff() || bias.is_autodiff()) {
        let output = forward(
            &untracked(x),
            &untracked(weight),
            &untracked(bias),
            activation,
        );
        return Tensor::from_primitive::<Flex>(output);
    }
    let (x, weight, bias) = (tracked(x), tracked(weight), tracked(bias));
    let output = match Dense
        .prepare::<NoCheckpointing>([x.node(), weight.node(), bias.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => {
            let (x, weight) = (x.into_primitive(), weight.into_primitive());
            let output = forward(&x, &weight, bias.primitive(), activation);
            prep.finish(
                State {
                    x,
                    weight,
                    output: output.clone(),
                    activation,
                },
                output,
            )
        }
        OpsKind::UnTracked(prep) => prep.finish(forward(
            x.primitive(),
            weight.primitive(),
            bias.primitive(),
            activation,
        )),
    };
    Tensor::from_primitive::<Tracked>(output)
}

fn forward(
    x: &FlexTensor,
    weight: &FlexTensor,
    bias: &FlexTensor,
    activation: Activation,
) -> FlexTensor {
    let ([n, i], [_, o]) = (x.shape().dims(), weight.shape().dims());
    let (x, weight, bias) = (values(x), values(weight), values(bias));
    let (a, b) = (Matrix::new(&x, n, i), Matrix::new(&weight, i, o));
    // SAFETY: a product writes all of its result.
    let (out, ()) = unsafe {
        written(n * o, |out| {
            run(vec![Product {
                a,
                b,
                bias: Some(&bias),
                out,
                activation,
            }])
        })
    };
    tensor(out, [n, o])
}

#[derive(Debug)]
struct Dense;

#[derive(Clone, Debug)]
struct State {
    x: FlexTensor,
    weight: FlexTensor,
    output: FlexTensor,
    activation: Activation,
}

impl Backward<Flex, 3> for Dense {
    type State = State;

    fn backward(self, ops: Ops<State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let State {
            x,
            weight,
            output,
            activation,
        } = ops.state;
        let ([n, i], [_, o]) = (x.shape().dims(), weight.shape().dims());
        let mut dz = whole(gradients.consume::<Flex>(&ops.node));
        let db = through_activation(&mut dz, &values(&output), o, activation);
        let dz = values(&dz);
        let [to_x, to_weight, to_bias] = ops.parents;
        let (x, weight) = (values(&x), values(&weight));
        let upstream = Matrix::new(&dz, n, o);
        let a = Matrix::new(&x, n, i).transposed();
        let b = Matrix::new(&weight, i, o).transposed();
        let length = |wanted: bool, length: usize| if wanted { length } else { 0 };
        let write = |dw: &mut [MaybeUninit<f32>], dx: &mut [MaybeUninit<f32>]| {
            let of_weight = Product {
                a,
                b: upstream,
                bias: None,
                out: dw,
                activation: Activation::None,
            };
            let of_x = Product {
                a: upstream,
                b,
                bias: None,
                out: dx,
                activation: Activation::None,
            };
            let wanted = [
                to_weight.is_some().then_some(of_weight),
                to_x.is_some().then_some(of_x),
            ];
            run(wanted.into_iter().flatten().collect());
        };
        let lengths = [
            length(to_weight.is_some(), i * o),
            length(to_x.is_some(), n * i),
        ];
        // SAFETY: a product writes all of its result, and one that is not wanted has no length.
        let (dw, (dx, ())) =
            unsafe { written(lengths[0], |dw| written(lengths[1], |dx| write(dw, dx))) };
        if let Some(node) = to_x {
            gradients.register::<Flex>(node.id, tensor(dx, [n, i]));
        }
        if let Some(node) = to_weight {
            gradients.register::<Flex>(node.id, tensor(dw, [i, o]));
        }
        if let Some(node) = to_bias {
            gradients.register::<Flex>(node.id, tensor(db, [o]));
        }
    }
}

/// Turns `upstream` into the gradient before the activation, in place where nobody else holds it, and gives its sums over
/// the rows, `[O]`.
fn through_activation(
    upstream: &mut FlexTensor,
    output: &[f32],
    width: usize,
    activation: Activation,
) -> Vec<f32> {
    // Rows are summed in blocks of a fixed size, the blocks in order: the same sum on any number of threads.
    const ROWS: usize = 64;
    #[inline(always)]
    fn sum(db: &mut [f32], dz: &[f32]) {
        db.iter_mut().zip(dz).for_each(|(db, dz)| *db += dz);
    }
    #[inline(always)]
    fn rows_of(dz: &[f32], width: usize) -> Vec<f32> {
        let mut of_block = vec![0.0; width];
        dz.chunks_exact(width)
            .for_each(|row| sum(&mut of_block, row));
        of_block
    }
    let blocks = if activation == Activation::None {
        team::map(values(upstream).chunks(ROWS * width), |dz| {
            wide(
                #[inline(always)]
                || rows_of(dz, width),
            )
        })
    } else {
        let blocks = upstream
            .storage_mut::<f32>()
            .chunks_mut(ROWS * width)
            .zip(output.chunks(ROWS * width));
        team::map(blocks, |(dz, y)| {
            wide(
                #[inline(always)]
                || {
                    let both = dz.iter_mut().zip(y);
                    match activation {
                        Activation::Relu => {
                            both.for_each(|(dz, &y)| *dz = if y <= 0.0 { 0.0 } else { *dz })
                        }
                        Activation::Tanh => both.for_each(|(dz, &y)| *dz *= 1.0 - y * y),
                        Activation::None => {}
                    }
                    rows_of(dz, width)
                },
            )
        })
    };
    let mut db = vec![0.0; width];
    blocks.iter().for_each(|block| sum(&mut db, block));
    db
}
