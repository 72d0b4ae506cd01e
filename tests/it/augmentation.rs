//! Tests of the table `[augment]`: training images are changed, and nothing else is.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use proptest::prelude::*;
use tempfile::TempDir;
use vae::config::{Config, find_preset, set_all};
use vae::data::{Example, Split};
use vae::loader::{AugmentConfig, Augmentation};
use vae::rng::Rng;
use vae::train::Training;

use crate::models::{digits, numbers, plain_device};
use crate::program::{files, run, timeless};
use crate::stops::train_with_kills;

const AUGMENT: [&str; 5] = [
    "augment.flip=true",
    "augment.shift=2",
    "augment.crop=0.9",
    "augment.rotation=10",
    "augment.brightness=0.1",
];

fn config(overrides: &[&str]) -> Config {
    let smoke = find_preset("smoke").unwrap().config().unwrap();
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    set_all(&smoke, &overrides).unwrap()
}

/// Returns the values of the training images `ids` at a step.
fn batch(config: &Config, images: &Split, ids: &[u32], step: u64, device: &Device) -> Vec<f64> {
    let training = Training::new(config, dataset(images), device).unwrap();
    let loader = config.train_loader(training.vae(), images.len());
    numbers(loader.at_step(step).batch(images, ids).unwrap().x)
}

fn dataset(images: &Split) -> vae::data::Dataset {
    vae::data::Dataset {
        name: "digits".into(),
        folder: None,
        classes: (0..10).map(|class| class.to_string()).collect(),
        train: images.clone(),
        validation: None,
        calibration: None,
        test: images.clone(),
    }
}

#[test]
fn an_image_changes_with_the_epoch_and_not_with_its_place_in_a_batch() {
    let (images, device) = (digits(64), plain_device());
    let config = config(&AUGMENT);
    let steps = config.train.steps_per_epoch(64) as u64;
    assert_eq!(steps, 1, "the batches of this test are epochs");
    let ids: Vec<u32> = (0..64).collect();
    let all = batch(&config, &images, &ids, 3, &device);
    assert_eq!(
        batch(&config, &images, &[7], 3, &device),
        all[7 * 784..][..784]
    );
    assert_eq!(
        batch(&config, &images, &[63, 7], 3, &device)[784..],
        all[7 * 784..][..784]
    );
    assert_ne!(
        batch(&config, &images, &[7], 4, &device),
        all[7 * 784..][..784]
    );
    // Every value is still a byte.
    assert!(
        all.iter()
            .all(|value| (value * 255.0 - (value * 255.0).round()).abs() < 1e-4)
    );
}

#[test]
fn binary_pixels_stay_binary_and_are_drawn_from_the_changed_image() {
    let (images, device) = (digits(64), plain_device());
    for pixels in ["threshold", "dynamic"] {
        let pixels = format!("data.digits.pixels={pixels}");
        let moved = config(&[&pixels, "augment.shift=5"]);
        let still = config(&[&pixels]);
        let ids: Vec<u32> = (0..64).collect();
        let [moved, still] = [moved, still].map(|c| batch(&c, &images, &ids, 0, &device));
        assert!(moved.iter().all(|value| [0.0, 1.0].contains(value)));
        assert_ne!(moved, still);
        let sum = |values: &[f64]| values.iter().sum::<f64>();
        // Digits have a black edge, so that hardly any ink is lost.
        assert!((sum(&moved) / sum(&still) - 1.0).abs() < 0.05);
    }
}

#[test]
fn measurements_read_every_image_as_it_is() {
    let images = digits(20);
    let training = Training::new(&config(&AUGMENT), dataset(&images), &plain_device()).unwrap();
    let plain = config(&[]);
    let ids: Vec<u32> = (0..20).collect();
    for loader in [
        config(&AUGMENT).protocol().loader(training.vae()),
        config(&AUGMENT).protocol().clean_loader(training.vae()),
    ] {
        let due = plain.protocol().loader(training.vae());
        assert_eq!(
            numbers(loader.batch(&images, &ids).unwrap().x),
            numbers(due.batch(&images, &ids).unwrap().x)
        );
    }
}

