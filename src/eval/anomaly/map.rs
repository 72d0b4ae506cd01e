//! Where an image is strange: -log p(x given z) of each pixel, the mean over samples of z and the sum over channels.
//!
//! Edges are harder to reconstruct than plain areas, in every image. So a pixel is compared with the same pixel of other
//! images, by their mean and standard deviation, and the map is smoothed by a Gaussian, because a defect covers
//! several pixels. The map's maximum is a score of the image like any other, and can be calibrated: above the threshold of the
//! maximum, a normal image has any pixel at all with at most the promised probability.
//!
//! The means and deviations must come from images that do not calibrate, training images for instance: calibration images
//! would be compared with themselves, would have smaller maxima than new images, and the promise would not hold.

use super::content_batch::ContentBatch;
use super::passes::terms_and_map;
use crate::data::{Choice, Part, Split};
use crate::error::Result;
use crate::eval::protocol::{CHUNK, Protocol};
use crate::model::{Vae, rows};

/// The values of decoded images that are in memory at once.
const VALUES: usize = 1 << 20;
/// The least standard deviation of a pixel, as a share of the root of the mean variance over pixels: a pixel that is
/// black in every image would make any change infinitely strange.
const LEAST_DEVIATION: f64 = 0.1;
/// The reach of the Gaussian, in its standard deviations.
const REACH: f64 = 4.0;
/// The standard deviation of the Gaussian, as a share of the longer side of an image.
const SMOOTHING: f64 = 1.0 / 32.0;
/// The most training images that maps are compared with: the deviation of a pixel is then known to about 2 %.
pub const MOST_FOR_MAPS: usize = 1000;

/// Calls `sink` with the map of each of the images `ids`, in their order. The noise of an image depends on its contents alone.
///
/// # Shapes
/// A map: `[H, W]`, nats.
///
/// # Errors
/// An image cannot be read.
pub fn pixel_maps(
    vae: &Vae,
    protocol: Protocol,
    split: &Split,
    ids: &[u32],
    sink: &mut dyn FnMut(Vec<f32>),
) -> Result<()> {
    let loader = protocol.clean_loader(vae);
    for ids in ids.chunks(maps_at_a_time(vae)) {
        let images = ContentBatch::read(&loader, split, ids)?;
        let (_, maps) = terms_and_map(vae, protocol, &images);
        rows(maps).into_iter().for_each(&mut *sink);
    }
    Ok(())
}

/// Returns the number of images whose maps are computed together.
pub(super) fn maps_at_a_time(vae: &Vae) -> usize {
    let outputs = vae.network().decoder.last();
    let outputs = outputs.map_or(1, |layer| layer.kind().output().count());
    (VALUES / outputs.max(1)).clamp(1, CHUNK)
}

/// The maps of training images, pixel by pixel, that the maps of other images are compared with.
#[derive(Clone, Debug)]
pub struct NormalMaps {
    moments: PixelMoments,
    width: usize,
    /// The standard deviation of the Gaussian, in pixels.
    sigma: f64,
}

impl NormalMaps {
    /// Measures at most [`MOST_FOR_MAPS`] of the training images. `seen` is told after each how many are done.
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn fit(
        vae: &Vae,
        protocol: Protocol,
        train: &Split,
        seen: &mut dyn FnMut(usize),
    ) -> Result<Self> {
        let part = Part::new(train, Choice::AtRandom(MOST_FOR_MAPS));
        let [_, height, width] = vae.network().image_shape;
        let (mut moments, mut done) = (PixelMoments::default(), 0);
        pixel_maps(vae, protocol, train, &part.ids, &mut |map| {
            moments.add(&map);
            done += 1;
            seen(done);
        })?;
        Ok(Self {
            moments,
            width,
            sigma: SMOOTHING * height.max(width) as f64,
        })
    }

    /// Returns how much stranger each pixel of a map is than in training images, in standard deviations, smoothed.
    ///
    /// # Shapes
    /// `map` and the result: `[H, W]`.
    pub fn compare(&self, map: &[f32]) -> Vec<f32> {
        smooth(&self.moments.standardise(map), self.width, self.sigma)
    }
}

/// The mean and the standard deviation of each pixel of maps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PixelMoments {
    count: f64,
    mean: Vec<f64>,
    /// The sums of squared differences from the mean.
    squares: Vec<f64>,
}

impl PixelMoments {
    /// Adds the map of an image (Welford 1962).
    pub fn add(&mut self, map: &[f32]) {
        self.mean.resize(map.len(), 0.0);
        self.squares.resize(map.len(), 0.0);
        self.count += 1.0;
        let moments = self.mean.iter_mut().zip(&mut self.squares);
        for ((mean, squares), &value) in moments.zip(map) {
            let difference = f64::from(value) - *mean;
            *mean += difference / self.count;
            *squares += difference * (f64::from(value) - *mean);
        }
    }

