//! The log probability of bytes under a discretised logistic distribution or a mixture of several, whose decoder has
//! several outputs for each value. All outputs of sixteen values are processed together, and the derivatives take the
//! outputs' place.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

use super::graph::{LANES, VALUES, image_sums, rows_at_a_time};
use crate::ops::discretised_logistic::{BIN_WIDTH, SMALLEST_LOG_SCALE, outputs_per_value};
use crate::ops::kernels::flex::tensors::{tensor, untracked, values};
use crate::ops::kernels::math::{decay, exp, exp_negative, ln, log1p_exp_and_sigmoid};
use crate::ops::kernels::pool;
use crate::ops::kernels::simd::with_widest_simd;

/// A number for each of sixteen values.
type Lanes = [f32; LANES];

/// The fast form of [`crate::ops::discretised_logistic_log_prob`]. `x` gets no gradient.
pub fn discretised_logistic_log_prob(
    x: Tensor<2>,
    outputs: Tensor<3>,
    components: usize,
) -> Tensor<2> {
    let x = untracked(x);
    image_sums(outputs, |outputs, slope| {
        forward(&x, outputs, components, slope)
    })
}

/// Returns the sums `[K, B]` and, if `slope`, the derivatives `[K, B, O P]`.
fn forward(
    x: &FlexTensor,
    outputs: &FlexTensor,
    components: usize,
    slope: bool,
) -> (FlexTensor, FlexTensor) {
    let [b, p] = x.shape().dims();
    let [k, images, width] = outputs.shape().dims();
    assert_eq!(
        [images, width],
        [b, outputs_per_value(components) * p],
        "an image has as many values as the decoder has outputs for"
    );
    let (x, outputs) = (values(x), values(outputs));
    let row = |row: usize| (&x[row % b * p..][..p], &outputs[row * width..][..width]);
    if slope {
        let at_a_time = rows_at_a_time(width);
        let work = |block: usize, slopes: &mut [f32]| {
            let mut sixteen = SixteenValues::new(components);
            let mut sums = Vec::with_capacity(at_a_time);
            let mut rows = slopes.chunks_exact_mut(width).enumerate();
            with_widest_simd(
                #[inline(always)]
                || {
                    for (place, slopes) in rows.by_ref() {
                        let (x, outputs) = row(block * at_a_time + place);
                        sums.push(sixteen.row(x, outputs, slopes));
                    }
                },
            );
            sums
        };
        let (slopes, sums) = pool::fill(k * b * width, at_a_time * width, work);
        return (
            tensor(sums.into_iter().flatten().collect(), [k, b]),
            tensor(slopes, [k, b, width]),
        );
    }
    let none = tensor(Vec::new(), [0, b, width]);
    if p == 1 {
        let sums = single_values(&x, &outputs, components, k * b);
        return (tensor(sums, [k, b]), none);
    }
    let mut sums = vec![0.0; k * b];
    let at_a_time = rows_at_a_time(width);
    pool::for_each(sums.chunks_mut(at_a_time).enumerate(), |(block, sums)| {
        let mut sixteen = SixteenValues::new(components);
        with_widest_simd(
            #[inline(always)]
            || {
                for (place, sum) in sums.iter_mut().enumerate() {
                    let (x, outputs) = row(block * at_a_time + place);
                    *sum = sixteen.row(x, outputs, &mut []);
                }
            },
        );
    });
    (tensor(sums, [k, b]), none)
}

/// Returns the log probabilities of images of a single value, sixteen at a time. A map of an image takes each of its
/// values as an image of its own, and there are millions.
fn single_values(x: &[f32], outputs: &[f32], components: usize, count: usize) -> Vec<f32> {
    let (o, b) = (outputs_per_value(components), x.len());
    let mut terms = vec![0.0; count];
    pool::for_each(terms.chunks_mut(VALUES).enumerate(), |(block, terms)| {
        let mut sixteen = SixteenValues::new(components);
        with_widest_simd(
            #[inline(always)]
            || {
                for (place, terms) in terms.chunks_mut(LANES).enumerate() {
                    let first = block * VALUES + place * LANES;
                    for lane in 0..terms.len() {
                        sixteen.x[lane] = x[(first + lane) % b];
                        let own = &outputs[(first + lane) * o..][..o];
                        for (numbers, &output) in sixteen.outputs.iter_mut().zip(own) {
                            numbers[lane] = output;
                        }
                    }
                    let all = sixteen.terms();
                    terms.copy_from_slice(&all[..terms.len()]);
                }
            },
        );
    });
    terms
}

/// Sixteen values of an image and the decoder's outputs for them.
struct SixteenValues {
    x: Lanes,
    /// `[O][16]`: `M` means, `M` outputs for log scales and, for more than one component, `M` weights.
    outputs: Vec<Lanes>,
    /// `[M][16]`: the log probabilities under each component.
    shares: Vec<Lanes>,
}

impl SixteenValues {
    fn new(components: usize) -> Self {
        Self {
            x: [0.0; LANES],
            outputs: vec![[0.0; LANES]; outputs_per_value(components)],
            shares: vec![[0.0; LANES]; components],
        }
    }

