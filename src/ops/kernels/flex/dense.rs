//! A dense layer. Bias and activation are applied within the product, and the two products of the backward pass run
//! side by side.

use std::mem::MaybeUninit;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::tensors::{AutodiffFlex, contiguous, tensor, tracked, untracked, values};
use crate::ops::activation::Activation;
use crate::ops::kernels::pool;
use crate::ops::kernels::product::{Matrix, MatrixProduct, filled_vec, run};
use crate::ops::kernels::simd::with_widest_simd;

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
    let output = match DenseBackward
        .prepare::<NoCheckpointing>([x.node(), weight.node(), bias.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => {
            let (x, weight) = (x.into_primitive(), weight.into_primitive());
            let output = forward(&x, &weight, bias.primitive(), activation);
            prep.finish(
                DenseState {
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
    Tensor::from_primitive::<AutodiffFlex>(output)
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
        filled_vec(n * o, |out| {
            run(vec![MatrixProduct {
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
struct DenseBackward;

#[derive(Clone, Debug)]
struct DenseState {
    x: FlexTensor,
    weight: FlexTensor,
    output: FlexTensor,
    activation: Activation,
}

impl Backward<Flex, 3> for DenseBackward {
    type State = DenseState;

    fn backward(self, ops: Ops<DenseState, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let DenseState {
            x,
            weight,
            output,
            activation,
        } = ops.state;
        let ([n, i], [_, o]) = (x.shape().dims(), weight.shape().dims());
        let mut dz = contiguous(gradients.consume::<Flex>(&ops.node));
        let db = through_activation(&mut dz, &values(&output), o, activation);
        let dz = values(&dz);
        let [to_x, to_weight, to_bias] = ops.parents;
        let (x, weight) = (values(&x), values(&weight));
        let upstream = Matrix::new(&dz, n, o);
        let a = Matrix::new(&x, n, i).transposed();
        let b = Matrix::new(&weight, i, o).transposed();
        let length = |wanted: bool, length: usize| if wanted { length } else { 0 };
        let write = |dw: &mut [MaybeUninit<f32>], dx: &mut [MaybeUninit<f32>]| {
            let weight_product = MatrixProduct {
                a,
                b: upstream,
                bias: None,
                out: dw,
                activation: Activation::None,
            };
            let x_product = MatrixProduct {
                a: upstream,
                b,
                bias: None,
                out: dx,
                activation: Activation::None,
            };
            let wanted = [
                to_weight.is_some().then_some(weight_product),
                to_x.is_some().then_some(x_product),
            ];
            run(wanted.into_iter().flatten().collect());
        };
        let lengths = [
            length(to_weight.is_some(), i * o),
            length(to_x.is_some(), n * i),
        ];
        // SAFETY: a product writes all of its result, and the result of one that is not wanted has no values.
        let (dw, (dx, ())) =
            unsafe { filled_vec(lengths[0], |dw| filled_vec(lengths[1], |dx| write(dw, dx))) };
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

/// Turns `upstream` into the gradient before the activation, in place where it has no other owner, and returns its sums
/// over the rows, `[O]`.
fn through_activation(
    upstream: &mut FlexTensor,
    output: &[f32],
    width: usize,
    activation: Activation,
) -> Vec<f32> {
    // Rows are summed in blocks of a fixed size and the blocks in order, which gives the same sum on any number of
    // threads.
    const ROWS: usize = 64;
    #[inline(always)]
    fn sum(db: &mut [f32], dz: &[f32]) {
        db.iter_mut().zip(dz).for_each(|(db, dz)| *db += dz);
    }
    #[inline(always)]
    fn rows_of(dz: &[f32], width: usize) -> Vec<f32> {
        let mut sums = vec![0.0; width];
        dz.chunks_exact(width).for_each(|row| sum(&mut sums, row));
        sums
    }
    let blocks = if activation == Activation::None {
        pool::map(values(upstream).chunks(ROWS * width), |dz| {
            with_widest_simd(
                #[inline(always)]
                || rows_of(dz, width),
            )
        })
    } else {
        let blocks = upstream
            .storage_mut::<f32>()
            .chunks_mut(ROWS * width)
            .zip(output.chunks(ROWS * width));
        pool::map(blocks, |(dz, y)| {
            with_widest_simd(
                #[inline(always)]
                || {
                    let both = dz.iter_mut().zip(y);
                    match activation {
                        Activation::Relu => {
                            both.for_each(|(dz, &y)| *dz = if y <= 0.0 { 0.0 } else { *dz })
                        }
                        Activation::Tanh => both.for_each(|(dz, &y)| *dz *= 1.0 - y * y),
                        _ => {}
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
