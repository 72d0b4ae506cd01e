//! The function g(d) = log of the integral of e^(-d t) over t from 0 to 1 = log((1 - e^-d) / d), for d >= 0, and its
//! slope g'(d) = 1 / (e^d - 1) - 1 / d, which rises from -1/2 to 0.
//!
//! It is the normaliser of an exponential distribution on [0, 1], and the probability of a narrow bin of a logistic
//! distribution. Below 1 both formulas would subtract nearly equal numbers, so their series are used: the series of d /
//! (e^d - 1) has the Bernoulli numbers as coefficients (Abramowitz, Stegun 1964, 23.1.1), and the series of g is its
//! integral.

use burn::tensor::Tensor;

/// The coefficients of g' = -1/2 + d/12 - d^3/720 + ... The next term is 2e-8 at 1, below the rounding of a float32.
pub const DECAY_SLOPE: [f64; 4] = [1.0 / 12.0, -1.0 / 720.0, 1.0 / 30_240.0, -1.0 / 1_209_600.0];

/// Returns g and g', without autodiff.
///
/// # Shapes
/// All have the same shape; and `d` is at least 0.
pub fn decay<const D: usize>(d: Tensor<D>) -> [Tensor<D>; 2] {
    let d = d.without_autodiff();
    let far = d.clone().greater_equal_elem(1.0);
    let square = d.clone().square();
    // The sum of c_i d^(2i) / (2i + 2) for the integral of g', or without the division for g' itself.
    let series = |divide: bool| {
        let term = |i: usize| DECAY_SLOPE[i] / if divide { 2.0 * (i + 1) as f64 } else { 1.0 };
        (0..3).rev().fold(square.zeros_like() + term(3), |sum, i| {
            sum * square.clone() + term(i)
        })
    };
    let value = d.clone() * -0.5 + square.clone() * series(true);
    let slope = d.clone() * series(false) - 0.5;
    let far_value = (d.clone().neg().exp().neg() + 1.0).log() - d.clone().log();
    let far_slope = (d.clone().exp() - 1.0).recip() - d.recip();
    [
        value.mask_where(far.clone(), far_value),
        slope.mask_where(far, far_slope),
    ]
}

/// Returns `value` with `slope` as its gradient in `at`. Autodiff's own gradient of a formula with two branches is not
/// always finite; this one is. The result is NaN if `at` is NaN or infinite.
///
/// # Shapes
/// All have the same shape; `value` and `slope` are without autodiff.
pub fn with_slope<const D: usize>(value: Tensor<D>, slope: Tensor<D>, at: Tensor<D>) -> Tensor<D> {
    let step = at.clone() - at.without_autodiff(); // 0, and yet a function of `at`
    value + slope * step
}
