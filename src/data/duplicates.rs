//! Images that lie in several splits.

use std::collections::HashSet;

use md5::{Digest, Md5};

use super::Split;
use crate::error::Result;

/// Returns which images of `split` have the same pixels as an image of `others`.
///
/// # Errors
/// An image cannot be read.
pub fn also_in(others: &[&Split], split: &Split) -> Result<Vec<usize>> {
    let hash = |split: &Split, index: usize| -> Result<[u8; 16]> {
        Ok(Md5::digest(split.image(index)?).into())
    };
    let mut known = HashSet::new();
    for other in others {
        for index in 0..other.len() {
            known.insert(hash(other, index)?);
        }
    }
    let mut found = Vec::new();
    for index in 0..split.len() {
        if known.contains(&hash(split, index)?) {
            found.push(index);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_with_the_same_pixels_is_found_in_any_of_the_splits() {
        let split = |pixels: &[u8]| Split::in_memory(pixels.to_vec(), [1, 1, 2]);
        let others = [split(&[1, 2, 3, 4]), split(&[5, 6])];
        let found = also_in(&[&others[0], &others[1]], &split(&[5, 6, 2, 1, 3, 4]));
        assert_eq!(found.unwrap(), [0, 2]);
    }
}
