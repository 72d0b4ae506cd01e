//! The text of a file that a person edited, in whichever encoding the editor saved it.
//!
//! UTF-8, with a byte-order mark or without one, and UTF-16 with one are read. Every other encoding is refused with its
//! name or with the first byte that does not fit.

use std::path::Path;

use crate::error::{Error, Result};

const REMEDY: &str = "save it as UTF-8 in your editor";

/// The order of the two bytes of a unit of UTF-16.
#[derive(Clone, Copy)]
enum ByteOrder {
    Little,
    Big,
}

/// Returns the text in `bytes`, with `\n` at the end of every line; `path` is only used in messages.
///
/// # Errors
/// Returns an error that names the encoding, or the byte and its line, if the bytes are not text in UTF-8, or in UTF-16
/// with a byte-order mark.
pub fn decode(path: &Path, bytes: &[u8]) -> Result<String> {
    let text = match bytes {
        // The mark of UTF-32 begins with that of UTF-16.
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Err("this is UTF-32".to_owned()),
        [0xFF, 0xFE, rest @ ..] => utf_16(rest, ByteOrder::Little),
        [0xFE, 0xFF, rest @ ..] => utf_16(rest, ByteOrder::Big),
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf_8(rest),
        _ => utf_8(bytes),
    };
    let text = text.map_err(|what| {
        Error::file(path, format!("{what}; expected text in UTF-8")).with_hint(REMEDY)
    })?;
    if let Some(place) = text.find('\0') {
        let line = line_of(text.as_bytes(), place);
        let what = format!("line {line} has a NUL byte; expected text in UTF-8");
        return Err(Error::file(path, what).with_hint(
            "the file is damaged, or is not a text: copy it again, or save it as UTF-8 in your editor",
        ));
    }
    Ok(if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text
    })
}

fn utf_8(bytes: &[u8]) -> Result<String, String> {
    if is_utf_16(bytes) {
        return Err("this is UTF-16 without a byte-order mark".into());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let place = error.valid_up_to();
            let (byte, line) = (bytes[place], line_of(bytes, place));
            Err(format!("not UTF-8: byte 0x{byte:02X} in line {line}"))
        }
    }
}

/// Returns whether bytes without a byte-order mark look like UTF-16: most letters of a config are ASCII, and an ASCII letter
/// has one zero byte, always the first or always the second.
fn is_utf_16(bytes: &[u8]) -> bool {
    let zeros = |first: usize| {
        let every_other = bytes.iter().skip(first).step_by(2);
        every_other.filter(|byte| **byte == 0).count()
    };
    let [even, odd] = [zeros(0), zeros(1)];
    even.min(odd) == 0 && 4 * even.max(odd) > bytes.len()
}

fn utf_16(bytes: &[u8], order: ByteOrder) -> Result<String, String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| match order {
        ByteOrder::Little => u16::from_le_bytes(*pair),
        ByteOrder::Big => u16::from_be_bytes(*pair),
    });
    let mut text = String::new();
    for unit in char::decode_utf16(units) {
        text.push(unit.map_err(|error| {
            let line = line_of(text.as_bytes(), text.len());
            let unit = error.unpaired_surrogate();
            format!("not UTF-16: unit 0x{unit:04X} in line {line} is half a character")
        })?);
    }
    match rest {
        [] => Ok(text),
        _ => Err("not UTF-16: the last character is cut off".into()),
    }
}

/// Returns the number, from 1, of the line that holds the byte `place`. Line ends are `\n`, `\r\n` or `\r`.
fn line_of(bytes: &[u8], place: usize) -> usize {
    let before = &bytes[..place];
    let ends = before.iter().enumerate().filter(|&(at, byte)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    ends.count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# größer\nseed = 1\n[data.mnist]\n";

    fn in_utf_16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    fn read(bytes: &[u8]) -> String {
        decode(Path::new("a.toml"), bytes).unwrap()
    }

    fn refused(bytes: &[u8]) -> String {
        decode(Path::new("a.toml"), bytes).unwrap_err().render()
    }

    #[test]
    fn every_encoding_with_a_mark_gives_the_same_text() {
        let little = [&[0xFF, 0xFE], &*in_utf_16(TEXT, u16::to_le_bytes)].concat();
        let big = [&[0xFE, 0xFF], &*in_utf_16(TEXT, u16::to_be_bytes)].concat();
        let marked = ["\u{feff}", TEXT].concat();
        for bytes in [TEXT.as_bytes(), marked.as_bytes(), &little, &big] {
            assert_eq!(read(bytes), TEXT);
        }
        assert_eq!(read(b""), "");
        assert_eq!(read(b"\xFF\xFE"), "");
    }

    #[test]
    fn every_line_end_becomes_a_newline() {
        assert_eq!(read(b"a\r\nb\rc\n"), "a\nb\nc\n");
        let windows = TEXT.replace('\n', "\r\n");
        let bytes = [&[0xFF, 0xFE], &*in_utf_16(&windows, u16::to_le_bytes)].concat();
        assert_eq!(read(&bytes), TEXT);
    }

    #[test]
    fn another_encoding_is_refused_by_its_name_or_its_first_byte() {
        let latin = b"seed = 1\r\n\r\n# gr\xF6\xDFer\r\n";
        assert_eq!(
            refused(latin),
            "error: a.toml: not UTF-8: byte 0xF6 in line 3; expected text in UTF-8\nhint: save it as UTF-8 in your editor"
        );
        let [little, big] = [u16::to_le_bytes, u16::to_be_bytes]
            .map(|to_bytes| in_utf_16("# größer 大\nseed = 1\n", to_bytes));
        for bytes in [&little, &big] {
            let said = refused(bytes);
            assert!(said.contains("UTF-16 without a byte-order mark"), "{said}");
        }
        let wide = [&[0xFF, 0xFE, 0, 0][..], b"s\0\0\0"].concat();
        assert!(refused(&wide).contains("this is UTF-32"));
    }

    #[test]
    fn a_damaged_text_is_refused_with_its_line() {
        assert!(refused(b"seed = 1\nda\0ta = 2\n").contains("line 2 has a NUL byte"));
        assert!(refused(b"\xFF\xFEs\0e").contains("the last character is cut off"));
        let half = [&[0xFF, 0xFE][..], b"\n\0", &[0x00, 0xD8], b"a\0"].concat();
        assert!(refused(&half).contains("unit 0xD800 in line 2 is half a character"));
    }
}
