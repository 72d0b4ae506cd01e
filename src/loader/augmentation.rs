//! The random change of one training image: mirrored, moved, cut out and scaled, turned, made brighter or darker.
//!
//! All moves together are one map from a pixel of the result to a point of the image, whose value is interpolated once
//! (bilinear) from the four pixels around it; a point outside takes the value of the nearest pixel of the edge. A mirrored
//! or moved image has exactly the levels of the image, because such a point is the centre of a pixel. Levels are rounded to
//! bytes again, before pixels are drawn or corrupted, so that a likelihood of bytes stays one.
//!
//! The change is a function of the seed, the epoch and the image's id, so it does not depend on the batch, on threads, on
//! the device, or on how often a run was stopped.

use std::borrow::Cow;

use super::augment_config::AugmentConfig;
use crate::data::Example;
use crate::rng::{Rng, cos_sin_turn};

/// The random changes of the images of one epoch.
#[derive(Clone, Debug)]
pub struct Augmentation {
    pub config: AugmentConfig,
    /// The random stream: of all epochs, or of one after [`Augmentation::at_epoch`].
    pub rng: Rng,
    pub steps_per_epoch: u64,
}

/// The change of one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ImageChange {
    pub flip: bool,
    /// The move down and to the right, in pixels.
    pub shift: [f32; 2],
    /// The share of each side that is cut out.
    pub share: f32,
    /// The centre of the cutting, down and to the right of the image's, in pixels.
    pub centre: [f32; 2],
    /// The cosine and the sine of the angle by which the image is turned clockwise.
    pub cos_sin: [f32; 2],
    /// The factor of every value.
    pub brightness: f32,
}

impl Augmentation {
    /// Returns the changes of epoch `epoch` (from 0).
    #[must_use]
    pub fn at_epoch(&self, epoch: u64) -> Self {
        Self {
            rng: self.rng.at(epoch),
            ..self.clone()
        }
    }

    /// Returns the changes of the epoch of training step `step` (from 0).
    #[must_use]
    pub fn at_step(&self, step: u64) -> Self {
        self.at_epoch(step / self.steps_per_epoch)
    }

    /// Returns the example `id`, an image of `shape`, `[C, H, W]`, as it is changed in this epoch.
    pub fn apply(&self, example: &Example, shape: [usize; 3], id: u32) -> Example<'static> {
        match example {
            Example::Bytes(bytes) => {
                let mut changed = vec![0; bytes.len()];
                self.apply_to(bytes, shape, id, &mut changed);
                Example::Bytes(Cow::Owned(changed))
            }
            Example::Floats(floats) => {
                let mut changed = vec![0.0; floats.len()];
                self.apply_to(floats, shape, id, &mut changed);
                Example::Floats(Cow::Owned(changed))
            }
        }
    }

    /// Writes the values of example `id`, as they are changed in this epoch, to `changed`.
    ///
    /// # Shapes
    /// `image` and `changed`: `C * H * W` values.
    pub(super) fn apply_to<T: Level>(
        &self,
        image: &[T],
        shape: [usize; 3],
        id: u32,
        changed: &mut [T],
    ) {
        self.draw(shape, id).apply(image, shape, changed);
    }

    /// Draws the change of an image. Each number has its own place in the random sequence, so a change that is turned on
    /// leaves the others as they are.
    fn draw(&self, [_, height, width]: [usize; 3], id: u32) -> ImageChange {
        let AugmentConfig {
            flip,
            shift,
            crop,
            rotation,
            brightness,
        } = self.config;
        let rng = self.rng.at(u64::from(id));
        let unit = |place: u64| f64::from(rng.uniform(place));
        let signed = |place: u64| 2.0 * unit(place) - 1.0;
        let pixels = |place| (unit(place) * (2 * shift + 1) as f64).floor() - shift as f64;
        let share = crop + (1.0 - crop) * unit(3);
        let margin = |place, side: usize| 0.5 * (1.0 - share) * side as f64 * signed(place);
        let degrees = rotation * signed(6);
        let [cos, sin] = cos_sin_turn((degrees.abs() / 360.0) as f32);
        ImageChange {
            flip: flip && unit(0) < 0.5,
            shift: [pixels(1) as f32, pixels(2) as f32],
            share: share as f32,
            centre: [margin(4, height) as f32, margin(5, width) as f32],
            cos_sin: [cos, if degrees < 0.0 { -sin } else { sin }],
            brightness: (1.0 + brightness * signed(7)) as f32,
        }
    }
}

