//! The functions of a value and of a decoder's output for it that are summed over the values of an image.

use crate::ops::kernels::math::{decay, log1p_exp_and_sigmoid, sigmoid};

/// A function that is summed over the values of an image.
pub trait PixelTerm {
    /// Returns the term of a value `x` and an output `l`, and its derivative in `l`.
    fn term(x: f32, l: f32) -> (f32, f32);
}

/// The term x l - log(1 + e^l).
pub struct BernoulliTerm;

impl PixelTerm for BernoulliTerm {
    #[inline(always)]
    fn term(x: f32, l: f32) -> (f32, f32) {
        let (log1p, sigmoid) = log1p_exp_and_sigmoid(l);
        (x * l - l.max(0.0) - log1p, x - sigmoid)
    }
}

/// The term (x - l)^2.
pub struct SquareTerm;

impl PixelTerm for SquareTerm {
    #[inline(always)]
    fn term(x: f32, l: f32) -> (f32, f32) {
        let error = l - x;
        (error * error, 2.0 * error)
    }
}

/// The term (x - sigmoid(l))^2.
pub struct LogisticSquareTerm;

impl PixelTerm for LogisticSquareTerm {
    #[inline(always)]
    fn term(x: f32, l: f32) -> (f32, f32) {
        let (_, sigmoid) = log1p_exp_and_sigmoid(l);
        let error = sigmoid - x;
        (error * error, 2.0 * error * sigmoid * (1.0 - sigmoid))
    }
}

/// The term |x - l|.
pub struct AbsoluteTerm;

impl PixelTerm for AbsoluteTerm {
    #[inline(always)]
    fn term(x: f32, l: f32) -> (f32, f32) {
        let error = l - x;
        (error.abs(), sign(error))
    }
}

/// The term |x - sigmoid(l)|.
pub struct LogisticAbsoluteTerm;

impl PixelTerm for LogisticAbsoluteTerm {
    #[inline(always)]
    fn term(x: f32, l: f32) -> (f32, f32) {
        let mean = sigmoid(l);
        let error = mean - x;
        (error.abs(), sign(error) * mean * (1.0 - mean))
    }
}

/// Returns 1, -1, or 0 for 0; NaN for NaN.
#[inline(always)]
fn sign(x: f32) -> f32 {
    let sign = if x > 0.0 { 1.0 } else { x };
    if sign < 0.0 { -1.0 } else { sign }
}

/// The term x l - max(l, 0) - g(|l|) with the g of [`decay`]: the logarithm of the density of a continuous Bernoulli.
pub struct ContinuousBernoulliTerm;

impl PixelTerm for ContinuousBernoulliTerm {
    #[inline(always)]
    fn term(x: f32, l: f32) -> (f32, f32) {
        let (g, slope) = decay(l.abs());
        // x l - max(l, 0) and x - E[x], where E[x] is -g'(|l|) or 1 + g'(|l|), computed separately for each sign of l.
        // This keeps full precision if x and E[x] are near the same end.
        if l > 0.0 {
            (l * (x - 1.0) - g, (x - 1.0) - slope)
        } else {
            (l * x - g, x + slope)
        }
    }
}