    /// Returns the log probability of an image. Writes the derivatives into `slopes`, unless it is empty.
    #[inline(always)]
    fn row(&mut self, x: &[f32], outputs: &[f32], slopes: &mut [f32]) -> f32 {
        let p = x.len();
        let mut sums = [0.0; LANES];
        for start in (0..p).step_by(LANES) {
            // Lanes beyond the end of the image are computed and left out.
            let count = LANES.min(p - start);
            self.x[..count].copy_from_slice(&x[start..][..count]);
            for (i, numbers) in self.outputs.iter_mut().enumerate() {
                numbers[..count].copy_from_slice(&outputs[i * p + start..][..count]);
            }
            let terms = self.terms();
            for (sum, term) in sums.iter_mut().zip(&terms[..count]) {
                *sum += term;
            }
            if !slopes.is_empty() {
                for (i, numbers) in self.outputs.iter().enumerate() {
                    slopes[i * p + start..][..count].copy_from_slice(&numbers[..count]);
                }
            }
        }
        sums.iter().sum()
    }

    /// Returns the log probabilities of the values, and replaces the outputs by the derivatives in them.
    #[inline(always)]
    fn terms(&mut self) -> Lanes {
        let m = self.shares.len();
        let (means, others) = self.outputs.split_at_mut(m);
        let (scales, weights) = others.split_at_mut(m);
        for ((mean, scale), share) in means.iter_mut().zip(&mut *scales).zip(&mut self.shares) {
            for lane in 0..LANES {
                (share[lane], mean[lane], scale[lane]) =
                    component(self.x[lane], mean[lane], scale[lane]);
            }
        }
        if weights.is_empty() {
            return self.shares[0];
        }
        let (most, sum) = max_and_sum(weights);
        for (weight, share) in weights.iter_mut().zip(&mut self.shares) {
            for lane in 0..LANES {
                weight[lane] = (weight[lane] - most[lane]) - ln(sum[lane]);
                share[lane] += weight[lane];
            }
        }
        let (most, sum) = max_and_sum(&self.shares);
        let mut total = [0.0; LANES];
        for lane in 0..LANES {
            total[lane] = ln(sum[lane]) + most[lane];
        }
        // The derivative in a weight's logit is the component's probability given the value, less the one without it.
        for (((mean, scale), weight), share) in
            means.iter_mut().zip(scales).zip(weights).zip(&self.shares)
        {
            for lane in 0..LANES {
                let posterior = exp_negative(share[lane] - total[lane]);
                mean[lane] *= posterior;
                scale[lane] *= posterior;
                weight[lane] = posterior - exp_negative(weight[lane]);
            }
        }
        total
    }
}

/// Returns the maximum over the components, and the sum of e^(value - maximum).
#[inline(always)]
fn max_and_sum(values: &[Lanes]) -> (Lanes, Lanes) {
    let mut most = values[0];
    for value in &values[1..] {
        for lane in 0..LANES {
            most[lane] = if value[lane] > most[lane] {
                value[lane]
            } else {
                most[lane]
            };
        }
    }
    let mut sum = [0.0; LANES];
    for value in values {
        for lane in 0..LANES {
            sum[lane] += exp_negative(value[lane] - most[lane]);
        }
    }
    (most, sum)
}

/// Returns the log probability of a value under one logistic distribution, and its derivatives in the mean and in the
/// output for the log scale: the formula of [`crate::ops::plain::discretised_logistic_log_prob`].
#[inline(always)]
fn component(x: f32, mean: f32, output: f32) -> (f32, f32, f32) {
    const WIDTH: f32 = BIN_WIDTH as f32;
    const SMALLEST: f32 = SMALLEST_LOG_SCALE as f32;
    let byte = (x * 255.0).round_ties_even();
    // The end of a bin is exactly the start of the next.
    let (start, end) = ((byte * 2.0 - 256.0) / 255.0, (byte * 2.0 - 254.0) / 255.0);
    let (log1p, to_log_scale) = log1p_exp_and_sigmoid(output - SMALLEST);
    let above_smallest = output - SMALLEST;
    let above_smallest = if above_smallest < 0.0 {
        0.0
    } else {
        above_smallest
    };
    let log_scale = (above_smallest + log1p) + SMALLEST;
    let narrowness = exp(-log_scale);

    let to_end = (end - mean) * narrowness;
    let (below_end, beyond_end) = log_sigmoid(to_end);
    let from_start = (mean - start) * narrowness;
    let (above_start, before_start) = log_sigmoid(from_start);
    let width = narrowness * WIDTH;
    let (g, slope) = decay(width);
    let within = g - log_scale + (BIN_WIDTH.ln() as f32);

    let has_start = byte > 0.5;
    let has_end = byte < 254.5;
    let only = |is: bool, value: f32| if is { value } else { 0.0 };
    // The first term is 0 unless the value is NaN.
    let share = 0.0 * byte
        + only(has_end, below_end)
        + only(has_start, above_start)
        + only(has_start && has_end, within);
    let to_mean =
        only(has_start, narrowness * before_start) - only(has_end, narrowness * beyond_end);
    let of_log_scale = only(has_start && has_end, -width * slope - 1.0)
        - only(has_end, to_end * beyond_end)
        - only(has_start, from_start * before_start);
    (share, to_mean, of_log_scale * to_log_scale)
}

/// Returns the logarithm of the logistic function, and its slope.
#[inline(always)]
fn log_sigmoid(y: f32) -> (f32, f32) {
    let (log1p, slope) = log1p_exp_and_sigmoid(-y);
    (if y < 0.0 { y } else { 0.0 } - log1p, slope)
}
