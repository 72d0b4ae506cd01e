//! Texts that come from people, such as the names of classes, in other languages.

use std::fmt::Write;

/// Returns a text as a literal that Python, YAML and JSON all read. Whatever a terminal or an editor could take for a control
/// character is escaped.
pub fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            // The separators of lines and paragraphs, the mark of the byte order, and what turns the direction of a text.
            c if c.is_control()
                || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') =>
            {
                // Writing to a string cannot fail.
                let _ = write!(literal, "\\u{:04x}", u32::from(c));
            }
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

/// Returns texts as the elements of a list.
pub fn listed(texts: &[String]) -> String {
    let all: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    all.join(", ")
}

/// Returns a text in which nothing is markup for Markdown or HTML.
pub fn in_markdown(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        if c.is_control() {
            plain.push(' ');
            continue;
        }
        if c.is_ascii_punctuation()
            && !matches!(c, '-' | '.' | ',' | '/' | ':' | '\'' | '(' | ')' | '%')
        {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_is_one_line_and_the_same_text_in_json() {
        for text in [
            "cat",
            "a \"b\" \\ 'c'",
            "two\nlines\r\u{85}\u{2028}",
            "\u{0}\u{7f}\u{1b}[31m",
            "日本 🙂 é",
            "</script>: - # {x} %s",
        ] {
            let literal = quoted(text);
            assert!(!literal.contains(char::is_control), "{literal}");
            assert_eq!(serde_json::from_str::<String>(&literal).unwrap(), text);
        }
    }

    #[test]
    fn markup_becomes_text() {
        assert_eq!(in_markdown("<b>*x*\n# y"), "\\<b\\>\\*x\\* \\# y");
        assert_eq!(in_markdown("mnist-1"), "mnist-1");
    }
}
