//! Handwritten-looking digits that the program draws itself: nothing to download, the same bytes on every machine.
//!
//! Each class has a few ways of writing it, each a handful of points that a pen passes through (`digits/strokes.rs`).
//! Every image moves the points a little, bends the page, slants, turns and sizes the digit, and draws it with a soft
//! round pen of uneven pressure (`digits/pen.rs`): white on black, 28 by 28, about 20 pixels tall and centred, as in
//! MNIST. Image `index` depends on (seed, split, index) alone, and what was drawn is known: see [`Factors`].

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::archive::DataPaths;
use super::{DataKind, Dataset, GenerativeFactors, Images, Pixels};
use crate::check::count;
use crate::error::Result;
use crate::rng::Rng;

mod pen;
mod strokes;

/// Height and width of an image, in pixels.
pub const SIDE: usize = 28;
const VALUES: usize = SIDE * SIDE;
const CLASSES: u64 = 10;
/// Images in a split: as many as fit into a gigabyte.
const MOST: usize = 1_000_000;

/// The built-in data set: how many digits, and which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Digits {
    /// The data's own seed: the run's seed changes the training, never the images.
    pub seed: u64,
    /// Images to train on.
    pub train: usize,
    /// Images to measure on.
    pub test: usize,
    pub pixels: Pixels,
    /// The last so many training images are set aside, to choose the best model on.
    pub validation: usize,
}

impl Default for Digits {
    fn default() -> Self {
        Self {
            // Any number would do; results can be compared only where it is the same.
            seed: 1,
            // A third of MNIST: more than a small model learns by heart, few enough for short epochs.
            train: 20_000,
            // 400 of each class: the ELBO differs by some 20 nats between images, so its mean is known to a third of a nat.
            test: 4_000,
            pixels: Pixels::Grey,
            validation: 0,
        }
    }
}

impl DataKind for Digits {
    fn load(&self, _place: &DataPaths) -> Result<Dataset> {
        Ok(self.draw())
    }

    fn pixels(&self) -> Pixels {
        self.pixels
    }

    fn validation(&self) -> usize {
        self.validation
    }

    fn usual_shape(&self) -> [usize; 3] {
        [1, SIDE, SIDE]
    }

    fn usual_classes(&self) -> usize {
        CLASSES as usize
    }

    fn usual_counts(&self) -> [usize; 2] {
        [self.train, self.test]
    }

    fn may_have_any_shape(&self) -> bool {
        false
    }

    fn check(&self) -> Result<()> {
        count("data.digits.train", self.train, MOST)?;
        count("data.digits.test", self.test, MOST)
    }
}

impl Digits {
    /// Draws both splits, in parallel; the images do not depend on the number of threads.
    pub fn draw(&self) -> Dataset {
        Dataset {
            name: "digits".into(),
            classes: (0..CLASSES).map(|class| class.to_string()).collect(),
            train: images(self.seed, Split::Train, self.train),
            validation: None,
            test: images(self.seed, Split::Test, self.test),
        }
    }
}

/// Which half of the data: the two share no image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    Train,
    Test,
}

impl Split {
    fn stream(self, seed: u64) -> Rng {
        Rng::new(seed).stream(match self {
            Self::Train => "digits/train",
            Self::Test => "digits/test",
        })
    }
}

/// What an image was drawn from, besides its class. All are drawn independently of each other and, but for `style`,
/// of the class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factors {
    /// Which of the ways to write this class: 0, 1, ... The plainest comes first.
    pub style: f32,
    /// How far the top leans to the right: pixels right per pixel up.
    pub slant: f32,
    /// Degrees, clockwise.
    pub rotation: f32,
    /// Height of the digit with its ink, in pixels.
    pub scale: f32,
    /// Width, as a multiple of the width usual for this class and style. (Above 21.5 pixels a digit is squeezed.)
    pub aspect: f32,
    /// Width of the line, in pixels.
    pub thickness: f32,
    /// Centre of the digit's bounding box right of the image's centre, in pixels.
    pub shift_x: f32,
    /// Centre of the digit's bounding box below the image's centre, in pixels.
    pub shift_y: f32,
}

impl Factors {
    /// Names of [`Factors::values`], in its order.
    pub const NAMES: [&str; 8] = [
        "style",
        "slant",
        "rotation",
        "scale",
        "aspect",
        "thickness",
        "shift_x",
        "shift_y",
    ];

    /// The factors as a row of a table.
    pub fn values(&self) -> [f32; 8] {
        [
            self.style,
            self.slant,
            self.rotation,
            self.scale,
            self.aspect,
            self.thickness,
            self.shift_x,
            self.shift_y,
        ]
    }

