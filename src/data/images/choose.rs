//! Chooses what a person left open: the size, the channels and the way of fitting.

use crate::data::image_file::FitMode;

/// The sides that are chosen from. Nothing is enlarged, and 64 is what a processor trains in minutes.
const SIDES: [u32; 3] = [28, 32, 64];

/// The greatest ratio of two aspects that are still one.
const ONE_ASPECT: f64 = 1.02;

/// Sides are multiples of this, so that a network can halve them twice.
const STEP: u32 = 4;

/// Returns the height and the width to fit images of these sizes (`[W, H]`) into; `None` for no sizes.
///
/// Images of one size that is at most 64 stay as they are. Others get the largest of the sides 28, 32 and 64 that is not
/// above the median of their shorter sides, and their aspect if they share one, else a square.
pub fn size(sizes: &[[u32; 2]]) -> Option<[usize; 2]> {
    let (&first, rest) = sizes.split_first()?;
    let [width, height] = first;
    if rest.iter().all(|&size| size == first) && width.max(height) <= SIDES[2] {
        return Some([height as usize, width as usize]);
    }
    let mut shorter: Vec<u32> = sizes.iter().map(|size| size[0].min(size[1])).collect();
    shorter.sort_unstable();
    let median = shorter[shorter.len() / 2].max(1);
    let side = SIDES
        .into_iter()
        .filter(|&side| side <= median)
        .max()
        .unwrap_or(median);
    let aspect = |[width, height]: [u32; 2]| f64::from(width.max(1)) / f64::from(height.max(1));
    let aspects = || sizes.iter().map(|&size| aspect(size));
    let (least, most) = (
        aspects().fold(f64::INFINITY, f64::min),
        aspects().fold(0.0, f64::max),
    );
    let longer = |aspect: f64| {
        let steps = (f64::from(side) * aspect / f64::from(STEP)).round() as u32;
        // A panorama's longer side would be as long as the network is slow.
        (steps.max(1) * STEP).clamp(side, 4 * side) as usize
    };
    let side = side as usize;
    let middle = (least * most).sqrt();
    Some(match () {
        () if most > least * ONE_ASPECT => [side, side],
        () if middle >= 1.0 => [side, longer(middle)],
        () => [longer(1.0 / middle), side],
    })
}

/// Returns how images are fitted: where defects are searched for, one may lie at the border.
pub fn fit(has_defects: bool) -> FitMode {
    if has_defects {
        FitMode::Pad
    } else {
        FitMode::Crop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_one_small_size_stay_as_they_are() {
        assert_eq!(size(&[[28, 30]; 3]), Some([30, 28]));
        assert_eq!(size(&[]), None);
    }

    #[test]
    fn nothing_is_enlarged() {
        assert_eq!(size(&[[65, 65]; 3]), Some([64, 64]));
        assert_eq!(size(&[[40, 300], [50, 60], [35, 35]]), Some([32, 32]));
        assert_eq!(size(&[[9, 12], [11, 9]]), Some([9, 9]));
    }

    #[test]
    fn one_aspect_is_kept() {
        assert_eq!(size(&[[640, 480], [4032, 3024]]), Some([64, 84]));
        assert_eq!(size(&[[480, 640]; 2]), Some([84, 64]));
        assert_eq!(size(&[[640, 480], [480, 640]]), Some([64, 64]));
    }
}