#[test]
fn floats_change_as_bytes_do_but_are_not_rounded() {
    let shape = [1, 28, 28];
    let augmentation = config(&AUGMENT).augmentation(100).unwrap().at_epoch(2);
    let bytes = digits(1).image(0).unwrap().into_owned();
    let floats: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
    let changed = [Example::Bytes(bytes.into()), Example::Floats(floats.into())]
        .map(|image| augmentation.apply(&image, shape, 5).values());
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 0.501 / 255.0;
    assert!(changed[0].iter().zip(&changed[1]).all(near));
    assert_ne!(changed[0], changed[1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// An image of one level stays one, whatever its size, because a point beyond the edge has the level of the edge.
    #[test]
    fn moves_make_no_level_that_was_not_there(
        (channels, height, width) in (1_usize..4, 2_usize..20, 2_usize..20),
        level in 0_u8..=255,
        (shift, crop, rotation) in (0_usize..5, 0.1..1.0, 0.0..180.0),
        id in 0_u32..1000,
    ) {
        let augmentation = Augmentation {
            config: AugmentConfig { flip: true, shift, crop, rotation, brightness: 0.0 },
            rng: Rng::new(3).stream("augment"),
            steps_per_epoch: 1,
        };
        let image = vec![level; channels * height * width];
        let changed = augmentation.apply(
            &Example::Bytes(image.clone().into()),
            [channels, height, width],
            id,
        );
        prop_assert_eq!(changed, Example::Bytes(image.into()));
    }
}

const TRAIN: [&str; 17] = [
    "train",
    "-q",
    "--config",
    "smoke",
    "--name",
    "mine",
    "--epochs",
    "4",
    "--set",
    "data.digits.train=500",
    "--set",
    "data.digits.test=60",
    "--set",
    "train.batch=50",
    "--set",
    "train.save_every=0",
    "--threads=2",
];

fn with_augmentation(arguments: &[&'static str]) -> Vec<&'static str> {
    let sets = AUGMENT.iter().flat_map(|set| ["--set", set]);
    arguments.iter().copied().chain(sets).collect()
}

fn model(place: &Path) -> Vec<u8> {
    fs::read(place.join("runs/mine/model.safetensors")).unwrap()
}

#[test]
fn kills_and_threads_change_no_byte_of_an_augmented_training() {
    let whole = TempDir::new().unwrap();
    let train = with_augmentation(&TRAIN);
    run(whole.path(), &train).line();
    let killed = TempDir::new().unwrap();
    train_with_kills(killed.path(), &train);
    assert!(model(whole.path()) == model(killed.path()));
    let [whole_run, killed_run] = [&whole, &killed].map(|place| place.path().join("runs/mine"));
    assert_eq!(timeless(&whole_run), timeless(&killed_run));
    assert_eq!(files(&whole_run), files(&killed_run));

    let alone = TempDir::new().unwrap();
    let one = train.iter().map(|&word| {
        if word == "--threads=2" {
            "--threads=1"
        } else {
            word
        }
    });
    run(alone.path(), &one.collect::<Vec<_>>()).line();
    assert!(model(whole.path()) == model(alone.path()));

    let plain = TempDir::new().unwrap();
    run(plain.path(), &TRAIN).line();
    assert!(model(whole.path()) != model(plain.path()));
}

#[test]
fn a_config_without_augmentation_is_written_as_before_there_was_such_a_table() {
    let place = TempDir::new().unwrap();
    for off in [
        &[][..],
        &["--set", "augment.flip=false", "--set", "augment.crop=1"],
    ] {
        let done = run(place.path(), &[&["config", "smoke"], off].concat());
        assert!(
            done.code == Some(0) && !done.out.contains("augment"),
            "{}",
            done.out
        );
    }
    let done = run(
        place.path(),
        &["config", "smoke", "--set", "augment.shift=2"],
    );
    assert!(
        done.out.contains(
            "[augment]\nflip = false\nshift = 2\ncrop = 1.0\nrotation = 0.0\nbrightness = 0.0\n"
        ),
        "{}",
        done.out
    );
}

#[test]
fn wrong_changes_are_errors_that_name_the_key() {
    let place = TempDir::new().unwrap();
    for (set, parts) in [
        (
            "augment.mirror=true",
            "unknown field `mirror`, expected one of `flip`, `shift`, `crop`, `rotation`, `brightness`",
        ),
        (
            "augment.crop=1.2",
            "augment.crop is 1.2; expected a number from 0.1 to 1",
        ),
        (
            "augment.rotation=-5",
            "augment.rotation is -5; expected a number from 0 to 180",
        ),
        (
            "augment.brightness=2",
            "augment.brightness is 2; expected a number from 0 to 1",
        ),
        ("augment.shift=-1", "--set augment.shift=-1: "),
        (
            "augment.shift=28",
            "augment.shift is 28; expected less than 28, the shorter side of the images",
        ),
    ] {
        run(place.path(), &["train", "--config", "smoke", "--set", set]).failed(2, &[parts]);
        assert!(!place.path().join("runs").exists(), "nothing is begun");
    }
}

#[test]
fn vectors_cannot_be_moved_and_can_be_made_brighter() {
    let vectors = |set: &[&str]| {
        let row = Split::in_memory(vec![9; 50 * 784], [1, 1, 784]);
        let labelled = row.with_labels(vec![0; 50]);
        Training::new(&config(set), dataset(&labelled), &plain_device())
    };
    let error = vectors(&["augment.flip=true"]).unwrap_err();
    assert_eq!(error.code(), 2);
    assert!(
        error
            .to_string()
            .contains("the examples are vectors of 784 values")
    );
    assert!(vectors(&["augment.brightness=0.2"]).is_ok());
}

#[test]
fn a_run_keeps_its_augmentation() {
    let place = TempDir::new().unwrap();
    run(place.path(), &with_augmentation(&TRAIN)).line();
    let resume = [
        "train",
        "--resume",
        "mine",
        "--epochs",
        "5",
        "--set",
        "augment.shift=1",
    ];
    run(place.path(), &resume).failed(
        2,
        &["`augment.shift` is 1, and this run was trained with 2"],
    );
}

#[test]
fn a_sheet_shows_images_beside_their_changes() {
    let place = TempDir::new().unwrap();
    fs::create_dir(place.path().join("mine")).unwrap();
    for i in 0..30_u8 {
        let image = image::GrayImage::from_fn(16, 16, |x, y| {
            image::Luma([(x * 9 + y * u32::from(i) % 90) as u8])
        });
        image
            .save(place.path().join(format!("mine/{i}.png")))
            .unwrap();
    }
    let sheet = |name: &str, set: &[&str]| {
        let done = run(
            place.path(),
            &[&["data", "mine", "--sheet", name], set].concat(),
        );
        assert_eq!(done.code, Some(0), "{}", done.err);
        image::open(place.path().join(name)).unwrap()
    };
    let plain = sheet("plain.png", &[]);
    let augmented = sheet("augmented.png", &["--set", "augment.shift=3"]);
    assert_ne!(
        (plain.width(), plain.height()),
        (augmented.width(), augmented.height())
    );
    run(place.path(), &["data", "mine", "--set", "augment.shift=16"])
        .failed(2, &["augment.shift is 16; expected less than 16"]);
}
