//! Tests the loader's promises with a source of data that exists in this file only.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use burn::module::Module;
use tempfile::TempDir;
use vae::config::{Config, find_preset, set};
use vae::data::{Dataset, Example, ExampleShape, Examples, Split};
use vae::error::{Error, Result};
use vae::eval::measure;
use vae::loader::Loader;
use vae::run::{Record, RunFolder};
use vae::train::{EpochReport, Observer, Training};

use crate::models::{numbers, plain_device};

/// Images with one white stripe, as if from a folder.
#[derive(Clone, Debug)]
struct Stripes {
    count: usize,
    /// Whether the source says that reading waits for a disk.
    on_disk: bool,
    /// The image whose file is missing.
    gone: Option<usize>,
    floats: bool,
    /// The number of reads after which the whole folder is missing.
    reads_left: Option<Arc<AtomicUsize>>,
}

const STRIPES: Stripes = Stripes {
    count: 60,
    on_disk: false,
    gone: None,
    floats: false,
    reads_left: None,
};

impl Examples for Stripes {
    fn len(&self) -> usize {
        self.count
    }

    fn shape(&self) -> ExampleShape {
        ExampleShape::Image([1, 28, 28])
    }

    fn read(&self, index: usize) -> Result<Example<'_>> {
        let left = |left: &Arc<AtomicUsize>| left.fetch_sub(1, SeqCst);
        if self.gone == Some(index) || self.reads_left.as_ref().map(left) == Some(0) {
            let path = format!("stripes/{index}.png");
            return Err(Error::file(Path::new(&path), "no such file"));
        }
        let row = index * 7 % 28;
        let level = |pixel: usize| if pixel / 28 == row { 200 } else { 0 };
        let bytes = (0..784).map(level);
        Ok(if self.floats {
            Example::Floats(bytes.map(|byte| f32::from(byte) / 255.0).collect())
        } else {
            Example::Bytes(bytes.collect())
        })
    }

    fn may_block(&self) -> bool {
        self.on_disk
    }
}

/// Returns the preset `smoke` with binarised pixels.
fn config() -> Config {
    let mut config = find_preset("smoke").unwrap().config().unwrap();
    config = set(&config, "data.digits.pixels=dynamic").unwrap();
    config.train.batch = 16;
    config.train.epochs = 3;
    config
}

fn dataset(stripes: Stripes) -> Dataset {
    Dataset {
        name: "stripes".into(),
        folder: None,
        classes: Vec::new(),
        train: Split::new(stripes.clone()),
        validation: None,
        calibration: None,
        test: Split::new(stripes),
    }
}

struct Silent;

impl Observer for Silent {
    fn step(&mut self, _: &Training) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, _: &Training, _: &EpochReport) -> Result<()> {
        Ok(())
    }
}

/// Trains to the end. Returns the records, and the bytes of the model file.
fn trained(stripes: Stripes) -> Result<(Vec<Record>, Vec<u8>)> {
    trained_with(config(), stripes)
}

fn trained_with(config: Config, stripes: Stripes) -> Result<(Vec<Record>, Vec<u8>)> {
    let place = TempDir::new().unwrap();
    let folder = RunFolder {
        path: place.path().to_path_buf(),
    };
    let training = Training::new(&config, dataset(stripes), &plain_device())?;
    let trained = training.run(&folder, &mut Silent)?.unwrap();
    Ok((trained.history, fs::read(folder.model()).unwrap()))
}

#[test]
fn a_source_in_one_file_is_trained_on() {
    let (records, _) = trained(STRIPES).unwrap();
    let loss = |split: &str| {
        let of_split = records.iter().filter(|record| record.split == split);
        of_split
            .map(|record| record.loss.unwrap())
            .collect::<Vec<_>>()
    };
    for split in ["train", "test"] {
        let losses = loss(split);
        assert_eq!(losses.len(), 3);
        assert!(losses[2] < losses[0], "{split}: {losses:?}");
    }
}

#[test]
fn reading_ahead_changes_no_byte_of_the_weights() {
    let on_disk = Stripes {
        on_disk: true,
        ..STRIPES
    };
    let numbers = |records: &[Record]| -> Vec<_> {
        let of = |record: &Record| (record.loss, record.elbo, record.reconstruction);
        records.iter().map(of).collect()
    };
    let augmented = set(&config(), "augment.shift=3").unwrap();
    let augmented = set(&augmented, "augment.rotation=20").unwrap();
    for config in [config(), augmented] {
        let trained = |stripes: &Stripes| trained_with(config.clone(), stripes.clone()).unwrap();
        let [here, ahead] = [&STRIPES, &on_disk].map(trained);
        assert!(here.1 == ahead.1);
        assert_eq!(numbers(&here.0), numbers(&ahead.0));
    }
}

#[test]
fn an_image_that_cannot_be_read_ends_the_run_and_names_its_file() {
    for on_disk in [false, true] {
        let stripes = Stripes {
            on_disk,
            gone: Some(33),
            ..STRIPES
        };
        let named = |error: Error| error.render().contains("stripes/33.png: no such file");
        assert!(named(trained(stripes.clone()).unwrap_err()));
        let whole = Training::new(&config(), dataset(STRIPES), &plain_device()).unwrap();
        let (vae, dataset) = (whole.vae().valid(), dataset(stripes));
        let measured = measure(&vae, &dataset.test, config().protocol(), &mut |_| {});
        assert!(named(measured.unwrap_err()));
        assert!(named(vae::data::hash(&dataset).unwrap_err()));
    }
}

#[test]
fn an_image_that_is_lost_during_the_training_ends_it_and_the_state_is_saved() {
    for on_disk in [false, true] {
        let stripes = Stripes {
            on_disk,
            // The hash of both splits takes 2 * 60 reads first.
            reads_left: Some(Arc::new(AtomicUsize::new(2 * 60 + 40))),
            ..STRIPES
        };
        let place = TempDir::new().unwrap();
        let folder = RunFolder {
            path: place.path().to_path_buf(),
        };
        let training = Training::new(&config(), dataset(stripes), &plain_device()).unwrap();
        let error = training.run(&folder, &mut Silent).unwrap_err();
        assert!(error.render().contains(".png: no such file"), "{error}");
        assert!(folder.state().is_file());
    }
}

#[test]
fn reading_ahead_stops_when_nobody_wants_more() {
    let split = Split::new(Stripes {
        on_disk: true,
        count: 10_000,
        ..STRIPES
    });
    let loader = Loader::plain(&plain_device());
    let ids: Vec<u32> = (0..10_000).collect();
    let mut batches = loader.batches(&split, &ids, 10);
    let (first, batch) = batches.next().unwrap().unwrap();
    assert_eq!((first, batch.x.dims()), (&ids[..10], [10, 784]));
    drop(batches);
}

#[test]
fn floats_are_read_as_they_are() {
    let floats = Stripes {
        floats: true,
        ..STRIPES
    };
    let loader = Loader::plain(&plain_device());
    let [from_bytes, from_floats] = [STRIPES, floats].map(|stripes| {
        let split = Split::new(stripes);
        let x = loader.batch(&split, &[3, 0, 59]).unwrap().x;
        (numbers(x), split.mean().unwrap())
    });
    assert_eq!(from_bytes.0, from_floats.0);
    let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
    assert!(from_bytes.1.iter().zip(&from_floats.1).all(near));
}
