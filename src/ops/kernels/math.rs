//! Transcendental functions as polynomials, so that a loop over them becomes vector instructions. They use only
//! operations that round once, which give the same bytes on every machine.

/// Returns e^x for x <= 0, with a relative error below 3e-7 (tested), and 0 below -87.
#[inline(always)]
pub fn exp_negative(x: f32) -> f32 {
    // x = n ln 2 + r, |r| <= ln 2 / 2, with the product n ln 2 split into two parts; the first is exact. Adding 1.5 *
    // 2^23 rounds to a whole number and leaves it in the lowest bits. A conversion to an integer would be done value by
    // value, because Rust's conversion saturates.
    const SHIFT: f32 = 12_582_912.0;
    let clamped = if x < -87.0 { -87.0 } else { x };
    let shifted = clamped * std::f32::consts::LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    let r = clamped - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let series = horner(
        r,
        [
            1.0,
            1.0,
            0.499_999_9,
            0.166_664_11,
            0.041_668_29,
            0.008_375_645,
            0.001_383_580_2,
        ],
    );
    let value = series * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    if x < -87.0 { 0.0 } else { value }
}

/// Returns e^x, with a relative error below 4e-7 (tested), 0 below -87 and infinity above 87.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let value = exp_negative(-x.abs());
    if x > 0.0 { 1.0 / value } else { value }
}

/// Returns the hyperbolic tangent, with a relative error below 4e-7 (tested).
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    // The Taylor series, used if the quotient would cancel; the first omitted term is below 2e-8 of the value.
    const SERIES: [f32; 6] = [
        1.0,
        -1.0 / 3.0,
        2.0 / 15.0,
        -17.0 / 315.0,
        62.0 / 2835.0,
        -1382.0 / 155_925.0,
    ];
    let e = exp_negative(-2.0 * x.abs());
    let large = ((1.0 - e) / (1.0 + e)).copysign(x);
    if x.abs() < 0.35 {
        x * horner(x * x, SERIES)
    } else {
        large
    }
}

/// The coefficients of ln(1 + e) / e on [0, 1], with the smallest maximum error of ln(1 + e) (found by Lawson's
/// iteration). A logarithm would need a division.
const LOG1P: [f32; 9] = [
    0.999_999_34,
    -0.499_970_94,
    0.332_896_68,
    -0.246_726_9,
    0.185_698_26,
    -0.126_909,
    0.068_084_81,
    -0.023_855_522,
    0.003_930_472,
];

/// Returns c\[0\] + c\[1\] x + c\[2\] x^2 + ...
#[inline(always)]
fn horner<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[N - 1];
    for i in (0..N - 1).rev() {
        sum = sum * x + coefficients[i];
    }
    sum
}

/// Returns ln(1 + e^-|l|) and the logistic function of l, from one exponential, with absolute errors below 2e-7
/// (tested).
#[inline(always)]
pub fn log1p_exp_and_sigmoid(l: f32) -> (f32, f32) {
    let e = exp_negative(-l.abs());
    let inverse = 1.0 / (1.0 + e);
    let sigmoid = if l >= 0.0 { inverse } else { e * inverse };
    (e * horner(e, LOG1P), sigmoid)
}

/// Returns the logistic function, with an absolute error below 2e-7 (tested).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp_negative(-x.abs());
    let inverse = 1.0 / (1.0 + e);
    if x >= 0.0 { inverse } else { e * inverse }
}

/// Returns the distribution function of N(0, 1), with an absolute error below 4e-7 (tested), and its density times
/// sqrt(2 pi) (Abramowitz, Stegun 1964, equation 7.1.26).
#[inline(always)]
pub fn normal_distribution(x: f32) -> (f32, f32) {
    const SERIES: [f32; 6] = [
        0.0,
        0.254_829_6,
        -0.284_496_72,
        1.421_413_8,
        -1.453_152,
        1.061_405_4,
    ];
    let e = exp_negative(-0.5 * x * x);
    let t = 1.0 / (1.0 + 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2 * x.abs());
    let tail = 0.5 * e * horner(t, SERIES);
    (if x >= 0.0 { 1.0 - tail } else { tail }, e)
}

/// Returns the natural logarithm of a normal number above 0, with an error below 2e-7 times the larger of 1 and the
/// result (tested); infinity and NaN are returned as they are (Moshier's Cephes, `logf`).
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    const SERIES: [f32; 9] = [
        0.333_333_3,
        -0.249_999_94,
        0.200_007_15,
        -0.166_680_58,
        0.142_493_23,
        -0.124_201_41,
        0.116_769_99,
        -0.115_146_1,
        0.070_376_836,
    ];
    // x = 2^n (1 + r) with 1 + r from sqrt(1/2) to sqrt(2).
    let shifted = x
        .to_bits()
        .wrapping_sub(std::f32::consts::FRAC_1_SQRT_2.to_bits());
    let n = (shifted as i32) >> 23;
    let r = f32::from_bits(x.to_bits().wrapping_sub((n as u32) << 23)) - 1.0;
    let n = n as f32;
    let square = r * r;
    let value = r * square * horner(r, SERIES) + n * -2.121_944_4e-4 - 0.5 * square;
    let value = (r + value) + n * 0.693_359_4;
    if x < f32::INFINITY { value } else { x }
}