    /// Mean and spread of all but the style. People lean to the right on average, and so do MNIST's digits.
    const SPREADS: [[f32; 2]; 7] = [
        [0.16, 0.2],
        [0.0, 4.5],
        [20.0, 0.8],
        [1.02, 0.12],
        [2.6, 0.55],
        [0.0, 0.7],
        [0.0, 0.5],
    ];

    fn of(hand: &mut Hand, label: u8) -> Self {
        let style = strokes::style(label, hand.uniform()) as f32;
        let [slant, rotation, scale, aspect, thickness, shift_x, shift_y] =
            Self::SPREADS.map(|[mean, spread]| hand.about(mean, spread));
        Self {
            style,
            slant,
            rotation,
            scale,
            aspect,
            thickness,
            shift_x,
            shift_y,
        }
    }

    /// All but the style in steps of half a spread: 0 to 7.
    fn levels(&self) -> [u8; 7] {
        let [_, values @ ..] = self.values();
        let mut levels = [0; 7];
        for ((level, value), [mean, spread]) in levels.iter_mut().zip(values).zip(Self::SPREADS) {
            *level = (2.0 * (value - mean) / spread + 4.0).clamp(0.0, 7.0) as u8;
        }
        levels
    }
}

/// The ground truth that is kept of a data set: factors that do not depend on each other, in eight levels each. Not the
/// style, which means something else in each class.
const TRUTH: [&str; 8] = [
    "digit",
    "slant",
    "rotation",
    "scale",
    "aspect",
    "thickness",
    "shift_x",
    "shift_y",
];
const LEVELS: [usize; 8] = [10, 8, 8, 8, 8, 8, 8, 8];

/// One image and all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Digit {
    /// `[28, 28]`, 0 is black.
    pub pixels: [u8; VALUES],
    /// 0 to 9.
    pub label: u8,
    pub factors: Factors,
}

/// Draws image `index` of a split.
pub fn digit(seed: u64, split: Split, index: u64) -> Digit {
    let label = label(seed, split, index);
    let rng = split.stream(seed).at(index);
    let factors = Factors::of(&mut Hand::new(rng.at(0)), label);
    let mut hand = Hand::new(rng.at(1));
    let shape = strokes::shape(label, factors.style as usize, &mut hand);
    Digit {
        pixels: pen::draw(&shape, &factors, &mut hand),
        label,
        factors,
    }
}

/// The factors of image `index`, without drawing it.
pub fn factors(seed: u64, split: Split, index: u64) -> Factors {
    Factors::of(
        &mut Hand::new(split.stream(seed).at(index).at(0)),
        label(seed, split, index),
    )
}

/// The class of image `index`: each block of ten images holds each class once.
pub fn label(seed: u64, split: Split, index: u64) -> u8 {
    let order = split
        .stream(seed)
        .stream("labels")
        .at(index / CLASSES)
        .permutation(CLASSES as usize);
    order[(index % CLASSES) as usize] as u8
}

fn images(seed: u64, split: Split, count: usize) -> Images {
    let mut pixels = vec![0; count * VALUES];
    let draw = |(index, image): (usize, &mut [u8])| {
        let Digit {
            pixels,
            label,
            factors,
        } = digit(seed, split, index as u64);
        image.copy_from_slice(&pixels);
        let [slant, rotation, scale, aspect, thickness, shift_x, shift_y] = factors.levels();
        [
            label, slant, rotation, scale, aspect, thickness, shift_x, shift_y,
        ]
    };
    let truth: Vec<[u8; 8]> = pixels
        .par_chunks_mut(VALUES)
        .enumerate()
        .map(draw)
        .collect();
    Images::new(pixels, [1, SIDE, SIDE])
        .with_labels(truth.iter().map(|factors| factors[0]).collect())
        .with_truth(GenerativeFactors::new(
            &TRUTH,
            &LEVELS,
            &TRUTH[..1],
            truth.concat(),
        ))
}

/// Numbered draws, taken one after the other: how one person's hand differs this time.
struct Hand {
    rng: Rng,
    next: u64,
}

impl Hand {
    fn new(rng: Rng) -> Self {
        Self { rng, next: 0 }
    }

    /// Elements `2n` and `2n + 1` of a sequence come from the same random words. Each draw takes the even one, so that
    /// a uniform number tells nothing about the normal one after it.
    fn number(&mut self) -> u64 {
        self.next += 2;
        self.next - 2
    }

    /// Uniform in [0, 1).
    fn uniform(&mut self) -> f32 {
        let number = self.number();
        self.rng.uniform(number)
    }

