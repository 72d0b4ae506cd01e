//! Large numbers for readers: rounded first, and then in the unit that suits what was rounded.

/// Returns a number of bytes as text, with two digits: "120 MB".
pub fn byte_size(bytes: u64) -> String {
    let rounded = rounded(bytes as f64, 2);
    let (unit, name) = match rounded {
        ..1e6 => (1e3, "kB"),
        1e6..1e9 => (1e6, "MB"),
        _ => (1e9, "GB"),
    };
    let decimals = usize::from(rounded < 10.0 * unit);
    format!("{:.decimals$} {name}", rounded / unit)
}

/// Returns a count in thousands, millions or thousand millions, with three digits: "1.23 M".
pub fn short_count(count: u64) -> String {
    let rounded = rounded(count as f64, 3);
    let units = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    match units.into_iter().find(|(unit, _)| rounded >= *unit) {
        Some((unit, name)) => {
            let scaled = rounded / unit;
            let decimals = match scaled {
                ..10.0 => 2,
                10.0..100.0 => 1,
                _ => 0,
            };
            format!("{scaled:.decimals$} {name}")
        }
        None => format!("{count}"),
    }
}

/// Returns a number of at least 0, rounded to this many digits.
fn rounded(value: f64, digits: i32) -> f64 {
    if value < 1.0 {
        return value;
    }
    let step = 10_f64.powi(value.log10().floor() as i32 + 1 - digits);
    (value / step).round() * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_two_digits_and_a_unit() {
        for (bytes, text) in [
            (0, "0.0 kB"),
            (34_567, "35 kB"),
            (994_000, "990 kB"),
            (999_999, "1.0 MB"),
            (1_234_567, "1.2 MB"),
            (9_960_000, "10 MB"),
            (87_654_321, "88 MB"),
            (123_456_789, "120 MB"),
            (999_000_000, "1.0 GB"),
            (2_345_678_901, "2.3 GB"),
            (64_000_000_000, "64 GB"),
        ] {
            assert_eq!(byte_size(bytes), text);
        }
    }

    #[test]
    fn a_count_has_three_digits_and_a_unit() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1.00 k"),
            (9_996, "10.0 k"),
            (999_499, "999 k"),
            (999_999, "1.00 M"),
            (1_234_567, "1.23 M"),
            (99_960_000, "100 M"),
            (999_600_000, "1.00 G"),
            (12_345_000_000, "12.3 G"),
        ] {
            assert_eq!(short_count(count), text);
        }
    }
}
