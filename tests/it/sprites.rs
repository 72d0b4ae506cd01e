//! Tests the built-in sprites: each combination of the factors occurs once, each factor is visible
//! in the image, and no image stays in memory.

use std::collections::HashSet;

use vae::data::DataPaths;
use vae::data::{Data, DataKind, Dataset, Pixels, Split, Sprites, hash, load};
use vae::rng::Rng;

use crate::models::{load_batch, numbers, plain_device};

const SIDE: usize = 64;
const SIZES: [usize; 5] = [3, 6, 20, 16, 16];
const COUNT: usize = 92_160;
/// The place of each factor in a combination.
const SHAPE: usize = 0;
const SCALE: usize = 1;
const X: usize = 3;
const Y: usize = 4;

/// Both splits, and the place of each combination of the factors.
struct All {
    data: Dataset,
    /// For each combination, in the order in which the last factor changes first: whether it is a
    /// training image, and its index in its split.
    places: Vec<(bool, usize)>,
}

impl All {
    fn new() -> Self {
        let data = Sprites::default().draw();
        let mut places = vec![None; COUNT];
        for (is_train, images) in [(true, &data.train), (false, &data.test)] {
            let truth = images.factors.as_ref().unwrap();
            assert_eq!(truth.names, ["shape", "scale", "rotation", "x", "y"]);
            assert_eq!(truth.sizes, SIZES);
            for index in 0..images.len() {
                let factors: Vec<usize> = truth
                    .factors(index)
                    .iter()
                    .copied()
                    .map(usize::from)
                    .collect();
                let place = &mut places[number(factors.try_into().unwrap())];
                assert_eq!(
                    place.replace((is_train, index)),
                    None,
                    "a combination appears twice"
                );
            }
        }
        Self {
            data,
            places: places
                .into_iter()
                .map(|place| place.expect("a combination is missing"))
                .collect(),
        }
    }

    fn image(&self, factors: [usize; 5]) -> Vec<u8> {
        let (is_train, index) = self.places[number(factors)];
        if is_train {
            self.data.train.image(index).unwrap()
        } else {
            self.data.test.image(index).unwrap()
        }
        .into_owned()
    }
}

fn number(factors: [usize; 5]) -> usize {
    factors
        .iter()
        .zip(SIZES)
        .fold(0, |number, (&factor, size)| {
            assert!(factor < size);
            number * size + factor
        })
}

/// Returns the combinations in which the `fixed` factors are 0 and the others take every value.
fn every(fixed: &[usize]) -> Vec<[usize; 5]> {
    let mut all = vec![[0; 5]];
    for factor in (0..5).filter(|factor| !fixed.contains(factor)) {
        all = all
            .iter()
            .flat_map(|&f| (0..SIZES[factor]).map(move |value| with(f, factor, value)))
            .collect();
    }
    all
}

fn with(mut factors: [usize; 5], factor: usize, value: usize) -> [usize; 5] {
    factors[factor] = value;
    factors
}

/// Returns x and y of the centres of the white pixels.
fn white(image: &[u8]) -> Vec<[f64; 2]> {
    let at = |at: usize| [(at % SIDE) as f64 + 0.5, (at / SIDE) as f64 + 0.5];
    (0..image.len())
        .filter(|&i| image[i] == 255)
        .map(at)
        .collect()
}