impl ImageChange {
    /// Writes the changed image to `changed`.
    pub(super) fn apply<T: Level>(
        self,
        image: &[T],
        [_, height, width]: [usize; 3],
        changed: &mut [T],
    ) {
        let place = |side: usize| {
            let last = (side - 1) as f32;
            move |centred: f32| {
                let at = (centred + 0.5 * last).clamp(0.0, last);
                let before = at.floor();
                let after = (before + 1.0).min(last);
                (before as usize, after as usize, at - before)
            }
        };
        let (row_of, column_of) = (place(height), place(width));
        let size = height * width;
        for row in 0..height {
            for column in 0..width {
                let (y, x) = self.source([
                    row as f32 - 0.5 * (height - 1) as f32,
                    column as f32 - 0.5 * (width - 1) as f32,
                ]);
                let (top, bottom, down) = row_of(y);
                let (left, right, aside) = column_of(x);
                let corners = [
                    (top * width + left, (1.0 - down) * (1.0 - aside)),
                    (top * width + right, (1.0 - down) * aside),
                    (bottom * width + left, down * (1.0 - aside)),
                    (bottom * width + right, down * aside),
                ];
                let planes = image.chunks_exact(size);
                for (from, to) in planes.zip(changed.chunks_exact_mut(size)) {
                    let value: f32 = corners
                        .map(|(at, part)| from[at].level() * part)
                        .iter()
                        .sum();
                    to[row * width + column] = T::rounded(value * self.brightness);
                }
            }
        }
    }

    /// Returns the point of the image that a pixel of the result shows, both as the distance down and to the right from the
    /// centre. The image is mirrored first, then moved, cut out and turned; this goes back in the opposite order.
    fn source(self, [y, x]: [f32; 2]) -> (f32, f32) {
        let [cos, sin] = self.cos_sin;
        let (y, x) = (cos * y - sin * x, cos * x + sin * y);
        let y = self.share * y + self.centre[0] - self.shift[0];
        let x = self.share * x + self.centre[1] - self.shift[1];
        (y, if self.flip { -x } else { x })
    }
}

/// A value of an image: a byte, or a number in [0, 1].
pub(super) trait Level: Copy {
    fn level(self) -> f32;

    /// Returns the nearest value that an image can have.
    fn rounded(level: f32) -> Self;
}

impl Level for u8 {
    fn level(self) -> f32 {
        f32::from(self)
    }

    fn rounded(level: f32) -> Self {
        // Larger numbers become 255.
        (level + 0.5) as Self
    }
}

impl Level for f32 {
    fn level(self) -> f32 {
        self
    }

