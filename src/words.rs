//! Words of messages.

/// Returns a count with its noun: `1 image`, `2 images`.
pub fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_not_called_several() {
        let words = [0, 1, 2].map(|count| counted(count, "test image"));
        assert_eq!(words, ["0 test images", "1 test image", "2 test images"]);
    }
}
