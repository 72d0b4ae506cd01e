//! The drawn digits, held to numbers.

use rayon::prelude::*;

use super::*;

/// Returns labels as bytes.
fn bytes(labels: &[u32]) -> Vec<u8> {
    labels.iter().map(|&label| label as u8).collect()
}

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
        fnv(&bytes(data.train.labels.as_ref().unwrap())),
        0x3870_48b3_30c9_4d21
    );
    assert_eq!(
        fnv(&data.train.slice(0..1_000).to_bytes().unwrap()),
        0xe8ff_f417_18c5_02a5
    );
    assert_eq!(fnv(&data.test.to_bytes().unwrap()), 0x31c3_870c_6dce_468a);
}

#[test]
fn another_seed_or_split_or_index_is_another_image() {
    let one = digit(1, Half::Train, 0);
    assert_ne!(one.pixels, digit(2, Half::Train, 0).pixels);
    assert_ne!(one.pixels, digit(1, Half::Test, 0).pixels);
    assert_ne!(one.pixels, digit(1, Half::Train, 1).pixels);
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
        let digit = digit(4, Half::Test, index);
        assert_eq!(digit.pixels, *data.test.image(index as usize).unwrap());
        assert_eq!(
            u32::from(digit.label),
            data.test.labels.as_ref().unwrap()[index as usize]
        );
        assert_eq!(digit.label, label(4, Half::Test, index));
        assert_eq!(digit.factors, factors(4, Half::Test, index));
    }
    assert_eq!(data.train.shape, [1, SIDE, SIDE]);
    assert_eq!((data.classes.len(), data.classes[9].as_str()), (10, "9"));
}

#[test]
fn the_factors_that_are_kept_are_the_class_and_the_handwriting_in_steps() {
    let data = few(4);
    let known = data.train.factors.as_ref().unwrap();
    assert_eq!(known.names, FACTORS);
    assert_eq!(known.sizes, LEVELS);
    let mut seen = [[0; 10]; 8];
    for index in 0..data.train.len() {
        let kept = known.factors(index);
        assert_eq!(
            u32::from(kept[0]),
            data.train.labels.as_ref().unwrap()[index]
        );
        let exact = factors(4, Half::Train, index as u64);
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
        let style = factors(1, Half::Train, index).style;
        seen[usize::from(label(1, Half::Train, index))][style as usize] += 1;
    }
    for (class, styles) in seen.iter().enumerate() {
        assert_eq!(styles.iter().sum::<i32>(), 500, "class {class}");
        assert!(
            styles.iter().all(|&count| count > 20),
            "class {class}: {styles:?}"
        );
    }
}

/// Looks at the values and at their distances from the mean, which a shared random word would tie together.
#[test]
fn factors_do_not_depend_on_each_other() {
    let count = 20_000;
    let rows: Vec<[f32; 8]> = (0..count)
        .map(|index| factors(1, Half::Train, index).values())
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
            let names = [a, b].map(|column| Handwriting::NAMES[column / 2]);
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
    let all = mean(&data.to_bytes().unwrap());
    assert!((0.11..0.15).contains(&all), "mean {all}");
    let mut touching = 0;
    for index in 0..data.len() {
        let image = &data.image(index).unwrap()[..];
        let ink = mean(image);
        assert!((0.03..0.3).contains(&ink), "image {index}: mean {ink}");
        assert!(image.iter().max() > Some(&200), "image {index} is faint");
        let drawn = factors(1, Half::Train, index as u64);
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
fn accuracy(test: &Split, candidates: &[(u32, Vec<f32>)]) -> f32 {
    let right = test
        .labels
        .as_ref()
        .unwrap()
        .par_iter()
        .enumerate()
        .filter(|&(index, &label)| {
            let near = candidates
                .iter()
                .map(|(class, image)| (distance(&test.image(index).unwrap(), image), class));
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
    let all: Vec<(u32, Vec<f32>)> = (0..data.train.len())
        .map(|index| {
            (
                labels[index],
                data.train
                    .image(index)
                    .unwrap()
                    .iter()
                    .map(|&b| f32::from(b))
                    .collect(),
            )
        })
        .collect();
    let mut means: Vec<(u32, Vec<f32>)> = (0..10).map(|class| (class, vec![0.0; VALUES])).collect();
    for (class, image) in &all {
        let mean = &mut means[*class as usize].1;
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
