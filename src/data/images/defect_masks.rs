//! The masks of abnormal images, fitted as the images are.

use std::collections::HashMap;
use std::io::Cursor;
use std::path::Path;

use rayon::prelude::*;

use super::folder_tree::FolderTree;
use super::layout::masks_of;
use super::open::{Opened, open};
use crate::data::image_file::{ALL_LEVELS, Background, Fit, decode_from};
use crate::error::Result;

/// Returns the abnormal pixels, `[H, W]`, of each image below `place` that has a mask, by the name of the image. `fit` is that of
/// the images. Unpacked files are kept in the folder `unpacked`.
///
/// A pixel of a small image covers several of the mask. It is abnormal if at least half of it is or, where no pixel of the image is
/// half abnormal, as with a thin crack, if it is at least half as abnormal as the most abnormal one.
///
/// # Errors
/// Returns an error if the place or a mask cannot be read.
pub fn defect_masks(
    place: &Path,
    fit: &Fit,
    unpacked: &Path,
) -> Result<HashMap<String, Vec<bool>>> {
    let tree = match open(place, unpacked)? {
        Some(Opened::Files(tree)) => tree,
        None if place.is_dir() => Box::new(FolderTree::new(place)?),
        _ => return Ok(HashMap::new()),
    };
    let [_, height, width] = fit.shape;
    let fit = Fit {
        shape: [1, height, width],
        background: Background::Black,
        levels: ALL_LEVELS,
        invert: false,
        ..*fit
    };
    let mask = |(name, file): (String, usize)| {
        let path = tree.full_path(file);
        let image = decode_from(&path, Cursor::new(tree.read(file)?))?.image;
        Ok((name, marked(&fit.bytes(image))))
    };
    masks_of(&*tree).into_par_iter().map(mask).collect()
}

/// Returns which levels of a mask are at least half of white, or of its highest level if that is lower.
fn marked(levels: &[u8]) -> Vec<bool> {
    let most = u16::from(levels.iter().copied().max().unwrap_or_default());
    let is_marked = |level: &u8| most > 0 && 2 * u16::from(*level) >= most;
    levels.iter().map(is_marked).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thin_crack_is_marked_and_nothing_is_where_there_is_no_defect() {
        assert_eq!(marked(&[0, 60, 40, 20]), [false, true, true, false]);
        assert_eq!(marked(&[0, 255, 120, 128]), [false, true, false, true]);
        assert_eq!(marked(&[0, 0]), [false, false]);
    }
}
