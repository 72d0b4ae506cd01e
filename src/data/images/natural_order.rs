//! The order that a person expects of names with numbers: 2 before 10.

use std::cmp::Ordering;

/// Compares two names, numbers in them by their values.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while let (Some(first), Some(second)) = (left.chars().next(), right.chars().next()) {
        let order = if first.is_ascii_digit() && second.is_ascii_digit() {
            let (number, after) = number(left);
            let (other, after_other) = self::number(right);
            (left, right) = (after, after_other);
            // Without leading zeros, the longer number is the larger one.
            number
                .len()
                .cmp(&other.len())
                .then_with(|| number.cmp(other))
        } else {
            left = &left[first.len_utf8()..];
            right = &right[second.len_utf8()..];
            first.cmp(&second)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// Returns the digits at the beginning of `text`, without leading zeros, and what follows them.
fn number(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_by_their_values() {
        let mut names = ["b", "a10", "a2", "10", "9", "a02", "007"];
        names.sort_by(|a, b| compare(a, b));
        assert_eq!(names, ["007", "9", "10", "a02", "a2", "a10", "b"]);
    }
}
