//! Activations of many values at once, and their slopes.

use super::math::{exp, log1p_exp_and_sigmoid, normal_distribution, sigmoid, tanh};
use super::simd::with_widest_simd;
use crate::ops::activation::{Activation, LEAK};

/// 1 / sqrt(2 pi).
const DENSITY_AT_0: f32 = 0.398_942_3;

/// Replaces each value by its activation.
pub fn activate(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Relu => map(values, |z| if z < 0.0 { 0.0 } else { z }),
        Activation::Tanh => map(values, tanh),
        Activation::Silu => map(values, |z| z * sigmoid(z)),
        Activation::Gelu => map(values, |z| z * normal_distribution(z).0),
        Activation::LeakyRelu => map(values, |z| if z < 0.0 { LEAK * z } else { z }),
        Activation::Elu => map(values, |z| if z < 0.0 { exp(z) - 1.0 } else { z }),
        Activation::Softplus => map(values, softplus),
        Activation::Sigmoid => map(values, sigmoid),
        Activation::None => {}
    }
}

/// Multiplies each gradient by the slope of the activation at the value `z` before it.
pub fn multiply_by_slopes(activation: Activation, z: &[f32], gradients: &mut [f32]) {
    match activation {
        Activation::Relu => scale(z, gradients, |z| if z > 0.0 { 1.0 } else { 0.0 }),
        Activation::Tanh => scale(z, gradients, |z| {
            let y = tanh(z);
            1.0 - y * y
        }),
        Activation::Silu => scale(z, gradients, |z| {
            let s = sigmoid(z);
            s * (1.0 + z * (1.0 - s))
        }),
        Activation::Gelu => scale(z, gradients, |z| {
            let (below, density) = normal_distribution(z);
            below + z * density * DENSITY_AT_0
        }),
        Activation::LeakyRelu => scale(z, gradients, |z| if z > 0.0 { 1.0 } else { LEAK }),
        Activation::Elu => scale(z, gradients, |z| if z > 0.0 { 1.0 } else { exp(z) }),
        Activation::Softplus => scale(z, gradients, sigmoid),
        Activation::Sigmoid => scale(z, gradients, |z| {
            let s = sigmoid(z);
            s * (1.0 - s)
        }),
        Activation::None => {}
    }
}

#[inline(always)]
fn softplus(z: f32) -> f32 {
    let (log1p, _) = log1p_exp_and_sigmoid(z);
    log1p + if z > 0.0 { z } else { 0.0 }
}

#[inline(always)]
fn map(values: &mut [f32], function: impl Fn(f32) -> f32) {
    with_widest_simd(
        #[inline(always)]
        || values.iter_mut().for_each(|z| *z = function(*z)),
    );
}

#[inline(always)]
fn scale(z: &[f32], gradients: &mut [f32], slope: impl Fn(f32) -> f32) {
    with_widest_simd(
        #[inline(always)]
        || {
            gradients
                .iter_mut()
                .zip(z)
                .for_each(|(gradient, &z)| *gradient *= slope(z));
        },
    );
}
