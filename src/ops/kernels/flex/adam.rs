//! A step of Adam in one pass over the weights, the gradients and both moments.

use burn::backend::Flex;
use burn::tensor::Tensor;

use super::tensors::{contiguous, untracked, values};
use crate::ops::adam_step::AdamStep;
use crate::ops::kernels::pool;
use crate::ops::kernels::simd::with_widest_simd;

/// The number of values that one core takes at a time: 64 kB of each of the four arrays, which together fit into the
/// second-level cache.
const CHUNK: usize = 16_384;

/// The fast form of [`crate::ops::adam`].
pub fn adam(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    mean: &mut Tensor<1>,
    square: &mut Tensor<1>,
    step: AdamStep,
) -> Tensor<1> {
    // The tensors are taken, not cloned, because a tensor without other owners is changed in place.
    let empty = || Tensor::empty([0], &burn::tensor::Device::flex());
    let mut m = untracked(std::mem::replace(mean, empty()));
    let mut v = untracked(std::mem::replace(square, empty()));
    let (mut weight, gradient) = (contiguous(untracked(weight)), untracked(gradient));
    let gradient = values(&gradient);
    let step = AdamNumbers::from(step);
    let lengths = [
        gradient.len(),
        m.storage::<f32>().len(),
        v.storage::<f32>().len(),
    ];
    assert_eq!(lengths, [weight.storage::<f32>().len(); 3]);
    let moments = m
        .storage_mut::<f32>()
        .chunks_mut(CHUNK)
        .zip(v.storage_mut::<f32>().chunks_mut(CHUNK));
    let weights = weight
        .storage_mut::<f32>()
        .chunks_mut(CHUNK)
        .zip(gradient.chunks(CHUNK));
    pool::for_each(weights.zip(moments), |((w, g), (m, v))| {
        with_widest_simd(
            #[inline(always)]
            || step.update(w, g, m, v),
        );
    });
    *mean = Tensor::from_primitive::<Flex>(m);
    *square = Tensor::from_primitive::<Flex>(v);
    Tensor::from_primitive::<Flex>(weight)
}

/// The constants of [`AdamStep`] in the precision of the weights.
#[derive(Clone, Copy)]
struct AdamNumbers {
    beta1: f32,
    gain1: f32,
    beta2: f32,
    gain2: f32,
    epsilon: f32,
    rate: f32,
    unbias: f32,
    flush: bool,
}

impl From<AdamStep> for AdamNumbers {
    fn from(step: AdamStep) -> Self {
        Self {
            beta1: step.beta1 as f32,
            gain1: (1.0 - step.beta1) as f32,
            beta2: step.beta2 as f32,
            gain2: (1.0 - step.beta2) as f32,
            epsilon: step.epsilon as f32,
            rate: step.rate as f32,
            unbias: step.unbias as f32,
            flush: step.flush,
        }
    }
}

impl AdamNumbers {
    #[inline(always)]
    fn update(self, w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
        if self.flush {
            flush(m, v);
        }
        for (((w, &g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
            *m = *m * self.beta1 + g * self.gain1;
            *v = *v * self.beta2 + g * g * self.gain2;
            *w -= *m / (v.sqrt() * self.unbias + self.epsilon) * self.rate;
        }
    }
}

/// Sets moments to 0 if they are negligible next to an epsilon of 1e-8, the square after the mean. The moments of a
/// weight whose gradient has vanished shrink forever, and with denormal numbers a step takes two to three times as
/// long.
#[inline(always)]
fn flush(m: &mut [f32], v: &mut [f32]) {
    for (m, v) in m.iter_mut().zip(v) {
        *m = if m.abs() < 1e-30 { 0.0 } else { *m };
        *v = if *m == 0.0 && *v < 1e-34 { 0.0 } else { *v };
    }
}
