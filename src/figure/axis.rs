//! The range of an axis, and the text of its numbers.

/// The range from the lowest to the highest value shown, `low < high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub low: f64,
    pub high: f64,
}

/// Returns a number that can be drawn. Returns `None` for NaN, for infinity, and for numbers so large that their
/// difference overflows; the smallest numbers become zero.
pub fn drawable(value: f64) -> Option<f64> {
    (value.abs() < 1e100).then_some(if value.abs() < 1e-100 { 0.0 } else { value })
}

impl Range {
    /// Returns the range of all values, or 0 to 1 if there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = values
            .into_iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        if low > high {
            Self {
                low: 0.0,
                high: 1.0,
            }
        } else {
            Self { low, high }.widened()
        }
    }

    /// Returns the range of all values without outliers, such as the first epoch's loss, which would flatten the rest.
    ///
    /// The middle of each series (without a tenth at either end, at least one value) gives the scale. A value that is
    /// further away than three times the length of the middle is an outlier (after Tukey's fences, 1977).
    pub fn without_outliers(series: &[Vec<f64>]) -> Self {
        let middle = series.iter().flat_map(|values| middle(values));
        let (low, high) = middle.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
            (l.min(v), h.max(v))
        });
        let all = series.iter().flatten().copied();
        if low >= high {
            return Self::of(all);
        }
        let fence = 3.0 * (high - low);
        Self::of(all.filter(|&value| low - fence <= value && value <= high + fence))
    }

    /// Returns the range with a margin of `share` of its length on either side.
    #[must_use]
    pub fn padded(self, share: f64) -> Self {
        let margin = share * (self.high - self.low);
        Self {
            low: self.low - margin,
            high: self.high + margin,
        }
    }

    /// Returns the range, widened if its ends are equal or differ by rounding alone.
    fn widened(self) -> Self {
        let size = self.low.abs().max(self.high.abs());
        if self.high - self.low > 1e-9 * size {
            return self;
        }
        let margin = if size == 0.0 { 0.5 } else { 0.05 * size };
        Self {
            low: self.low - margin,
            high: self.high + margin,
        }
    }
}

/// Returns the values without the lowest and the highest tenth, or all values if there are fewer than four.
fn middle(values: &[f64]) -> Vec<f64> {
    let cut = if values.len() < 4 {
        0
    } else {
        (values.len() / 10).max(1)
    };
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[cut..values.len() - cut].to_vec()
}

/// Returns the exponent of a number's decimal notation: 2 for 350.
fn exponent(value: f64) -> i32 {
    format!("{value:e}")
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse().ok())
        .unwrap_or(0)
}

/// Returns the text of a tick, with as few digits as it needs. Very large and very small numbers look like 1.5e6.
pub fn number(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    if rounded == 0.0 || (1e-4..1e6).contains(&rounded.abs()) {
        // Adding zero turns -0 into 0.
        minus(&(rounded + 0.0).to_string())
    } else {
        minus(&format!("{rounded:e}"))
    }
}

/// Returns a number with three digits, or with all digits before the point, for a remark.
pub fn short(value: f64) -> String {
    let exponent = exponent(value);
    if (-3..5).contains(&exponent) || value == 0.0 {
        decimal(value, 2 - exponent)
    } else {
        scientific(value, 2)
    }
}

fn decimal(value: f64, decimals: i32) -> String {
    let decimals = if value == 0.0 {
        0
    } else {
        decimals.max(0) as usize
    };
    minus(&format!("{value:.decimals$}"))
}

fn scientific(value: f64, decimals: i32) -> String {
    minus(&format!("{value:.*e}", decimals.clamp(0, 17) as usize))
}

/// Replaces the hyphen by the minus sign, which is as wide as a digit.
fn minus(number: &str) -> String {
    number.replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_have_as_few_digits_as_they_need() {
        let numbers = [0.0, -0.0, 5.0, -0.25, 0.1 + 0.2, 123_456.0, 3e6, -2e-7];
        let expected = ["0", "0", "5", "−0.25", "0.3", "123456", "3e6", "−2e−7"];
        assert_eq!(numbers.map(number), expected);
    }

    #[test]
    fn remarks_have_three_digits() {
        assert_eq!(
            [540.4, -1234.0, 0.01234, 0.0, 1.5e9].map(short),
            ["540", "\u{2212}1234", "0.0123", "0", "1.50e9"]
        );
    }

    #[test]
    fn a_first_value_that_dwarfs_the_rest_is_an_outlier() {
        let loss = vec![
            540.0, 150.0, 130.0, 120.0, 115.0, 112.0, 110.0, 109.0, 108.0, 107.0,
        ];
        assert_eq!(
            Range::without_outliers(std::slice::from_ref(&loss)),
            Range {
                low: 107.0,
                high: 150.0
            }
        );
        let negated = loss.iter().map(|value| -value).collect();
        assert_eq!(
            Range::without_outliers(&[negated]),
            Range {
                low: -150.0,
                high: -107.0
            }
        );
    }

    #[test]
    fn an_ordinary_curve_is_shown_whole() {
        let loss = vec![
            165.0, 122.0, 115.0, 112.0, 110.0, 109.0, 108.0, 107.5, 107.0, 106.5,
        ];
        assert_eq!(
            Range::without_outliers(&[loss]),
            Range {
                low: 106.5,
                high: 165.0
            }
        );
        assert_eq!(
            Range::without_outliers(&[vec![540.0, 150.0, 130.0]]),
            Range {
                low: 130.0,
                high: 540.0
            }
        );
        let step = vec![5.0, 5.0, 5.0, 5.0, 5.0, 1.0];
        assert_eq!(
            Range::without_outliers(&[step]),
            Range {
                low: 1.0,
                high: 5.0
            }
        );
    }

    #[test]
    fn equal_values_get_a_range_around_them() {
        assert_eq!(
            Range::of([3.0, 3.0]),
            Range {
                low: 2.85,
                high: 3.15
            }
        );
        assert_eq!(
            Range::of([0.0]),
            Range {
                low: -0.5,
                high: 0.5
            }
        );
        assert_eq!(
            Range::of([]),
            Range {
                low: 0.0,
                high: 1.0
            }
        );
    }

    proptest! {
        #[test]
        fn any_values_make_a_usable_axis(values in prop::collection::vec(any::<f64>(), 0..30)) {
            let series = vec![values.into_iter().filter_map(drawable).collect::<Vec<_>>()];
            let range = Range::without_outliers(&series).padded(0.05);
            prop_assert!(range.low < range.high);
        }
    }
}
