//! The range of an axis and its ticks.

/// From the lowest to the highest value shown, `low < high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub low: f64,
    pub high: f64,
}

/// A place on an axis, and what stands beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub value: f64,
    pub label: String,
}

/// A number that can be drawn. Not NaN, not infinite, and not so large that the distance of two overflows; the
/// smallest count as zero.
pub fn drawable(value: f64) -> Option<f64> {
    (value.abs() < 1e100).then_some(if value.abs() < 1e-100 { 0.0 } else { value })
}

impl Range {
    /// Of all values; of what there is, 0 to 1, if there is none.
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

    /// Of all values but outliers, which would flatten all the rest: the first epoch's loss, a spike.
    ///
    /// The middle of each series (a tenth is cut off at either end, at least one value) tells the scale; what is
    /// further from it than three times its size is an outlier (after Tukey's fences, 1977).
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

    /// The range and a margin of `share` of it on either side.
    #[must_use]
    pub fn padded(self, share: f64) -> Self {
        let margin = share * (self.high - self.low);
        Self {
            low: self.low - margin,
            high: self.high + margin,
        }
    }

    /// Where a value lies, from 0 (low) to 1 (high).
    pub fn place(self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// Equal values, or those that differ by rounding alone, get a range around them.
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

    /// Ticks at round numbers, 1, 2 or 5 times a power of ten apart; about `count`, never more than `count + 1`. With
    /// `whole`, at whole numbers only.
    pub fn ticks(self, count: u32, whole: bool) -> Vec<Tick> {
        let step = nice_step((self.high - self.low) / f64::from(count));
        let step = if whole { step.max(1.0) } else { step };
        let [first, last] = [(self.low / step).ceil(), (self.high / step).floor()];
        let places = (0..=count)
            .map(|i| first + f64::from(i))
            .take_while(|&place| place <= last);
        // Adding zero turns the -0 that rounding up makes into 0.
        places
            .map(|place| place * step + 0.0)
            .map(|value| Tick {
                value,
                label: label(value, step),
            })
            .collect()
    }
}

/// The values without the lowest and the highest tenth; all of them if they are few.
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

/// The smallest of 1, 2, 5 times a power of ten that is not below `least`.
fn nice_step(least: f64) -> f64 {
    let exponent = exponent(least);
    let candidates =
        [(1, 0), (2, 0), (5, 0), (1, 1)].map(|(digit, shift)| power(digit, exponent + shift));
    candidates
        .into_iter()
        .find(|&step| step >= least)
        .unwrap_or(least)
}

/// `digit * 10^exponent`, rounded once: the same on every machine, as `powi` need not be.
fn power(digit: u32, exponent: i32) -> f64 {
    format!("{digit}e{exponent}").parse().unwrap_or(1.0)
}

/// The exponent of a number's decimal notation: 2 for 350.
fn exponent(value: f64) -> i32 {
    format!("{value:e}")
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse().ok())
        .unwrap_or(0)
}

/// A tick's number with as many decimals as its step has; very large and very small ones as 1.5e6.
fn label(value: f64, step: f64) -> String {
    let step = exponent(step);
    let plain = value.abs() < 1e6 && step >= -5;
    if value == 0.0 || plain {
        decimal(value, -step)
    } else {
        scientific(value, exponent(value) - step)
    }
}

/// A number with three digits, or all of those before the point, for a remark.
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

/// With the sign that is as wide as a digit.
fn minus(number: &str) -> String {
    number.replace('-', "\u{2212}")
}

/// With the minus that the bitmap font has.
pub fn plain(tick: Tick) -> Tick {
    Tick {
        label: tick.label.replace('\u{2212}', "-"),
        ..tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(low: f64, high: f64, count: u32, whole: bool) -> Vec<String> {
        Range { low, high }
            .ticks(count, whole)
            .into_iter()
            .map(|tick| tick.label)
            .collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(0.0, 10.0, 5, true), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(labels(0.97, 3.02, 5, true), ["1", "2", "3"]);
        assert_eq!(
            labels(-0.12, 0.31, 5, false),
            ["\u{2212}0.1", "0", "0.1", "0.2", "0.3"]
        );
        assert_eq!(labels(101.0, 127.0, 5, false), ["110", "120"]);
        assert_eq!(labels(0.0, 3.1e6, 5, false), ["0", "1e6", "2e6", "3e6"]);
        assert_eq!(
            labels(-2e-7, 1e-7, 3, false),
            [
                "\u{2212}2e\u{2212}7",
                "\u{2212}1e\u{2212}7",
                "0",
                "1e\u{2212}7"
            ]
        );
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
        fn any_values_make_a_usable_axis(values in prop::collection::vec(any::<f64>(), 0..30), count in 2_u32..8) {
            let series = vec![values.into_iter().filter_map(drawable).collect::<Vec<_>>()];
            let range = Range::without_outliers(&series).padded(0.05);
            prop_assert!(range.low < range.high);
            let ticks = range.ticks(count, false);
            prop_assert!(!ticks.is_empty() && ticks.len() <= count as usize + 1);
            prop_assert!(ticks.iter().all(|tick| (-1e-9..=1.0 + 1e-9).contains(&range.place(tick.value))));
            prop_assert!(ticks.windows(2).all(|pair| pair[0].label != pair[1].label));
        }
    }
}