    fn rounded(level: f32) -> Self {
        level.clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: [usize; 3] = [3, 5, 8];

    const NONE: ImageChange = ImageChange {
        flip: false,
        shift: [0.0; 2],
        share: 1.0,
        centre: [0.0; 2],
        cos_sin: [1.0, 0.0],
        brightness: 1.0,
    };

    fn image(shape: [usize; 3], seed: u64) -> Vec<u8> {
        let count = shape.iter().product::<usize>() as u64;
        let rng = Rng::new(seed);
        (0..count).map(|i| rng.below(i, 256) as u8).collect()
    }

    fn changed(change: ImageChange, image: &[u8], shape: [usize; 3]) -> Vec<u8> {
        let mut changed = vec![77; image.len()];
        change.apply(image, shape, &mut changed);
        changed
    }

    fn augmentation(config: AugmentConfig) -> Augmentation {
        Augmentation {
            config,
            rng: Rng::new(1).stream("augment"),
            steps_per_epoch: 10,
        }
    }

    fn everything() -> AugmentConfig {
        AugmentConfig {
            flip: true,
            shift: 2,
            crop: 0.7,
            rotation: 20.0,
            brightness: 0.3,
        }
    }

    #[test]
    fn a_change_of_zero_strength_changes_no_byte() {
        for seed in 0..20 {
            let shape = [1 + seed as usize % 3, 1 + seed as usize, 30 - seed as usize];
            let image = image(shape, seed);
            assert_eq!(changed(NONE, &image, shape), image);
            let off = augmentation(AugmentConfig::default());
            assert_eq!(off.draw(shape, seed as u32), NONE);
        }
    }

    #[test]
    fn an_image_that_is_mirrored_twice_is_the_image() {
        let flip = ImageChange { flip: true, ..NONE };
        let image = image(SHAPE, 3);
        let once = changed(flip, &image, SHAPE);
        for (from, to) in image.chunks(8).zip(once.chunks(8)) {
            assert!(from.iter().eq(to.iter().rev()));
        }
        assert_eq!(changed(flip, &once, SHAPE), image);
    }

    #[test]
    fn a_moved_image_repeats_its_edge() {
        let image = image(SHAPE, 4);
        for down in -3_i64..=3 {
            for right in -3_i64..=3 {
                let shift = [down as f32, right as f32];
                let moved = changed(ImageChange { shift, ..NONE }, &image, SHAPE);
                for (at, value) in moved.iter().enumerate() {
                    let (plane, row, column) = (at / 40, at % 40 / 8, at % 8);
                    let from = (row as i64 - down).clamp(0, 4) as usize;
                    let aside = (column as i64 - right).clamp(0, 7) as usize;
                    assert_eq!(*value, image[plane * 40 + from * 8 + aside]);
                }
            }
        }
    }

    #[test]
    fn a_quarter_turn_moves_each_pixel_of_a_square_clockwise() {
        let shape = [1, 4, 4];
        let image = image(shape, 5);
        let quarter = ImageChange {
            cos_sin: [0.0, 1.0],
            ..NONE
        };
        let turned = changed(quarter, &image, shape);
        for row in 0..4 {
            for column in 0..4 {
                // The first row becomes the last column.
                assert_eq!(turned[column * 4 + 3 - row], image[row * 4 + column]);
            }
        }
    }

    #[test]
    fn a_cutting_is_a_slope_half_as_steep_between_the_same_levels() {
        let shape = [1, 1, 9];
        let slope: Vec<u8> = (0..9).map(|x| 20 * x).collect();
        let cut = ImageChange {
            share: 0.5,
            centre: [0.0, 1.0],
            ..NONE
        };
        let expected: Vec<u8> = (0..9).map(|x| 100 + 10 * x - 40).collect();
        assert_eq!(changed(cut, &slope, shape), expected);
    }

    #[test]
    fn brightness_is_a_factor_whose_product_stays_a_level() {
        let brighter = ImageChange {
            brightness: 1.5,
            ..NONE
        };
        assert_eq!(changed(brighter, &[0, 10, 200], [1, 1, 3]), [0, 15, 255]);
        let mut floats = [0.0; 2];
        brighter.apply(&[0.5, 0.9], [1, 1, 2], &mut floats);
        assert_eq!(floats, [0.75, 1.0]);
    }

    #[test]
    fn the_same_seed_epoch_and_image_give_the_same_change_and_others_another() {
        let image = Example::Bytes(Cow::Owned(image(SHAPE, 6)));
        let all = augmentation(everything());
        let at = |epoch: u64, id: u32| all.at_epoch(epoch).apply(&image, SHAPE, id);
        assert_eq!(at(0, 7), at(0, 7));
        assert_ne!(at(0, 7), at(1, 7));
        assert_ne!(at(0, 7), at(0, 8));
        let steps = |step: u64| all.at_step(step).apply(&image, SHAPE, 7);
        assert_eq!(steps(19), at(1, 7));
        assert_eq!(steps(20), at(2, 7));
    }

    #[test]
    fn changes_stay_within_their_strengths_and_reach_them() {
        let all = augmentation(everything());
        let draws: Vec<ImageChange> = (0..4000).map(|id| all.draw([1, 20, 30], id)).collect();
        let flips = draws.iter().filter(|change| change.flip).count();
        assert!((1800..2200).contains(&flips), "{flips}");
        for axis in 0..2 {
            for pixels in -2..=2 {
                let count = draws
                    .iter()
                    .filter(|change| change.shift[axis] == pixels as f32);
                let count = count.count();
                assert!((700..900).contains(&count), "{pixels}: {count}");
            }
        }
        let range = |value: &dyn Fn(&ImageChange) -> f32| {
            let values = || draws.iter().map(value);
            [
                values().fold(f32::INFINITY, f32::min),
                values().fold(f32::NEG_INFINITY, f32::max),
            ]
        };
        let near = |found: [f32; 2], expected: [f32; 2]| {
            let off = |i: usize| (found[i] - expected[i]).abs();
            assert!(
                off(0) < 0.01 && off(1) < 0.01,
                "{found:?}, not {expected:?}"
            );
        };
        near(range(&|change| change.share), [0.7, 1.0]);
        near(range(&|change| change.brightness), [0.7, 1.3]);
        let sine = 20_f32.to_radians().sin();
        near(range(&|change| change.cos_sin[1]), [-sine, sine]);
        // The crop lies within the image.
        let inside = |change: &ImageChange| {
            let margin = 0.5 * (1.0 - change.share);
            change.centre[0].abs() <= margin * 20.0 + 1e-4
                && change.centre[1].abs() <= margin * 30.0 + 1e-4
        };
        assert!(draws.iter().all(inside));
        // A change that is turned off leaves the others as they are.
        let still = augmentation(AugmentConfig {
            shift: 0,
            ..everything()
        });
        for (id, change) in draws.iter().take(50).enumerate() {
            let shift = [0.0; 2];
            let due = ImageChange { shift, ..*change };
            assert_eq!(still.draw([1, 20, 30], id as u32), due);
        }
    }
}
