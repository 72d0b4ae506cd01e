//! How well maps mark the abnormal pixels of images, over all thresholds.

use super::regions::regions;
use super::roc::{WeightedScore, area_under_roc};

/// How well maps mark the abnormal pixels of images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Localisation {
    /// The area under the ROC curve of all pixels.
    pub pixel_auroc: f64,
    /// The area under the curve of the per-region overlap (AUPRO: Bergmann et al. 2021, The MVTec anomaly detection dataset,
    /// section 5.3) up to 30 % of the normal pixels, divided by 0.3.
    pub aupro: f64,
    /// The number of connected abnormal regions.
    pub region_count: usize,
}

/// The share of normal pixels that may be marked, up to which the per-region overlap is integrated.
pub const AUPRO_LIMIT: f64 = 0.3;

/// The pixels of several maps, collected map by map.
#[derive(Clone, Debug, Default)]
pub struct MarkedPixels {
    /// Each pixel's score, and the number of pixels in its region: 0 for a normal pixel.
    pixels: Vec<(f32, u32)>,
    region_count: usize,
}

impl MarkedPixels {
    /// Adds the map of an image and the mask of its abnormal pixels. Abnormal pixels that touch, also at a corner, are one
    /// region.
    ///
    /// # Shapes
    /// `map` and `mask`: `[H, W]`, `W` the `width`.
    pub fn add(&mut self, map: &[f32], mask: &[bool], width: usize) {
        let regions = regions(mask, width);
        let mut sizes = vec![0_u32; regions.count + 1];
        regions
            .numbers
            .iter()
            .for_each(|&region| sizes[region as usize] += 1);
        sizes[0] = 0;
        let numbers = map.iter().zip(&regions.numbers);
        self.pixels
            .extend(numbers.map(|(&score, &region)| (score, sizes[region as usize])));
        self.region_count += regions.count;
    }

    /// Returns the areas, or `None` if no pixel is abnormal, or none is normal.
    ///
    /// The overlap of a region is its share that is marked. All regions count alike, so that a pixel counts as one part of
    /// its region, and the curve is a ROC curve with these weights.
    pub fn measure(mut self) -> Option<Localisation> {
        let abnormal = self.pixels.iter().filter(|(_, size)| *size > 0).count();
        if abnormal == 0 || abnormal == self.pixels.len() {
            return None;
        }
        self.pixels.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let weighted = |weight: fn(u32) -> f64| {
            self.pixels.iter().map(move |&(score, size)| WeightedScore {
                score: f64::from(score),
                normal: f64::from(size == 0),
                abnormal: if size == 0 { 0.0 } else { weight(size) },
            })
        };
        Some(Localisation {
            pixel_auroc: area_under_roc(weighted(|_| 1.0), 1.0),
            aupro: area_under_roc(weighted(|size| 1.0 / f64::from(size)), AUPRO_LIMIT),
            region_count: self.region_count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_abnormal_pixels_nothing_is_measured() {
        let mut pixels = MarkedPixels::default();
        pixels.add(&[1.0, 2.0], &[false, false], 2);
        assert_eq!(pixels.measure(), None);
    }

    #[test]
    fn a_small_region_counts_as_much_as_a_large_one() {
        // A region of three pixels is found at once, one of a single pixel never.
        let map = [9.0, 8.0, 7.0, 3.0, 2.0, 1.0];
        let mask = [true, true, true, false, false, true];
        let mut pixels = MarkedPixels::default();
        pixels.add(&map, &mask, 6);
        let found = pixels.measure().unwrap();
        assert_eq!((found.aupro, found.region_count), (0.5, 2));
        assert_eq!(found.pixel_auroc, 0.75);
    }
}
