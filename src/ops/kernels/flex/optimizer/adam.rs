//! A step of Adam in one pass over the weights of all parameters, their gradients and both moments.

use burn::tensor::Tensor;

use super::pass::{Decay, UpdatedTensor, update_each};
use crate::ops::optimizer::{AdamParameter, AdamStep, NEGLIGIBLE_MEAN, NEGLIGIBLE_SQUARE};

/// The fast form of [`crate::ops::adam`].
pub fn adam(parameters: Vec<AdamParameter<'_>>, step: AdamStep) -> Vec<Tensor<1>> {
    let step = AdamNumbers::from(step);
    let tensors = parameters.into_iter().map(|parameter| UpdatedTensor {
        target: parameter.weight,
        other: parameter.gradient,
        kept: [parameter.mean, parameter.square],
    });
    update_each(
        tensors.collect(),
        #[inline(always)]
        |w, g, [m, v]| step.update(w, g, m, v),
    )
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
    decay: Decay,
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
            decay: step.decay.into(),
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
            let (weight, g) = self.decay.apply(*w, g);
            let mean = *m * self.beta1 + g * self.gain1;
            let square = *v * self.beta2 + g * g * self.gain2;
            // Everything is read before anything is written: see `pass.rs`.
            *w = weight - mean / (square.sqrt() * self.unbias + self.epsilon) * self.rate;
            *m = mean;
            *v = square;
        }
    }
}

/// Sets negligible moments to 0, the square only after the mean: without its square a mean would make a larger step.
#[inline(always)]
fn flush(m: &mut [f32], v: &mut [f32]) {
    for (m, v) in m.iter_mut().zip(v) {
        let mean = if m.abs() < NEGLIGIBLE_MEAN { 0.0 } else { *m };
        let is_negligible = mean == 0.0 && *v < NEGLIGIBLE_SQUARE;
        let square = if is_negligible { 0.0 } else { *v };
        (*m, *v) = (mean, square);
    }
}
