//! Adam in one pass over weight, gradient and both moments.

use burn::backend::Flex;
use burn::tensor::Tensor;

use super::super::vector::wide;
use super::super::{AdamStep, flushed, team};
use super::{untracked, values, whole};

/// Values that one core takes at a time: 64 kB of each of the five arrays, what the second-level cache holds.
const CHUNK: usize = 16_384;

/// The fast form of [`crate::ops::adam`].
pub fn adam(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    mean: &mut Tensor<1>,
    square: &mut Tensor<1>,
    step: AdamStep,
) -> Tensor<1> {
    // Taken out, not cloned: what nobody else holds is changed in place.
    let nothing = || Tensor::empty([0], &burn::tensor::Device::flex());
    let mut m = untracked(std::mem::replace(mean, nothing()));
    let mut v = untracked(std::mem::replace(square, nothing()));
    let (mut weight, gradient) = (whole(untracked(weight)), untracked(gradient));
    let gradient = values(&gradient);
    let numbers = Numbers::from(step);
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
    team::for_each(weights.zip(moments), |((w, g), (m, v))| {
        wide(
            #[inline(always)]
            || numbers.update(w, g, m, v),
        );
    });
    *mean = Tensor::from_primitive::<Flex>(m);
    *square = Tensor::from_primitive::<Flex>(v);
    Tensor::from_primitive::<Flex>(weight)
}

#[derive(Clone, Copy)]
struct Numbers {
    beta1: f32,
    gain1: f32,
    beta2: f32,
    gain2: f32,
    epsilon: f32,
    rate: f32,
    unbias: f32,
    flush: bool,
}

impl From<AdamStep> for Numbers {
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

impl Numbers {
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

#[inline(always)]
fn flush(m: &mut [f32], v: &mut [f32]) {
    for (m, v) in m.iter_mut().zip(v) {
        (*m, *v) = flushed(*m, *v);
    }
}