/// Returns g(d) = log((1 - e^-d) / d) and its slope for d >= 0, as [`crate::ops::plain::decay`] does.
#[inline(always)]
pub fn decay(d: f32) -> (f32, f32) {
    // The coefficients of g' + 1/2 over d, and those of its integral. They are used where the formulas would cancel.
    const SLOPE: [f32; 4] = [1.0 / 12.0, -1.0 / 720.0, 1.0 / 30_240.0, -1.0 / 1_209_600.0];
    const VALUE: [f32; 4] = [
        1.0 / 24.0,
        -1.0 / 2_880.0,
        1.0 / 181_440.0,
        -1.0 / 9_676_800.0,
    ];
    let square = d * d;
    let near = (
        d * -0.5 + square * horner(square, VALUE),
        d * horner(square, SLOPE) - 0.5,
    );
    let e = exp_negative(-d);
    let inverse = 1.0 / d;
    let far = (ln((1.0 - e) * inverse), e / (1.0 - e) - inverse);
    if d < 1.0 { near } else { far }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution_is_that_of_tables() {
        // Values of R's pnorm.
        for (x, expected) in [
            (0.0, 0.5),
            (0.5, 0.691_462_461_274_013),
            (1.0, 0.841_344_746_068_543),
            (1.96, 0.975_002_104_851_780),
            (3.0, 0.998_650_101_968_370),
            (6.0, 0.999_999_999_013_412),
        ] {
            for (x, expected) in [(x, expected), (-x, 1.0 - expected)] {
                let (found, _) = normal_distribution(x);
                assert!((f64::from(found) - expected).abs() < 4e-7, "{x}: {found}");
            }
        }
        assert!(normal_distribution(f32::NAN).0.is_nan());
    }

    #[test]
    fn the_logarithm_is_near_that_of_float64_at_every_magnitude() {
        for i in 0..300_000 {
            // From the smallest normal number to the largest, and finely around 1.
            let fine = 0.5 + i as f32 / 150_000.0;
            let wide = f32::from_bits(0x0080_0000 + i * 7_100);
            for x in [fine, wide, 1.0 - i as f32 * 6e-8] {
                let exact = f64::from(x).ln();
                let error = (f64::from(ln(x)) - exact).abs();
                assert!(error < 2e-7 * exact.abs().max(1.0), "ln {x}: {}", ln(x));
            }
        }
        assert!(ln(f32::NAN).is_nan());
        assert_eq!([ln(f32::INFINITY), ln(1.0)], [f32::INFINITY, 0.0]);
    }

    #[test]
    fn the_decay_and_its_slope_are_those_of_float64() {
        for i in 0..200_000 {
            let d = (i as f32 / 10_000.0).powi(3);
            let exact = f64::from(d);
            let value = ((-(-exact).exp_m1()) / exact).ln();
            let slope = exact.exp_m1().recip() - exact.recip();
            let (g, found) = decay(d);
            if d > 1e-3 {
                let error = (f64::from(g) - value).abs();
                assert!(error < 3e-7 * value.abs().max(1.0), "g({d}): {g}");
                assert!((f64::from(found) - slope).abs() < 3e-7, "g'({d}): {found}");
            }
        }
        assert_eq!(decay(0.0), (0.0, -0.5));
        assert!(decay(f32::NAN).0.is_nan() && decay(f32::NAN).1.is_nan());
    }

    #[test]
    fn errors_are_below_the_documented_bounds() {
        for i in 0..400_000 {
            let l = (i - 200_000) as f32 / 1_900.0;
            let logistic = 1.0 / (1.0 + (-f64::from(l)).exp());
            assert!(
                (f64::from(super::sigmoid(l)) - logistic).abs() < 2e-7,
                "{l}"
            );
            let exact = f64::from(-l.abs()).exp();
            if l.abs() < 87.0 {
                let error = (f64::from(exp_negative(-l.abs())) - exact).abs() / exact;
                assert!(error < 3e-7, "exp {l}: {error}");
            }
            if l.abs() < 87.0 {
                let exact = f64::from(l).exp();
                assert!((f64::from(exp(l)) - exact).abs() / exact < 4e-7, "exp {l}");
            } else if l.abs() > 87.0 {
                assert_eq!(exp(l), if l > 0.0 { f32::INFINITY } else { 0.0 });
            }
            let exact_tanh = f64::from(l).tanh();
            assert!(
                (f64::from(tanh(l)) - exact_tanh).abs() <= 4e-7 * exact_tanh.abs(),
                "tanh {l}: {}",
                tanh(l)
            );
            let (log1p, sigmoid) = log1p_exp_and_sigmoid(l);
            assert!((f64::from(log1p) - exact.ln_1p()).abs() < 2e-7, "log1p {l}");
            assert!(
                (f64::from(sigmoid) - 1.0 / (1.0 + (-f64::from(l)).exp())).abs() < 2e-7,
                "sigmoid {l}"
            );
        }
        for f in [exp, exp_negative, tanh, super::sigmoid] {
            assert!(f(f32::NAN).is_nan());
        }
        assert!(
            log1p_exp_and_sigmoid(f32::NAN).0.is_nan()
                && log1p_exp_and_sigmoid(f32::NAN).1.is_nan()
        );
        assert_eq!(
            [tanh(f32::INFINITY), tanh(f32::NEG_INFINITY), tanh(0.0)],
            [1.0, -1.0, 0.0]
        );
    }
}
