//! `model.safetensors` with the entry of its metadata that readers of Hugging Face look for.

use crate::error::{Error, Result};

/// The start of the header of every file that [`crate::model::pack`] makes.
const START: &str = "{\"__metadata__\":{";
/// The entry.
const FORMAT: &str = "\"format\":\"pt\",";

/// Returns the bytes of a model file with `format = "pt"` before the entry `vae`. The library that writes such files takes the
/// entries in no order, and the same model must give the same bytes.
///
/// # Errors
/// Returns an error if these are not the bytes of a model file.
pub fn with_format(bytes: &[u8]) -> Result<Vec<u8>> {
    let parts = || {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (header, tensors) = rest.split_at_checked(length)?;
        let header = std::str::from_utf8(header).ok()?;
        Some((header.strip_prefix(START)?, tensors))
    };
    let Some((rest, tensors)) = parts() else {
        return Err(Error::failed(
            "the header of the model file does not begin with its metadata",
        ));
    };
    let mut header = format!("{START}{FORMAT}{}", rest.trim_end());
    // The values after it begin at a multiple of 8 bytes.
    let length = header.len().next_multiple_of(8);
    header.extend(std::iter::repeat_n(' ', length - header.len()));
    let length = (length as u64).to_le_bytes();
    Ok([&length, header.as_bytes(), tensors].concat())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::{NamedTensor, pack, unpack};

    #[test]
    fn the_file_still_reads_and_has_both_entries() {
        #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        struct Card {
            format_version: u32,
            name: String,
        }
        for length in 0..9 {
            let card = Card {
                format_version: crate::model::FORMAT_VERSION,
                name: "x".repeat(length),
            };
            let tensors = vec![NamedTensor {
                name: "w".to_owned(),
                shape: vec![3],
                values: vec![1.0, -2.0, 0.5],
            }];
            let bytes = with_format(&pack(&card, &tensors).unwrap()).unwrap();
            let found = unpack::<Card>(Path::new("m"), &bytes).unwrap();
            assert_eq!(found, (card, tensors));
            let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
            let metadata = header.metadata().as_ref().unwrap();
            assert_eq!(metadata.get("format").map(String::as_str), Some("pt"));
            assert_eq!(metadata.len(), 2);
        }
        assert!(with_format(b"").is_err());
        assert!(with_format(&[255; 20]).is_err());
    }
}
