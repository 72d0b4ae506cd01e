//! The products of dense layers. Layers that do not wait for each other share a job of the pool, and so do the two products of a
//! layer's backward pass.

use std::mem::MaybeUninit;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;

use super::tensors::{contiguous, tensor, values};
use crate::ops::activation::Activation;
use crate::ops::kernels::pool;
use crate::ops::kernels::product::{Matrix, MatrixProduct, filled_vecs, run};
use crate::ops::kernels::simd::with_widest_simd;

/// A dense layer's weights: activation(x W + b).
#[derive(Clone, Debug)]
pub struct DenseTensors {
    /// `[I, O]`.
    pub weight: FlexTensor,
    /// `[O]`.
    pub bias: FlexTensor,
    pub activation: Activation,
}

/// Returns the outputs of layers that read the same `x`, each `[N, O]`.
pub fn outputs<const L: usize>(x: &FlexTensor, layers: [&DenseTensors; L]) -> [FlexTensor; L] {
    let [n, k] = x.shape().dims();
    let widths = layers.map(|layer| layer.bias.shape().num_elements());
    let x = values(x);
    let operands = layers.map(|layer| (values(&layer.weight), values(&layer.bias)));
    let write = |outputs: [&mut [MaybeUninit<f32>]; L]| {
        let mut products = Vec::with_capacity(L);
        for (i, out) in outputs.into_iter().enumerate() {
            let (weight, bias) = &operands[i];
            products.push(MatrixProduct {
                a: Matrix::new(&x, n, k),
                b: Matrix::new(weight, k, widths[i]),
                bias: Some(bias),
                out,
                activation: layers[i].activation,
            });
        }
        run(products);
    };
    // SAFETY: a product writes all of its result.
    let outputs = unsafe { filled_vecs(widths.map(|width| n * width), write) };
    let mut widths = widths.into_iter();
    outputs.map(|output| tensor(output, [n, widths.next().unwrap_or(0)]))
}

/// A layer in the backward pass.
pub struct LayerInBackward<'a> {
    pub layer: &'a DenseTensors,
    /// `[N, I]`.
    pub x: &'a FlexTensor,
    /// `[N, O]`.
    pub output: &'a FlexTensor,
    /// The gradient in the output, `[N, O]`.
    pub upstream: FlexTensor,
}

/// The gradients of a dense layer. One that is not wanted has no values.
pub struct ProductGradients {
    /// `[N I]`.
    pub x: Vec<f32>,
    /// `[I O]`.
    pub weight: Vec<f32>,
    /// `[O]`.
    pub bias: Vec<f32>,
}

/// Returns the gradients of layers: in x and in the weight if `wanted`, and in the bias.
pub fn gradients<const L: usize>(
    layers: [LayerInBackward<'_>; L],
    wanted: [bool; 2],
) -> [ProductGradients; L] {
    let layers = layers.map(|mut layer| {
        let width = layer.layer.bias.shape().num_elements();
        layer.upstream = contiguous(layer.upstream);
        let activation = layer.layer.activation;
        let bias = through_activation(
            &mut layer.upstream,
            &values(layer.output),
            width,
            activation,
        );
        (layer, bias)
    });
    let operands = layers.each_ref().map(|(layer, _)| {
        let [weight, x, dz] =
            [&layer.layer.weight, layer.x, &layer.upstream].map(|tensor| values(tensor));
        (weight, x, dz)
    });
    let shapes = layers.each_ref().map(|(layer, _)| {
        let ([n, i], [_, o]) = (layer.x.shape().dims(), layer.upstream.shape().dims());
        [n, i, o]
    });
    let [wants_x, wants_weight] = wanted;
    let to_weights = |out: [&mut [MaybeUninit<f32>]; L], to_x: [&mut [MaybeUninit<f32>]; L]| {
        let mut products = Vec::with_capacity(2 * L);
        let outs = out.into_iter().zip(to_x);
        for (((weight, x, dz), [n, i, o]), (dw, dx)) in operands.iter().zip(shapes).zip(outs) {
            let upstream = Matrix::new(dz, n, o);
            let product = |a, b, out| MatrixProduct {
                a,
                b,
                bias: None,
                out,
                activation: Activation::None,
            };
            if wants_weight {
                products.push(product(Matrix::new(x, n, i).transposed(), upstream, dw));
            }
            if wants_x {
                products.push(product(
                    upstream,
                    Matrix::new(weight, i, o).transposed(),
                    dx,
                ));
            }
        }
        run(products);
    };
    let length = |wanted: bool, length: usize| if wanted { length } else { 0 };
    let mut to_x = None;
    // SAFETY: a product writes all of its result, and the result of one that is not wanted has no values.
    let to_weight = unsafe {
        filled_vecs(shapes.map(|[_, i, o]| length(wants_weight, i * o)), |dw| {
            let lengths = shapes.map(|[n, i, _]| length(wants_x, n * i));
            to_x = Some(filled_vecs(lengths, |dx| to_weights(dw, dx)));
        })
    };
    let mut to_x = to_x.into_iter().flatten();
    let mut to_weight = to_weight.into_iter();
    layers.map(|(_, bias)| ProductGradients {
        x: to_x.next().unwrap_or_default(),
        weight: to_weight.next().unwrap_or_default(),
        bias,
    })
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
