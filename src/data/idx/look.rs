//! Guesses at what a file is that is no IDX file, for messages.

use super::super::fault::ANOTHER_FILE;
use super::super::gzip::GZIP;
use super::role::Role;

/// Returns what to do about bytes that are no `wanted`.
pub(super) fn hint_for(bytes: &[u8], wanted: Role) -> &'static str {
    let other = if wanted == Role::Images {
        Role::Labels
    } else {
        Role::Images
    };
    if bytes.starts_with(&other.magic().to_be_bytes()) {
        "the files of images and of labels have each other's name: exchange them"
    } else if bytes.starts_with(b"<") {
        "a web page was saved in place of the file: download it again and look at what comes"
    } else if bytes.starts_with(&GZIP) {
        "unpack it once (`gunzip`) and try again"
    } else {
        ANOTHER_FILE
    }
}

/// Describes bytes with another magic number, as far as they show what they are.
pub(super) fn look_of(bytes: &[u8], zipped: bool) -> String {
    const KNOWN: [(&[u8], &str); 11] = [
        (&[0, 0, 8, 1], "labels (IDX, magic 0x00000801)"),
        (&[0, 0, 8, 3], "images (IDX, magic 0x00000803)"),
        (
            &[3, 8, 0, 0],
            "an IDX file with its bytes in the wrong order",
        ),
        (
            &[1, 8, 0, 0],
            "an IDX file with its bytes in the wrong order",
        ),
        (b"<", "a web page (HTML or XML)"),
        (b"\x89PNG", "a PNG image"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x93NUMPY", "a NumPy array"),
        (b"PAR1", "a Parquet table"),
        (
            b"version https://",
            "a Git LFS pointer in place of the file",
        ),
        (b"\xfd7zXZ", "an xz archive"),
    ];
    if bytes.starts_with(&GZIP) && zipped {
        return "a gzip inside the gzip".to_owned();
    }
    if let Some((_, name)) = KNOWN.iter().find(|(start, _)| bytes.starts_with(start)) {
        return (*name).to_owned();
    }
    match bytes {
        [0, 0, 0x08 | 0x09 | 0x0b..=0x0e, rank, ..] => {
            format!("an IDX file of type 0x{:02x} with {rank} sizes", bytes[2])
        }
        _ => format!(
            "bytes that begin with {}",
            hex(&bytes[..bytes.len().min(4)])
        ),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .join(" ")
}
