//! Sums over the values of an image of a function of the value and the decoder's output for it. The sum and its derivative
//! take one pass over the outputs.

use std::mem::MaybeUninit;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

use super::graph::{LANES, VALUES, image_sums, rows_at_a_time};
use super::terms::PixelTerm;
use crate::ops::kernels::flex::tensors::{tensor, untracked, values};
use crate::ops::kernels::pool;
use crate::ops::kernels::product::filled_vec;
use crate::ops::kernels::simd::with_widest_simd;

/// Returns the sum of the terms of each image.
///
/// # Shapes
/// `x`: `[B, P]`; `outputs`: `[K, B, P]`; result: `[K, B]`.
pub fn sum_of_terms<T: PixelTerm>(x: Tensor<2>, outputs: Tensor<3>) -> Tensor<2> {
    let x = untracked(x);
    image_sums(outputs, |outputs, slope| {
        forward::<T>(&x, outputs, slope.then_some(1.0))
    })
}

/// Returns the sums `[K, B]` and, if there is a `scale`, the derivatives `[K, B, P]` times this number.
pub fn forward<T: PixelTerm>(
    x: &FlexTensor,
    outputs: &FlexTensor,
    scale: Option<f32>,
) -> (FlexTensor, FlexTensor) {
    let [k, b, p] = outputs.shape().dims();
    assert_eq!(
        x.shape().dims(),
        [b, p],
        "an image has as many values as the decoder has outputs"
    );
    let (x, outputs) = (values(x), values(outputs));
    let at_a_time = rows_at_a_time(p);
    let mut sums = vec![0.0; k * b];
    if p == 1 && scale.is_none() {
        single_values::<T>(&x, &outputs, &mut sums);
        return (tensor(sums, [k, b]), tensor(Vec::new(), [0, b, p]));
    }
    if let Some(scale) = scale {
        let write = |slopes: &mut [MaybeUninit<f32>]| {
            let blocks = sums
                .chunks_mut(at_a_time)
                .zip(slopes.chunks_mut((at_a_time * p).max(1)))
                .enumerate();
            pool::for_each(blocks, |(block, (sums, slopes))| {
                let mut rows = sums.iter_mut().zip(slopes.chunks_exact_mut(p)).enumerate();
                with_widest_simd(
                    #[inline(always)]
                    || {
                        for (row, (sum, slopes)) in rows.by_ref() {
                            let row = block * at_a_time + row;
                            *sum = row_with_slope::<T>(
                                &x[row % b * p..][..p],
                                &outputs[row * p..][..p],
                                slopes,
                                scale,
                            );
                        }
                    },
                );
            });
        };
        // SAFETY: the blocks cover all rows, and the slopes of each row are written.
        let (slopes, ()) = unsafe { filled_vec(k * b * p, write) };
        return (tensor(sums, [k, b]), tensor(slopes, [k, b, p]));
    } else {
        pool::for_each(sums.chunks_mut(at_a_time).enumerate(), |(block, sums)| {
            with_widest_simd(
                #[inline(always)]
                || {
                    for (row, sum) in (block * at_a_time..).zip(sums.iter_mut()) {
                        *sum = row_sum::<T>(&x[row % b * p..][..p], &outputs[row * p..][..p]);
                    }
                },
            );
        });
    }
    (tensor(sums, [k, b]), tensor(Vec::new(), [0, b, p]))
}

/// Writes the terms of images of a single value. A map of an image takes each of its values as an image of its own, and there are
/// millions.
fn single_values<T: PixelTerm>(x: &[f32], outputs: &[f32], terms: &mut [f32]) {
    let samples = terms
        .chunks_mut(x.len().max(1))
        .zip(outputs.chunks(x.len().max(1)));
    let blocks = samples.flat_map(|(terms, outputs)| {
        let values = x.chunks(VALUES).zip(outputs.chunks(VALUES));
        terms.chunks_mut(VALUES).zip(values)
    });
    pool::for_each(blocks, |(terms, (x, outputs))| {
        let mut values = terms.iter_mut().zip(x.iter().zip(outputs));
        with_widest_simd(
            #[inline(always)]
            || {
                values
                    .by_ref()
                    .for_each(|(term, (&x, &output))| *term = T::term(x, output).0);
            },
        );
    });
}

#[inline(always)]
fn row_sum<T: PixelTerm>(x: &[f32], outputs: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let ((x, x_rest), (l, l_rest)) = (x.as_chunks::<LANES>(), outputs.as_chunks::<LANES>());
    for (x, l) in x.iter().zip(l) {
        for lane in 0..LANES {
            sums[lane] += T::term(x[lane], l[lane]).0;
        }
    }
    let rest: f32 = x_rest
        .iter()
        .zip(l_rest)
        .map(|(&x, &l)| T::term(x, l).0)
        .sum();
    sums.iter().sum::<f32>() + rest
}

#[inline(always)]
fn row_with_slope<T: PixelTerm>(
    x: &[f32],
    outputs: &[f32],
    slopes: &mut [MaybeUninit<f32>],
    scale: f32,
) -> f32 {
    let mut sums = [0.0; LANES];
    let ((x, x_rest), (l, l_rest)) = (x.as_chunks::<LANES>(), outputs.as_chunks::<LANES>());
    let (s, s_rest) = slopes.as_chunks_mut::<LANES>();
    for ((x, l), s) in x.iter().zip(l).zip(s) {
        for lane in 0..LANES {
            let (value, slope) = T::term(x[lane], l[lane]);
            sums[lane] += value;
            s[lane].write(slope * scale);
        }
    }
    let mut rest = 0.0;
    for ((&x, &l), s) in x_rest.iter().zip(l_rest).zip(s_rest) {
        let (value, slope) = T::term(x, l);
        rest += value;
        s.write(slope * scale);
    }
    sums.iter().sum::<f32>() + rest
}