    /// Returns how many standard deviations each pixel of a map is above its mean.
    ///
    /// # Shapes
    /// `map` and the result: `[H, W]`.
    pub fn standardise(&self, map: &[f32]) -> Vec<f32> {
        let mean_square =
            self.squares.iter().sum::<f64>() / (self.count * self.squares.len() as f64);
        let least = (LEAST_DEVIATION * mean_square.sqrt()).max(f64::from(f32::MIN_POSITIVE));
        let moments = self.mean.iter().zip(&self.squares);
        map.iter()
            .zip(moments)
            .map(|(&value, (mean, squares))| {
                let deviation = (squares / self.count).sqrt().max(least);
                ((f64::from(value) - mean) / deviation) as f32
            })
            .collect()
    }
}

/// Returns a map smoothed by a Gaussian of the standard deviation `sigma`, in pixels. Beyond its border the map is
/// mirrored. `sigma` of 0 changes nothing.
///
/// # Shapes
/// `map` and the result: `[H, W]`, `W` the `width`.
pub fn smooth(map: &[f32], width: usize, sigma: f64) -> Vec<f32> {
    if map.is_empty() || sigma <= 0.0 {
        return map.to_vec();
    }
    let reach = (REACH * sigma + 0.5) as usize;
    let weight = |offset: usize| (-0.5 * (offset as f64 / sigma).powi(2)).exp();
    let mut weights: Vec<f64> = (0..=2 * reach).map(|i| weight(i.abs_diff(reach))).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    let height = map.len() / width;
    let values: Vec<f64> = map.iter().map(|&value| f64::from(value)).collect();
    let across = along(&values, &weights, [height, width], [width, 1]);
    let both = along(&across, &weights, [width, height], [1, width]);
    both.into_iter().map(|value| value as f32).collect()
}

/// Returns the values smoothed along lines: `lines` of them with `length` values each, the steps between lines and between
/// the values of a line apart.
fn along(
    values: &[f64],
    weights: &[f64],
    [lines, length]: [usize; 2],
    [line_step, step]: [usize; 2],
) -> Vec<f64> {
    let reach = weights.len() / 2;
    let mut smoothed = vec![0.0; values.len()];
    // The mirrored line, so that each sum is over neighbours.
    let mut line = vec![0.0; length + 2 * reach];
    for number in 0..lines {
        let start = number * line_step;
        for (i, value) in line.iter_mut().enumerate() {
            // Positions repeat after going to the end and back.
            let at = (i + 2 * length * reach - reach) % (2 * length);
            let at = at.min(2 * length - 1 - at);
            *value = values[start + at * step];
        }
        for (at, window) in line.windows(weights.len()).enumerate() {
            let sum: f64 = window.iter().zip(weights).map(|(v, w)| v * w).sum();
            smoothed[start + at * step] = sum;
        }
    }
    smoothed
}

/// Returns the score of an image's map, its maximum; NaN if a pixel is NaN.
pub fn map_score(map: &[f32]) -> f64 {
    map.iter().fold(f64::NEG_INFINITY, |most, &value| {
        let value = f64::from(value);
        if value.is_nan() || value > most {
            value
        } else {
            most
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn a_smoothed_map_keeps_its_mean_and_a_plain_one_its_values() {
        let map: Vec<f32> = (0..63).map(|i| Rng::new(1).uniform(i)).collect();
        for sigma in [0.0, 0.3, 1.0, 5.0] {
            let smoothed = smooth(&map, 9, sigma);
            let [before, after] = [&map, &smoothed].map(|map| map.iter().sum::<f32>());
            assert!((before - after).abs() < 1e-4, "{sigma}: {before} {after}");
            assert!(map_score(&smoothed) <= map_score(&map));
            let plain = smooth(&[2.5; 12], 4, sigma);
            assert!(plain.iter().all(|value| (value - 2.5).abs() < 1e-6));
        }
        assert_eq!(smooth(&map, 9, 0.0), map);
    }

    #[test]
    fn standardised_maps_have_the_mean_0_and_the_deviation_1_and_no_pixel_is_infinite() {
        let maps: Vec<[f32; 3]> = (0..200)
            .map(|i| {
                let noise = Rng::new(2).at(i);
                [5.0 + noise.normal(0), 100.0 * noise.normal(1), 0.0]
            })
            .collect();
        let mut moments = PixelMoments::default();
        maps.iter().for_each(|map| moments.add(map));
        let standardised: Vec<Vec<f32>> = maps.iter().map(|map| moments.standardise(map)).collect();
        let column = |pixel: usize| standardised.iter().map(move |map| f64::from(map[pixel]));
        assert!(column(1).sum::<f64>().abs() < 1e-3);
        let variance = column(1).map(|value| value * value).sum::<f64>() / 200.0;
        assert!((variance - 1.0).abs() < 1e-3, "{variance}");
        // The pixel that never changes is measured by the others.
        assert!(column(2).all(|value| value == 0.0));
        let changed = moments.standardise(&[5.0, 0.0, 1.0]);
        assert!(changed[2] > 0.1 && changed[2] < 1.0, "{changed:?}");
    }
}
