//! Strange pixels of an image in colour, over the image in grey.
//!
//! The scale is fixed: it begins at the threshold and ends at three times the threshold, so that a colour means the same in every
//! image. Its colours are those of plasma (van der Walt, Smith 2015, Matplotlib), from violet to yellow: evenly spaced to
//! the eye, also to a colour-blind one, and nowhere grey.

use super::Raster;

/// Colours of plasma at even distances from 0.25 to 1.
const PLASMA: [[f64; 3]; 7] = [
    [126.0, 3.0, 168.0],
    [168.0, 34.0, 150.0],
    [203.0, 70.0, 121.0],
    [229.0, 107.0, 93.0],
    [248.0, 148.0, 65.0],
    [253.0, 195.0, 40.0],
    [240.0, 249.0, 33.0],
];

/// The share of the colour in a coloured pixel; the rest is the image.
const OPACITY: f64 = 0.7;

/// Returns the image in grey, with the pixels in colour whose value in `map` is above `threshold`.
///
/// # Panics
/// Panics if `map` has another number of pixels than the image.
pub fn overlay(image: &Raster, map: &[f32], threshold: f64) -> Raster {
    let [_, height, width] = image.shape;
    assert_eq!(
        map.len(),
        height * width,
        "a map has a value for each pixel"
    );
    let area = height * width;
    let mut pixels = vec![0; 3 * area];
    for (i, &value) in map.iter().enumerate() {
        let grey = grey(image, i);
        let value = f64::from(value);
        let colour = if value > threshold {
            colour((value - threshold) / (2.0 * threshold.abs().max(f64::MIN_POSITIVE)))
                .map(|level| OPACITY * level + (1.0 - OPACITY) * grey)
        } else {
            [grey; 3]
        };
        for (channel, level) in colour.into_iter().enumerate() {
            pixels[channel * area + i] = level.round() as u8;
        }
    }
    Raster {
        shape: [3, height, width],
        pixels,
    }
}

/// Returns the brightness of a pixel (ITU-R 601).
fn grey(image: &Raster, pixel: usize) -> f64 {
    let area = image.pixels.len() / image.shape[0];
    let at = |channel: usize| f64::from(image.pixels[channel * area + pixel]);
    match image.shape[0] {
        3 => (0.299 * at(0) + 0.587 * at(1) + 0.114 * at(2)).round(),
        _ => at(0),
    }
}

/// Returns the colour at a place of the scale between 0 and 1; beyond, that of its ends.
fn colour(place: f64) -> [f64; 3] {
    let place = place.clamp(0.0, 1.0) * (PLASMA.len() - 1) as f64;
    let below = (place as usize).min(PLASMA.len() - 2);
    let part = place - below as f64;
    [0, 1, 2]
        .map(|channel| (1.0 - part) * PLASMA[below][channel] + part * PLASMA[below + 1][channel])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pixels_above_the_threshold_are_coloured_and_a_colour_means_the_same_in_every_image() {
        let grey = Raster {
            shape: [1, 1, 5],
            pixels: vec![100; 5],
        };
        let colours = Raster {
            shape: [3, 1, 5],
            pixels: vec![100; 15],
        };
        let map = [1.0, 2.0, 2.1, 6.0, 60.0];
        let found = overlay(&grey, &map, 2.0);
        assert_eq!(found, overlay(&colours, &map, 2.0));
        let pixel = |i: usize| [0, 1, 2].map(|channel| found.pixels[5 * channel + i]);
        assert_eq!([pixel(0), pixel(1)], [[100; 3]; 2]);
        assert!(pixel(2)[0] != pixel(2)[1] && pixel(3) != pixel(2));
        assert_eq!(pixel(3), pixel(4));
    }

    #[test]
    fn colours_become_lighter_along_the_scale_and_are_never_grey() {
        let light = |[red, green, blue]: [f64; 3]| 0.299 * red + 0.587 * green + 0.114 * blue;
        for step in 0..100 {
            let [here, next] = [step, step + 1].map(|step| colour(f64::from(step) / 100.0));
            assert!(light(next) > light(here), "{step}");
            let most = here.into_iter().fold(0.0, f64::max);
            let least = here.into_iter().fold(255.0, f64::min);
            assert!(most - least > 100.0, "{step}");
        }
    }

    #[test]
    fn a_map_of_anything_makes_an_image() {
        let image = Raster {
            shape: [1, 1, 3],
            pixels: vec![0, 128, 255],
        };
        for threshold in [0.0, -1.0, f64::INFINITY, f64::NAN, 1e300] {
            overlay(&image, &[f32::NAN, f32::INFINITY, -1.0], threshold);
        }
    }
}
