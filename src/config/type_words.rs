//! Messages about values of the wrong type, in a person's words instead of the names of Rust's types.

/// Returns serde's message, such as "invalid type: string "abc", expected usize", in words, or as it is if it is about
/// anything else.
pub fn in_words(message: &str) -> String {
    let rest = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|start| message.strip_prefix(start));
    let Some((found, expected)) = rest.and_then(|rest| rest.rsplit_once(", expected ")) else {
        return message.to_owned();
    };
    let found = found_words(found);
    match expected_words(expected, found.as_deref()) {
        None => message.to_owned(),
        Some(expected) => match found {
            Some(found) => format!("expected {expected}, found {found}"),
            None => format!("expected {expected}"),
        },
    }
}

/// Returns the words for a type that serde names, or `None` for any other text.
fn expected_words(expected: &str, found: Option<&str>) -> Option<String> {
    Some(match expected {
        "usize" | "u64" | "u32" | "u16" | "u8" => {
            let digits = found.unwrap_or_default().trim_matches('"');
            let is_whole = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
            if is_whole && digits.parse::<i64>().is_err() {
                format!("a whole number of at most {}", i64::MAX)
            } else if digits.starts_with('-') {
                "a whole number of at least 0".to_owned()
            } else {
                "a whole number".to_owned()
            }
        }
        "f64" | "f32" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list, as in [1, 2]".to_owned(),
        "a string" | "string only" => "a text".to_owned(),
        "a table" => "a table".to_owned(),
        _ => return None,
    })
}

/// Returns the value that serde describes, as a person wrote it, or `None` if the description has no value.
fn found_words(found: &str) -> Option<String> {
    match found {
        "map" => return Some("a table".to_owned()),
        "sequence" => return Some("a list".to_owned()),
        _ => {}
    }
    if let Some(text) = found.strip_prefix("string ") {
        return Some(text.to_owned());
    }
    let value = found.split_once('`')?.1.split('`').next()?;
    Some(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn a_value_of_the_wrong_type_is_named_in_words() {
        for (message, words) in [
            (
                r#"invalid type: string "abc", expected usize"#,
                r#"expected a whole number, found "abc""#,
            ),
            (
                r#"invalid type: string "a, expected f64", expected f64"#,
                r#"expected a number, found "a, expected f64""#,
            ),
            (
                "invalid value: integer `-1`, expected u64",
                "expected a whole number of at least 0, found -1",
            ),
            (
                "invalid type: integer `99999999999999999999` as i128, expected u64",
                "expected a whole number of at most 9223372036854775807, found 99999999999999999999",
            ),
            (
                "invalid type: floating point `6.4`, expected usize",
                "expected a whole number, found 6.4",
            ),
            (
                "invalid type: integer `400`, expected a sequence",
                "expected a list, as in [1, 2], found 400",
            ),
            (
                "invalid type: map, expected a boolean",
                "expected true or false, found a table",
            ),
            (
                "invalid type: unit variant, expected string only",
                "expected a text",
            ),
        ] {
            assert_eq!(in_words(message), words);
        }
    }

    #[test]
    fn any_other_message_stays_as_it_is() {
        for message in [
            "unknown field `bacth`, expected one of `epochs`, `batch`",
            "invalid type: unit variant, expected newtype variant",
            "duplicate key",
        ] {
            assert_eq!(in_words(message), message);
        }
    }
}
