//! Words of messages.

/// Returns a count with its noun: `1 image`, `2 images`.
pub fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// Returns a share as a percentage, without the noise of its binary digits.
pub fn percent(share: f64) -> String {
    format!("{} %", (1e8 * share).round() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_has_no_digits_that_nobody_wrote() {
        let words = [0.07, 0.29, 0.001, 1.0].map(percent);
        assert_eq!(words, ["7 %", "29 %", "0.1 %", "100 %"]);
    }

    #[test]
    fn one_thing_is_not_called_several() {
        let words = [0, 1, 2].map(|count| counted(count, "test image"));
        assert_eq!(words, ["0 test images", "1 test image", "2 test images"]);
    }
}
