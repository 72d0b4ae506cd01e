//! Binary images as text, one line each, with values 0 or 1 separated by blanks: the format ("amat") in which Larochelle
//! published MNIST.
//!
//! Files may be plain or gzipped. No bytes make the reader panic, or keep more than the expected images and one line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::Split;
use super::fault::{ANOTHER_FILE, DAMAGED, Fault};
use super::gzip::{GZIP, Gzip};
use crate::error::Result;

/// The most bytes of a line, with room for more blanks than anybody writes between the values of an image.
const LONGEST: u64 = 1 << 16;
/// The number of bytes shown of a word that should have been a value.
const SHOWN: usize = 12;

const BUFFER: usize = 1 << 16;
const WRONG_LINES: &str = "the file was cut short, or has the name of another one: get it again";

/// Reads images of `[C, H, W]`, one from each of exactly `count` lines: 0 becomes byte 0, 1 becomes byte 255.
///
/// # Errors
/// Exit code 2, naming the file, the line, what was expected and what was found.
pub fn images(path: &Path, count: usize, shape: [usize; 3]) -> Result<Split> {
    let open = || File::open(path).map_err(Fault::Read);
    open()
        .and_then(|file| decode(BufReader::with_capacity(BUFFER, file), count, shape))
        .map_err(|fault| fault.at(path))
}

/// Does what [`images`] does with bytes in memory.
///
/// # Errors
/// The bytes are no such file: the line, what was expected and what was found.
pub fn parse(bytes: &[u8], count: usize, shape: [usize; 3]) -> Result<Split, Fault> {
    decode(bytes, count, shape)
}

fn decode(mut input: impl BufRead, count: usize, shape: [usize; 3]) -> Result<Split, Fault> {
    if input.fill_buf().map_err(Fault::Read)?.starts_with(&GZIP) {
        lines(
            BufReader::with_capacity(BUFFER, Gzip::new(input)),
            true,
            count,
            shape,
        )
    } else {
        lines(input, false, count, shape)
    }
}

fn lines(
    mut input: impl BufRead,
    zipped: bool,
    count: usize,
    shape: [usize; 3],
) -> Result<Split, Fault> {
    let values: usize = shape.iter().product();
    let mut pixels = Vec::with_capacity(count * values);
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let read = (&mut input).take(LONGEST).read_until(b'\n', &mut line);
        read.map_err(|error| Fault::reading(error, zipped, || format!("after line {number}")))?;
        if line.is_empty() {
            break;
        }
        number += 1;
        if number > count {
            return Err(Fault::content(
                format!("expected {count} lines, one an image, found more"),
                WRONG_LINES,
            ));
        }
        if line.len() as u64 == LONGEST && !line.ends_with(b"\n") {
            return Err(Fault::content(
                format!("line {number} does not end within {LONGEST} bytes"),
                ANOTHER_FILE,
            ));
        }
        pixels.resize(number * values, 0);
        image(&mut line, &mut pixels[(number - 1) * values..])
            .map_err(|(what, hint)| Fault::content(format!("line {number}: {what}"), hint))?;
    }
    if number < count {
        return Err(Fault::content(
            format!("expected {count} lines, one an image, found {number}"),
            WRONG_LINES,
        ));
    }
    Ok(Split::in_memory(pixels, shape))
}

/// Parses the image of a line, or returns what is wrong with it and what to do.
fn image(line: &mut [u8], image: &mut [u8]) -> Result<(), (String, &'static str)> {
    if let Some(end) = line.last_mut().filter(|end| **end == b'\n') {
        *end = b' ';
    }
    if as_published(line, image) {
        return Ok(());
    }
    let mut found = 0;
    for word in line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
    {
        let value = match word {
            b"0" => 0,
            b"1" => 255,
            _ => {
                return Err((
                    format!("number {} is {}; expected 0 or 1", found + 1, shown(word)),
                    ANOTHER_FILE,
                ));
            }
        };
        if let Some(slot) = image.get_mut(found) {
            *slot = value;
        }
        found += 1;
    }
    if found == image.len() {
        Ok(())
    } else {
        Err((
            format!("expected {} numbers, found {found}", image.len()),
            DAMAGED,
        ))
    }
}

/// Whether `line` is a digit and one blank in turn, which fills the image at the speed of memory. If not, the image is left
/// in an undefined state.
fn as_published(line: &[u8], image: &mut [u8]) -> bool {
    let (pairs, rest) = line.as_chunks::<2>();
    let mut wrong = 0;
    for (value, [digit, blank]) in image.iter_mut().zip(pairs) {
        wrong |= ((digit ^ b'0') & !1) | (blank ^ b' ');
        // 0 or 255.
        *value = 0_u8.wrapping_sub(digit & 1);
    }
    wrong == 0 && pairs.len() == image.len() && rest.is_empty()
}

/// Returns the beginning of a word, which may be any bytes.
fn shown(word: &[u8]) -> String {
    let more = if word.len() > SHOWN { "..." } else { "" };
    format!(
        "{:?}{more}",
        String::from_utf8_lossy(&word[..word.len().min(SHOWN)])
    )
}
