//! Which axis of an array is which.

use super::stored_array::StoredArray;
use crate::error::Result;

/// The fewest values of an image. What is smaller is a table.
const FEWEST_VALUES: usize = 16;

/// The images of an array: where each begins, and in which order its values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageLayout {
    pub count: usize,
    pub height: usize,
    pub width: usize,
    /// 1, 3 or 4 (the last is alpha).
    pub channels: usize,
    /// Whether the channels are planes, one after another.
    pub has_planes: bool,
    /// The values before the first image.
    pub before: usize,
    /// The values from the start of an image to that of the next.
    pub step: usize,
}

impl ImageLayout {
    fn new(count: usize, [height, width, channels]: [usize; 3], has_planes: bool) -> Self {
        Self {
            count,
            height,
            width,
            channels,
            has_planes,
            before: 0,
            step: height * width * channels,
        }
    }

    /// Returns the layout that the shape of an array of images tells; `None` if it does not look like one.
    pub fn of(shape: &[usize]) -> Option<Self> {
        let layout = match *shape {
            [count, height, width, channels @ (1 | 3 | 4)] => {
                Self::new(count, [height, width, channels], false)
            }
            [count, channels @ (1 | 3), height, width] => {
                Self::new(count, [height, width, channels], true)
            }
            // Four columns or fewer are the colours of a single image.
            [count, height, width] if width > 4 || height == width => {
                Self::new(count, [height, width, 1], false)
            }
            [count, length] if length.isqrt().pow(2) == length => {
                Self::new(count, [length.isqrt(), length.isqrt(), 1], false)
            }
            // CIFAR's rows, in its version for Python.
            [count, 3072] => Self::new(count, [32, 32, 3], true),
            _ => return None,
        };
        Some(layout).filter(|layout| layout.count > 0 && layout.step >= FEWEST_VALUES)
    }

    /// Returns the layout of the images in `array`.
    ///
    /// # Errors
    /// Its shape is not that of images.
    pub fn of_array(array: &StoredArray) -> Result<Self> {
        let hint = match array.shape[..] {
            _ if array.shape.contains(&0) => "the array is empty: write it again",
            [_, _, 1..=4] => {
                "this looks like one image: add an axis, `array[None]`, or save all images in one array"
            }
            [_, _, _, _] => {
                "these look like volumes: save slices of them as images, for instance `array.reshape(-1, *array.shape[2:])`"
            }
            [_, _] => "reshape it: `array.reshape(-1, height, width)`",
            _ => "give it one of these shapes with `array.reshape(...)` or `array.transpose(...)`",
        };
        Self::of(&array.shape).ok_or_else(|| {
            let what = format!(
                "expected images (N x height x width, or with 1, 3 or 4 channels at the end or 1 or 3 after N), found {}",
                array.described()
            );
            array.error(what, hint)
        })
    }

    /// Returns the number of values of an image.
    pub fn values(&self) -> usize {
        self.height * self.width * self.channels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axes_are_told_by_their_sizes() {
        let of = |shape: &[usize]| {
            ImageLayout::of(shape).map(|layout| {
                let ImageLayout {
                    height,
                    width,
                    channels,
                    has_planes,
                    ..
                } = layout;
                (height, width, channels, has_planes)
            })
        };
        assert_eq!(of(&[5, 28, 30]), Some((28, 30, 1, false)));
        assert_eq!(of(&[5, 28, 30, 3]), Some((28, 30, 3, false)));
        assert_eq!(of(&[5, 3, 28, 30]), Some((28, 30, 3, true)));
        assert_eq!(of(&[5, 28, 30, 4]), Some((28, 30, 4, false)));
        assert_eq!(of(&[5, 1, 28, 30]), Some((28, 30, 1, true)));
        assert_eq!(of(&[5, 784]), Some((28, 28, 1, false)));
        assert_eq!(of(&[5, 3072]), Some((32, 32, 3, true)));
        for shape in [
            &[][..],
            &[5],
            &[5, 10],
            &[5, 28, 28, 28],
            &[480, 640, 3],
            &[0, 28, 28],
            &[5, 0, 28],
            &[5, 1, 2, 3, 4],
        ] {
            assert_eq!(of(shape), None, "{shape:?}");
        }
    }
}
