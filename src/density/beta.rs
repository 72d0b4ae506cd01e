//! The beta distribution: its distribution function, the regularised incomplete beta function I_x(a, b), and its quantiles.
//!
//! I_x(a, b) is x^a (1 - x)^b / (a B(a, b)) times a continued fraction (Abramowitz, Stegun 1964, equation 26.5.8), summed
//! from the left as by Lentz (1976). The fraction converges fast for x < (a + 1) / (a + b + 2). Beyond, the
//! symmetry I_x(a, b) = 1 - I_(1 - x)(b, a) leads back to it.

/// The most terms of the continued fraction, which needs about sqrt(a + b) of them.
const MOST_TERMS: usize = 100_000;
/// The least size of a denominator, in place of 0.
const TINY: f64 = 1e-300;
/// The halvings of a quantile's interval, after which it is as narrow as two neighbouring numbers.
const HALVINGS: usize = 200;

/// The coefficients of Lanczos (1964) for g = 7 and nine terms, as Godfrey (2001) computed them.
const LANCZOS: [f64; 9] = [
    0.999_999_999_999_809_9,
    676.520_368_121_885_1,
    -1_259.139_216_722_402_8,
    771.323_428_777_653_1,
    -176.615_029_162_140_6,
    12.507_343_278_686_905,
    -0.138_571_095_265_720_12,
    9.984_369_578_019_572e-6,
    1.505_632_735_149_311_6e-7,
];

/// Returns P(X <= x) for X of the distribution Beta(a, b), I_x(a, b). `a` and `b` are above 0.
pub fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = a * x.ln() + b * (-x).ln_1p() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    if x < (a + 1.0) / (a + b + 2.0) {
        front.exp() * continued_fraction(x, a, b) / a
    } else {
        1.0 - front.exp() * continued_fraction(1.0 - x, b, a) / b
    }
}

/// Returns the x below which a number of the distribution Beta(a, b) falls with probability `p`.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if beta_cdf(middle, a, b) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// Returns the continued fraction 1 / (1 + d_1 / (1 + d_2 / ...)) of I_x(a, b).
fn continued_fraction(x: f64, a: f64, b: f64) -> f64 {
    let kept = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / kept(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for term in 1..MOST_TERMS {
        let m = term as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for numerator in [even, odd] {
            d = 1.0 / kept(1.0 + numerator * d);
            c = kept(1.0 + numerator / c);
            change = c * d;
            fraction *= change;
        }
        if (change - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    fraction
}

/// Returns log Gamma(x) of a positive number.
fn ln_gamma(x: f64) -> f64 {
    if x < 0.5 {
        // The reflection formula Gamma(x) Gamma(1 - x) = pi / sin(pi x).
        let pi = std::f64::consts::PI;
        return (pi / (pi * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let [first, rest @ ..] = LANCZOS;
    let series = (1_u8..)
        .zip(rest)
        .fold(first, |sum, (i, c)| sum + c / (x + f64::from(i)));
    let t = x + 7.5;
    0.5 * crate::density::LOG_TWO_PI + (x + 0.5) * t.ln() - t + series.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_function_is_that_of_scipy() {
        // scipy.special.betainc, version 1.17.
        for (x, a, b, expected) in BETAINC {
            let found = beta_cdf(x, a, b);
            assert!(
                (found / expected - 1.0).abs() < 1e-9,
                "I_{x}({a}, {b}) = {found}, not {expected}"
            );
        }
        assert_eq!(
            [beta_cdf(0.0, 2.0, 3.0), beta_cdf(1.0, 2.0, 3.0)],
            [0.0, 1.0]
        );
    }

    #[test]
    fn a_quantile_is_where_the_distribution_function_has_that_value() {
        for (a, b) in [(1.0, 64.0), (5.0, 496.0), (0.5, 0.5), (3.0, 2.0)] {
            for p in [0.05, 0.5, 0.95] {
                let x = beta_quantile(p, a, b);
                assert!((beta_cdf(x, a, b) - p).abs() < 1e-12, "{a} {b} {p}: {x}");
            }
        }
    }

    const BETAINC: [(f64, f64, f64, f64); 10] = [
        (0.01, 1.0, 99.0, 0.6302703623502732),
        (0.01, 1.0, 299.0, 0.9504637433623375),
        (0.05, 5.0, 196.0, 0.9735531999908801),
        (0.05, 39.0, 962.0, 0.956651809393092),
        (0.01, 13.0, 1988.0, 0.9616923223885263),
        (0.5, 0.5, 0.5, 0.5000000000000001),
        (0.9, 2.0, 3.0, 0.9963),
        (0.3, 100.0, 250.0, 0.7265414741433196),
        (0.001, 2.0, 5000.0, 0.9596733282408065),
        (0.02, 1000.0, 49001.0, 0.504332885093048),
    ];
}
