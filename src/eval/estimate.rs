//! Means with their standard errors.

/// A mean over images and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub mean: f64,
    /// The sample's standard deviation over the square root of the number of images; `None` where it is not known, as for
    /// a single image.
    pub se: Option<f64>,
}

impl Estimate {
    /// Returns the mean of `values` and its standard error.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
        Self {
            mean,
            se: (n > 1.0).then(|| (squares / (n - 1.0) / n).sqrt()),
        }
    }

    /// Returns the error as it is printed after the mean: `± 0.25`, or `± unknown`.
    pub fn plus_minus(&self, digits: usize) -> String {
        plus_minus(self.se, digits)
    }
}

/// Returns a standard error as it is printed after a mean: `± 0.25`, or `± unknown`.
pub fn plus_minus(se: Option<f64>, digits: usize) -> String {
    match se {
        Some(se) => format!("± {se:.digits$}"),
        None => "± unknown".to_owned(),
    }
}

/// Converts a bound on log p(x) of images of `values` values to bits per value: -bound / (P ln 2).
pub fn bits(bound: Estimate, values: usize) -> Estimate {
    let scale = 1.0 / (values as f64 * std::f64::consts::LN_2);
    Estimate {
        mean: -bound.mean * scale,
        se: bound.se.map(|se| se * scale),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_single_value_is_unknown_and_not_zero() {
        let one = Estimate::of([7.0].into_iter());
        assert_eq!((one.mean, one.se), (7.0, None));
        assert_eq!(one.plus_minus(2), "± unknown");
        assert_eq!(bits(one, 10).se, None);
        let same = Estimate::of([7.0, 7.0].into_iter());
        assert_eq!(
            (same.se, same.plus_minus(2).as_str()),
            (Some(0.0), "± 0.00")
        );
    }
}