fn centre(white: &[[f64; 2]]) -> [f64; 2] {
    [0, 1].map(|axis| white.iter().map(|point| point[axis]).sum::<f64>() / white.len() as f64)
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[test]
fn each_combination_is_one_image_and_a_tenth_is_held_out() {
    let All { data, places } = All::new();
    assert_eq!(
        (data.train.len(), data.test.len(), places.len()),
        (82_944, 9_216, COUNT)
    );
    assert_eq!(
        (data.train.shape, data.classes.join(" ")),
        ([1, SIDE, SIDE], "square ellipse heart".to_owned())
    );
    for images in [&data.train, &data.test] {
        let (labels, truth) = (
            images.labels.as_ref().unwrap(),
            images.factors.as_ref().unwrap(),
        );
        assert!(
            (0..images.len()).all(|index| labels[index] == u32::from(truth.factors(index)[SHAPE]))
        );
        // About a tenth of the images of each factor value are held out, so no factor decides the
        // split.
        for (factor, size) in SIZES.into_iter().enumerate() {
            let due = images.len() as f64 / size as f64;
            for value in 0..size {
                let found = (0..images.len())
                    .filter(|&i| usize::from(truth.factors(i)[factor]) == value)
                    .count();
                let spread = (0.09 * COUNT as f64 / size as f64).sqrt();
                assert!(
                    (found as f64 - due).abs() < 4.5 * spread,
                    "factor {factor} is {value} {found} times"
                );
            }
        }
    }
}

#[test]
fn sprites_are_white_on_black_inside_the_frame_and_centred_on_their_place() {
    let all = All::new();
    let mut different = HashSet::new();
    let mut sum = 0_u64;
    for factors in every(&[]) {
        let image = all.image(factors);
        assert!(
            image.iter().all(|&value| [0, 255].contains(&value)),
            "{factors:?}"
        );
        let rows = image.chunks(SIDE);
        assert!(
            rows.clone().all(|row| row[0] == 0 && row[SIDE - 1] == 0),
            "{factors:?} touches the border"
        );
        assert!(
            rows.enumerate()
                .all(|(y, row)| (1..SIDE - 1).contains(&y) || row.iter().all(|&value| value == 0))
        );
        let hash = fnv(&image);
        different.insert(hash);
        sum = sum.rotate_left(1) ^ hash;
        if factors[X] == factors[Y] {
            let [x, y] = centre(&white(&image));
            let [right, down] = [factors[X], factors[Y]].map(|place| 17.0 + 2.0 * place as f64);
            assert!(
                (x - right).abs() < 0.35 && (y - down).abs() < 0.35,
                "{factors:?}: centre {x} {y}"
            );
        }
    }
    // A square has five different rotations, an ellipse ten and a heart twenty, at each size and
    // place.
    assert_eq!(different.len(), (5 + 10 + 20) * 6 * 256);
    // If this number changes, the data has changed, and every result on it must be measured again.
    assert_eq!(sum, 0xbb72_bfab_e816_bc57, "{sum:#018x}");
}

#[test]
fn x_moves_right_and_y_moves_down_by_two_pixels() {
    let all = All::new();
    for factors in every(&[X, Y]) {
        let first = all.image(factors);
        for place in 0..16 {
            let mut right = all.image(with(factors, X, place));
            right.rotate_left(2 * place);
            assert!(right == first, "{factors:?}, x {place}");
            let mut down = all.image(with(factors, Y, place));
            down.rotate_left(2 * place * SIDE);
            assert!(down == first, "{factors:?}, y {place}");
        }
    }
}

#[test]
fn a_larger_scale_holds_the_smaller_one_and_more() {
    let all = All::new();
    for factors in every(&[SCALE, X, Y]) {
        let images: Vec<_> = (0..6)
            .map(|scale| all.image(with(factors, SCALE, scale)))
            .collect();
        for (scale, pair) in images.windows(2).enumerate() {
            let [small, large] = [&pair[0], &pair[1]];
            assert!(
                small.iter().zip(large).all(|(small, large)| small <= large),
                "{factors:?}, scale {scale}"
            );
            let [less, more] = [small, large].map(|image| white(image).len());
            assert!(
                less + 10 < more,
                "{factors:?}, scale {scale}: {less} and {more} pixels"
            );
        }
        // Half the size means a quarter of the area, as closely as pixels allow.
        let ratio = white(&images[5]).len() as f64 / white(&images[0]).len() as f64;
        assert!((3.3..4.6).contains(&ratio), "{factors:?}: {ratio}");
    }
}

/// Returns the number of pixels that differ between `image` and `first` turned clockwise by `turns`
/// about the place (7, 9).
fn differing(image: &[u8], first: &[u8], turns: f64) -> usize {
    let (sin, cos) = (turns * std::f64::consts::TAU).sin_cos();
    let [right, down] = [17.0 + 14.0, 17.0 + 18.0];
    let before = |at: usize| {
        let [x, y] = [
            (at % SIDE) as f64 + 0.5 - right,
            (at / SIDE) as f64 + 0.5 - down,
        ];
        let [x, y] = [x * cos + y * sin + right, y * cos - x * sin + down];
        let inside = (0.0..SIDE as f64).contains(&x) && (0.0..SIDE as f64).contains(&y);
        if inside {
            first[y as usize * SIDE + x as usize]
        } else {
            0
        }
    };
    (0..image.len())
        .filter(|&at| image[at] != before(at))
        .count()
}

#[test]
fn rotation_turns_clockwise_by_a_twentieth_and_symmetric_shapes_come_back() {
    let all = All::new();
    for (shape, period) in [(0, 5), (1, 10), (2, 20)] {
        for scale in 0..6 {
            let images: Vec<_> = (0..20)
                .map(|rotation| all.image([shape, scale, rotation, 7, 9]))
                .collect();
            for rotation in 0..20 {
                let by = |twentieth: usize| {
                    differing(&images[rotation], &images[0], twentieth as f64 / 20.0)
                };
                let nearest = (0..period).min_by_key(|&twentieth| by(twentieth));
                assert_eq!(
                    nearest,
                    Some(rotation % period),
                    "shape {shape}, scale {scale}, rotation {rotation}"
                );
                assert!(
                    images[rotation] == images[rotation % period],
                    "{shape} {scale} {rotation}"
                );
            }
        }
    }
    // The upright heart is symmetric, and its point is at the bottom.
    let heart = all.image([2, 5, 0, 7, 7]);
    assert!(
        heart
            .chunks(SIDE)
            .all(|row| row[..62].iter().eq(row[..62].iter().rev()))
    );
    let widths: Vec<usize> = heart
        .chunks(SIDE)
        .map(|row| row.iter().filter(|&&value| value > 0).count())
        .filter(|&width| width > 0)
        .collect();
    assert!(
        widths[widths.len() - 1] <= 2 && widths[2] > 10,
        "{widths:?}"
    );
}

/// Returns the same images as bytes in memory.
fn held(images: &Split) -> Split {
    let held = Split::in_memory(images.clone().to_bytes().unwrap(), images.shape);
    held.with_labels(images.labels.clone().unwrap())
        .with_factors(images.factors.clone().unwrap())
}

#[test]
fn drawn_on_demand_is_the_same_as_held_however_many_and_on_however_many_threads() {
    let few = || {
        Sprites {
            train: 700,
            test: 150,
            validation: 0,
        }
        .draw()
    };
    let data = few();
    assert_eq!((data.train.len(), data.test.len()), (700, 150));
    assert_eq!(held(&data.train), data.train);
    assert_eq!(
        held(&data.train).slice(100..300),
        data.train.slice(100..300)
    );
    let all = Sprites::default().draw();
    assert_eq!(all.train.slice(0..700), data.train);
    assert_eq!(all.test.slice(0..150), data.test);
    assert_ne!(all.test.slice(1..151), data.test);

    let device = plain_device();
    let indices: Vec<u32> = (0..100).map(|i| (i * 37) % 700).collect();
    let batch = |images: &Split, pixels: Pixels| {
        numbers(load_batch(pixels, images, &indices, None, Rng::new(1), &device).x)
    };
    let bytes = |&index: &u32| data.train.image(index as usize).unwrap().into_owned();
    let expected: Vec<f64> = indices
        .iter()
        .flat_map(bytes)
        .map(|byte| f64::from(byte) / 255.0)
        .collect();
    // Every kind of `pixels` keeps black and white as they are.
    for pixels in [Pixels::Grey, Pixels::Threshold, Pixels::Dynamic] {
        assert!(batch(&data.train, pixels) == expected, "{pixels:?}");
        assert!(batch(&held(&data.train), pixels) == expected, "{pixels:?}");
    }
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        assert!(
            pool.install(
                || few().train == data.train && batch(&few().train, Pixels::Grey) == expected
            )
        );
    }
}

