//! Uniform random bytes of any size, with nothing to download and nothing to learn: for measuring speed.
//!
//! The best model of them takes every value for a coin toss, at ln 2 nats a value. Image `index` depends on (split, index)
//! alone, so a smaller set is the beginning of a larger one. The splits lie in memory, one byte a value:
//! `(count + test) * channels * height * width` bytes.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DataPaths;
use super::{DataKind, Dataset, Outline, Pixels, Split};
use crate::check;
use crate::error::{Error, Result};
use crate::rng::Rng;

/// The most rows or columns of an image, more than any model here can read.
const LONGEST: usize = 4096;
/// The most bytes of a split.
const MOST: usize = 1_000_000_000;

/// The number and the size of the images of noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Noise {
    pub size: Size,
    /// 1: grey; 3: red, green and blue.
    pub channels: usize,
    /// Images to train on.
    pub count: usize,
    /// Images to measure on.
    pub test: usize,
    pub pixels: Pixels,
    /// The number of training images, from the end, that are set aside to choose the best model on.
    pub validation: usize,
}

/// An image's height and width, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected the side of a square or [height, width], in pixels"
)]
pub enum Size {
    Square(usize),
    Rectangle([usize; 2]),
}

impl Default for Noise {
    fn default() -> Self {
        // The shape of MNIST, and a sixth of it: an epoch takes seconds.
        Self {
            size: Size::Square(28),
            channels: 1,
            count: 10_000,
            test: 1_000,
            pixels: Pixels::Grey,
            validation: 0,
        }
    }
}

impl DataKind for Noise {
    fn load(&self, _place: &DataPaths) -> Result<Dataset> {
        Ok(self.draw())
    }

    fn reads_files(&self) -> bool {
        false
    }

    fn pixels(&self) -> Pixels {
        self.pixels
    }

    fn pixels_name(&self) -> &'static str {
        self.pixels.name_for(self.shape()[0])
    }

    fn validation(&self) -> usize {
        self.validation
    }

    fn outline(&self) -> Option<Outline> {
        Some(Outline {
            shape: self.shape(),
            class_count: 0,
            counts: [self.count, self.test],
        })
    }

    fn may_have_any_shape(&self) -> bool {
        false
    }

    fn check(&self) -> Result<()> {
        let [channels, height, width] = self.shape();
        if channels != 1 && channels != 3 {
            let found = format!(
                "data.noise.channels is {channels}; expected 1 (grey) or 3 (red, green and blue)"
            );
            return Err(Error::request(found));
        }
        check::count("data.noise.size", height, LONGEST)?;
        check::count("data.noise.size", width, LONGEST)?;
        let most = MOST / (channels * height * width);
        check::count("data.noise.count", self.count, most)?;
        check::count("data.noise.test", self.test, most)
    }
}

impl Noise {
    /// Returns `[C, H, W]`.
    fn shape(&self) -> [usize; 3] {
        let [height, width] = match self.size {
            Size::Square(side) => [side; 2],
            Size::Rectangle(sides) => sides,
        };
        [self.channels, height, width]
    }

    /// Draws both splits in parallel; the images do not depend on the number of threads.
    pub fn draw(&self) -> Dataset {
        Dataset {
            name: "noise".into(),
            folder: None,
            classes: Vec::new(),
            train: images("noise/train", self.shape(), self.count),
            validation: None,
            calibration: None,
            test: images("noise/test", self.shape(), self.test),
        }
    }
}

fn images(split: &str, shape: [usize; 3], count: usize) -> Split {
    // Any seed would do. It is not in the config, for no result depends on which noise this is.
    let rng = Rng::new(1).stream(split);
    let values: usize = shape.iter().product();
    let mut pixels = vec![0; count * values];
    pixels
        .par_chunks_mut(values)
        .enumerate()
        .for_each(|(index, image)| fill(rng.at(index as u64), image));
    Split::in_memory(pixels, shape)
}

/// Fills values with random bytes, eight from each random block.
fn fill(rng: Rng, values: &mut [u8]) {
    for (index, values) in values.chunks_mut(8).enumerate() {
        let [low, high] = rng.block(index as u64).map(u32::to_le_bytes);
        let bytes = [
            low[0], low[1], low[2], low[3], high[0], high[1], high[2], high[3],
        ];
        values.copy_from_slice(&bytes[..values.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_drawn_about_as_often_as_every_other() {
        let data = Noise {
            count: 1_000,
            test: 10,
            ..Noise::default()
        }
        .draw();
        let mut seen = [0_u32; 256];
        data.train
            .bytes()
            .unwrap()
            .iter()
            .for_each(|&byte| seen[usize::from(byte)] += 1);
        // 784 000 draws: 3062 of each, with a standard deviation of 55.
        assert!(
            seen.iter().all(|&count| (2_780..3_350).contains(&count)),
            "{seen:?}"
        );
        assert_ne!(data.train.image(0).unwrap(), data.train.image(1).unwrap());
        assert_ne!(data.train.image(0).unwrap(), data.test.image(0).unwrap());
    }

    #[test]
    fn neither_threads_nor_the_number_of_images_change_an_image() {
        // 105 values: not a whole number of blocks.
        let noise = |count| Noise {
            size: Size::Rectangle([7, 5]),
            channels: 3,
            count,
            test: 4,
            ..Noise::default()
        };
        let draw = |threads: usize, count: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| noise(count).draw())
        };
        let [one, two, fewer] = [draw(1, 50), draw(2, 50), draw(2, 9)];
        assert_eq!(one.train.shape, [3, 7, 5]);
        assert_eq!((one.train.len(), one.test.len()), (50, 4));
        assert_eq!((&one.train, &one.test), (&two.train, &two.test));
        assert_eq!(one.train.slice(0..9), fewer.train);
    }

    #[test]
    fn what_no_machine_can_hold_is_said_before_it_is_drawn() {
        let message = |noise: Noise| noise.check().unwrap_err().to_string();
        let noise = Noise::default;
        assert!(noise().check().is_ok());
        let few = message(Noise {
            channels: 2,
            ..noise()
        });
        assert_eq!(
            few,
            "data.noise.channels is 2; expected 1 (grey) or 3 (red, green and blue)"
        );
        let thin = message(Noise {
            size: Size::Rectangle([28, 0]),
            ..noise()
        });
        assert_eq!(
            thin,
            "data.noise.size is 0; expected a whole number of at least 1"
        );
        let wide = message(Noise {
            size: Size::Square(5_000),
            ..noise()
        });
        assert_eq!(wide, "data.noise.size is 5000; expected at most 4096");
        let many = message(Noise {
            size: Size::Square(1_000),
            count: 1_001,
            ..noise()
        });
        assert_eq!(many, "data.noise.count is 1001; expected at most 1000");
    }
}
