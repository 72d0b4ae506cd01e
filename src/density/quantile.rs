//! Quantiles of the standard normal distribution: algorithm AS 241, PPND16 (Wichura 1988), as exact as a float64 is.

/// Coefficients for |p - 1/2| up to 0.425: numerator and denominator, the constant first.
const CENTRE: [[f64; 8]; 2] = [
    [
        3.3871328727963665,
        133.14166789178438,
        1971.5909503065513,
        13731.69376550946,
        45921.95393154987,
        67265.7709270087,
        33430.57558358813,
        2509.0809287301227,
    ],
    [
        1.0,
        42.31333070160091,
        687.1870074920579,
        5394.196021424751,
        21213.794301586597,
        39307.89580009271,
        28729.085735721943,
        5226.495278852854,
    ],
];
/// Coefficients for the tail, sqrt(-ln p) up to 5.
const TAIL: [[f64; 8]; 2] = [
    [
        1.4234371107496835,
        4.630337846156546,
        5.769497221460691,
        3.6478483247632045,
        1.2704582524523684,
        0.2417807251774506,
        0.022723844989269184,
        0.0007745450142783414,
    ],
    [
        1.0,
        2.053191626637759,
        1.6763848301838038,
        0.6897673349851,
        0.14810397642748008,
        0.015198666563616457,
        0.0005475938084995345,
        1.0507500716444169e-09,
    ],
];
/// Coefficients for the far tail, sqrt(-ln p) above 5.
const FAR_TAIL: [[f64; 8]; 2] = [
    [
        6.657904643501103,
        5.463784911164114,
        1.7848265399172913,
        0.29656057182850487,
        0.026532189526576124,
        0.0012426609473880784,
        2.7115555687434876e-05,
        2.0103343992922881e-07,
    ],
    [
        1.0,
        0.599832206555888,
        0.1369298809227358,
        0.014875361290850615,
        0.0007868691311456133,
        1.8463183175100548e-05,
        1.421511758316446e-07,
        2.0442631033899397e-15,
    ],
];

/// Returns the z below which a standard normal number falls with probability `p`: infinite at 0 and 1, NaN outside [0,
/// 1].
pub fn normal_quantile(p: f64) -> f64 {
    let from_half = p - 0.5;
    if from_half.abs() <= 0.425 {
        return from_half * ratio(&CENTRE, 0.180625 - from_half * from_half);
    }
    let r = (-p.min(1.0 - p).ln()).sqrt();
    let size = if r.is_infinite() {
        r
    } else if r <= 5.0 {
        ratio(&TAIL, r - 1.6)
    } else {
        ratio(&FAR_TAIL, r - 5.0)
    };
    size.copysign(from_half)
}

fn ratio([above, below]: &[[f64; 8]; 2], x: f64) -> f64 {
    let polynomial =
        |coefficients: &[f64; 8]| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
    polynomial(above) / polynomial(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_published_algorithm() {
        // The first three values are Wichura's own checks; the others come from Python's statistics.NormalDist.
        for (p, z) in [
            (0.25, -0.6744897501960817),
            (0.001, -3.090232306167814),
            (1e-20, -9.262340089798408),
            (0.05, -1.6448536269514726),
            (0.4, -0.2533471031357998),
            (0.95, 1.6448536269514715),
            (1.0 - 1e-9, 5.997807019601638),
            (1e-300, -37.0470962993612),
        ] {
            assert!(
                (normal_quantile(p) / z - 1.0).abs() < 1e-15,
                "{p}: {}",
                normal_quantile(p)
            );
        }
        assert_eq!(normal_quantile(0.5), 0.0);
    }

    #[test]
    fn outside_of_probabilities_there_is_no_quantile() {
        assert_eq!(
            [normal_quantile(0.0), normal_quantile(1.0)],
            [f64::NEG_INFINITY, f64::INFINITY]
        );
        assert!(
            [-0.1, 1.1, f64::NAN]
                .into_iter()
                .all(|p| normal_quantile(p).is_nan())
        );
    }
}