#[test]
fn what_is_set_aside_and_hashed_is_what_is_drawn() {
    let place = DataPaths {
        named: None,
        local: "".into(),
        cache: "".into(),
        download: false,
        keeps_images: true,
        mirror: None,
    };
    let sprites = |train, validation| {
        Data::Sprites(Sprites {
            train,
            test: 50,
            validation,
        })
    };
    let data = load(&sprites(300, 100), &place).unwrap();
    let whole = load(&sprites(300, 0), &place).unwrap();
    assert_eq!((data.train.len(), data.test.len()), (200, 50));
    assert_eq!(data.train, whole.train.slice(0..200));
    assert_eq!(data.validation.as_ref(), Some(&whole.train.slice(200..300)));
    assert_eq!(
        data.validation.unwrap().factors.unwrap().factors(3),
        whole.train.factors.as_ref().unwrap().factors(203)
    );
    // Other images have another hash, and the hash does not change between loads.
    assert_eq!(
        hash(&whole).unwrap(),
        hash(&load(&sprites(300, 0), &place).unwrap()).unwrap()
    );
    assert_ne!(
        hash(&whole).unwrap(),
        hash(&load(&sprites(299, 0), &place).unwrap()).unwrap()
    );
    assert_eq!(
        hash(&Sprites::default().draw()).unwrap(),
        "md5:d7e87e6b8fd904cf75ca435998dce64d"
    );
    let caveat = vae::model::Likelihood::default()
        .kind()
        .caveat(Sprites::default().pixels().is_binary());
    assert_eq!(
        caveat, None,
        "a Bernoulli likelihood of black and white is one"
    );
}
