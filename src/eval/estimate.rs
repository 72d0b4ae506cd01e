//! Means with their standard errors.

/// A mean over images and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub mean: f64,
    /// The sample's standard deviation over the square root of the number of images; 0 for a single one.
    pub se: f64,
}

impl Estimate {
    /// Returns the mean of `values` and its standard error.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
        Self {
            mean,
            se: if n > 1.0 {
                (squares / (n - 1.0) / n).sqrt()
            } else {
                0.0
            },
        }
    }
}

/// Converts a bound on log p(x) of images of `values` values to bits per value: -bound / (P ln 2).
pub fn bits(bound: Estimate, values: usize) -> Estimate {
    let scale = 1.0 / (values as f64 * std::f64::consts::LN_2);
    Estimate {
        mean: -bound.mean * scale,
        se: bound.se * scale,
    }
}
