//! The best of several normal numbers, which is above their mean by chance alone.

use super::normal_quantile;

/// The half-width and the step of the trapezoidal rule. Its error falls exponentially with the step, because the integrand
/// is analytic and vanishes at both ends.
const WIDTH: f64 = 40.0;
const STEP: f64 = 1.0 / 16.0;

/// Returns the expected maximum of `n` independent standard normal numbers: the integral of Q(p) n p^(n-1) over p in
/// [0, 1], with the quantile function Q and p = 1 / (1 + e^-t).
pub fn expected_maximum(n: usize) -> f64 {
    let steps = (WIDTH / STEP) as i64;
    let term = |step: i64| {
        let t = step as f64 * STEP;
        let (p, rest) = (1.0 / (1.0 + (-t).exp()), 1.0 / (1.0 + t.exp()));
        // Close to 1 only the distance from 1 is exact.
        let quantile = if t > 0.0 {
            -normal_quantile(rest)
        } else {
            normal_quantile(p)
        };
        quantile * n as f64 * p.powf(n as f64) * rest
    };
    (-steps..=steps).map(term).sum::<f64>() * STEP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_maximum_is_that_of_published_tables() {
        // Harter 1961, table 1; for 2 and 3 also 1 / sqrt(pi) and 3 / (2 sqrt(pi)).
        for (n, expected) in [
            (1, 0.0),
            (2, 0.56419),
            (3, 0.84628),
            (4, 1.02938),
            (5, 1.16296),
            (10, 1.53875),
            (20, 1.86748),
            (100, 2.50759),
        ] {
            let found = expected_maximum(n);
            assert!((found - expected).abs() < 6e-6, "{n}: {found}");
        }
        let pi = std::f64::consts::PI;
        assert!((expected_maximum(2) - 1.0 / pi.sqrt()).abs() < 1e-12);
        assert!((expected_maximum(3) - 1.5 / pi.sqrt()).abs() < 1e-12);
    }
}
