//! A number of bytes for readers.

/// Returns a number of bytes as text, with two digits: "120 MB".
pub fn byte_size(bytes: u64) -> String {
    let (scale, unit) = match bytes {
        0..1_000_000 => (1e3, "kB"),
        1_000_000..1_000_000_000 => (1e6, "MB"),
        _ => (1e9, "GB"),
    };
    let value = bytes as f64 / scale;
    let step = if value >= 100.0 { 10.0 } else { 1.0 };
    if value < 10.0 {
        format!("{value:.1} {unit}")
    } else {
        format!("{:.0} {unit}", (value / step).round() * step)
    }
}

#[cfg(test)]
mod tests {
    use super::byte_size;

    #[test]
    fn a_size_has_two_digits_and_a_unit() {
        for (bytes, text) in [
            (0, "0.0 kB"),
            (34_567, "35 kB"),
            (1_234_567, "1.2 MB"),
            (87_654_321, "88 MB"),
            (123_456_789, "120 MB"),
            (2_345_678_901, "2.3 GB"),
            (64_000_000_000, "64 GB"),
        ] {
            assert_eq!(byte_size(bytes), text);
        }
    }
}