    /// Uniform in [low, high).
    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.uniform()
    }

    /// Normal with a standard deviation of `spread`, cut at twice that: nobody writes like the tails of a normal.
    fn about(&mut self, mean: f32, spread: f32) -> f32 {
        let number = self.number();
        mean + spread * self.rng.normal(number).clamp(-2.0, 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn few(seed: u64) -> Dataset {
        Digits {
            seed,
            train: 2_000,
            test: 500,
            ..Digits::default()
        }
        .draw()
    }

    fn fnv(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// A change of these numbers is a change of the data: every result measured on it must be measured again.
    #[test]
    fn the_same_seed_draws_the_same_bytes_on_every_machine() {
        let data = few(1);
        assert_eq!(
            fnv(data.train.labels.as_ref().unwrap()),
            0x3870_48b3_30c9_4d21
        );
        assert_eq!(
            fnv(&data.train.slice(0..1_000).into_bytes()),
            0xe8ff_f417_18c5_02a5
        );
        assert_eq!(fnv(&data.test.into_bytes()), 0x31c3_870c_6dce_468a);
    }

    #[test]
    fn another_seed_or_split_or_index_is_another_image() {
        let one = digit(1, Split::Train, 0);
        assert_ne!(one.pixels, digit(2, Split::Train, 0).pixels);
        assert_ne!(one.pixels, digit(1, Split::Test, 0).pixels);
        assert_ne!(one.pixels, digit(1, Split::Train, 1).pixels);
    }

    #[test]
    fn neither_threads_nor_the_number_of_images_change_an_image() {
        let draw = |threads: usize, train: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                Digits {
                    seed: 3,
                    train,
                    test: 20,
                    ..Digits::default()
                }
                .draw()
            })
        };
        let [one, two, fewer] = [draw(1, 300), draw(2, 300), draw(2, 123)];
        assert_eq!(one.train, two.train);
        assert_eq!(one.test, two.test);
        assert_eq!(one.train.slice(0..123), fewer.train);
    }

    #[test]
    fn what_is_said_of_an_image_is_what_was_drawn() {
        let data = few(4);
        for index in [0, 1, 77, 499] {
            let digit = digit(4, Split::Test, index);
            assert_eq!(digit.pixels, *data.test.image(index as usize));
            assert_eq!(
                digit.label,
                data.test.labels.as_ref().unwrap()[index as usize]
            );
            assert_eq!(digit.label, label(4, Split::Test, index));
            assert_eq!(digit.factors, factors(4, Split::Test, index));
        }
        assert_eq!(data.train.shape, [1, SIDE, SIDE]);
        assert_eq!((data.classes.len(), data.classes[9].as_str()), (10, "9"));
    }

    #[test]
    fn the_truth_that_is_kept_is_the_class_and_the_factors_in_steps() {
        let data = few(4);
        let truth = data.train.truth.as_ref().unwrap();
        assert_eq!((truth.names, truth.sizes), (&TRUTH[..], &LEVELS[..]));
        let mut seen = [[0; 10]; 8];
        for index in 0..data.train.len() {
            let kept = truth.factors(index);
            assert_eq!(kept[0], data.train.labels.as_ref().unwrap()[index]);
            let exact = factors(4, Split::Train, index as u64);
            // Scale: 18.4, 18.8, 19.2, ...
            let step = 18.4 + 0.4 * f32::from(kept[3]);
            assert!(
                (step - 1e-4..=step + 0.4001).contains(&exact.scale),
                "{index}: {exact:?} and {kept:?}"
            );
            kept.iter()
                .zip(&mut seen)
                .for_each(|(&value, seen)| seen[usize::from(value)] += 1);
        }
        for (seen, size) in seen.iter().zip(LEVELS) {
            assert!(
                seen[..size].iter().all(|&count| count > 40) && seen[size..] == [0, 0][..10 - size],
                "{seen:?}"
            );
        }
    }

    #[test]
    fn each_class_is_drawn_equally_often_and_in_each_of_its_styles() {
        let mut seen = [[0; 3]; 10];
        for index in 0..5_000 {
            let style = factors(1, Split::Train, index).style;
            seen[usize::from(label(1, Split::Train, index))][style as usize] += 1;
        }
        for (class, styles) in seen.iter().enumerate() {
            assert_eq!(styles.iter().sum::<i32>(), 500, "class {class}");
            assert!(
                styles.iter().all(|&count| count > 20),
                "class {class}: {styles:?}"
            );
        }
    }

    /// Of the values and of their distances from the mean, which a shared random word would tie together.
    #[test]
    fn factors_do_not_depend_on_each_other() {
        let count = 20_000;
        let rows: Vec<[f32; 8]> = (0..count)
            .map(|index| factors(1, Split::Train, index).values())
            .collect();
        let standardised = |column: Vec<f64>| {
            let mean = column.iter().sum::<f64>() / count as f64;
            let spread =
                (column.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count as f64).sqrt();
            column
                .iter()
                .map(|v| (v - mean) / spread)
                .collect::<Vec<f64>>()
        };
        let columns: Vec<Vec<f64>> = (0..8)
            .flat_map(|factor| {
                let values = standardised(rows.iter().map(|row| f64::from(row[factor])).collect());
                let distances = standardised(values.iter().map(|v| v.abs()).collect());
                [values, distances]
            })
            .collect();
        for (a, left) in columns.iter().enumerate() {
            for (b, right) in columns.iter().enumerate().filter(|(b, _)| b / 2 != a / 2) {
                let correlation =
                    left.iter().zip(right).map(|(l, r)| l * r).sum::<f64>() / count as f64;
                let names = [a, b].map(|column| Factors::NAMES[column / 2]);
                assert!(correlation.abs() < 0.035, "{names:?}: {correlation}");
            }
        }
    }

    /// MNIST's mean is 0.13, its digits are 20 pixels tall, and ink at its border is rare.
    #[test]
    fn images_are_inked_sized_and_centred_as_in_mnist() {
        let data = few(1).train;
        let mean = |bytes: &[u8]| {
            bytes.iter().map(|&b| f64::from(b)).sum::<f64>() / bytes.len() as f64 / 255.0
        };
        let all = mean(&data.definition());
        assert!((0.11..0.15).contains(&all), "mean {all}");
        let mut touching = 0;
        for index in 0..data.len() {
            let image = &data.image(index)[..];
            let ink = mean(image);
            assert!((0.03..0.3).contains(&ink), "image {index}: mean {ink}");
            assert!(image.iter().max() > Some(&200), "image {index} is faint");
            let drawn = factors(1, Split::Train, index as u64);
            let rows: Vec<usize> = (0..VALUES)
                .filter(|&at| image[at] > 127)
                .map(|at| at / SIDE)
                .collect();
            let [first, last] = [rows[0], rows[rows.len() - 1]].map(|row| row as f32);
            assert!(
                (last + 1.0 - first - drawn.scale).abs() < 2.5,
                "image {index}: rows {first} to {last}"
            );
            assert!(
                (0.5 * (first + last + 1.0) - 14.0 - drawn.shift_y).abs() < 1.5,
                "image {index}"
            );
            let border = |at: usize| {
                [0, SIDE - 1].contains(&(at / SIDE)) || [0, SIDE - 1].contains(&(at % SIDE))
            };
            touching += usize::from((0..VALUES).any(|at| border(at) && image[at] > 0));
        }
        assert!(
            touching <= data.len() / 100,
            "{touching} of {} touch the border",
            data.len()
        );
    }

    fn distance(a: &[u8], b: &[f32]) -> f32 {
        a.iter()
            .zip(b)
            .map(|(&a, b)| (f32::from(a) - b) * (f32::from(a) - b))
            .sum()
    }

    /// The part of the test images whose nearest candidate is of their class.
    fn accuracy(test: &Images, candidates: &[(u8, Vec<f32>)]) -> f32 {
        let right =
            test.labels
                .as_ref()
                .unwrap()
                .par_iter()
                .enumerate()
                .filter(|&(index, &label)| {
                    let near = candidates
                        .iter()
                        .map(|(class, image)| (distance(&test.image(index), image), class));
                    near.min_by(|a, b| a.0.total_cmp(&b.0))
                        .is_some_and(|(_, class)| *class == label)
                });
        right.count() as f32 / test.len() as f32
    }

    /// Here 95 % and 87 %.
    #[test]
    fn digits_are_recognisable_and_various() {
        let data = few(1);
        let labels = data.train.labels.as_ref().unwrap();
        let all: Vec<(u8, Vec<f32>)> = (0..data.train.len())
            .map(|index| {
                (
                    labels[index],
                    data.train
                        .image(index)
                        .iter()
                        .map(|&b| f32::from(b))
                        .collect(),
                )
            })
            .collect();
        let mut means: Vec<(u8, Vec<f32>)> =
            (0..10).map(|class| (class, vec![0.0; VALUES])).collect();
        for (class, image) in &all {
            let mean = &mut means[usize::from(*class)].1;
            mean.iter_mut()
                .zip(image)
                .for_each(|(m, b)| *m += b / 200.0);
        }
        let [nearest, by_mean] = [accuracy(&data.test, &all), accuracy(&data.test, &means)];
        assert!(nearest > 0.93, "nearest image: {nearest}");
        assert!(
            (0.6..0.97).contains(&by_mean),
            "nearest class mean: {by_mean}"
        );
    }
}
