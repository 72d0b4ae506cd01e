//! Tests that a data set is found under every name and in every folder that other programs keep it in, and read from
//! Keras' one file.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use proptest::prelude::*;
use tempfile::TempDir;
use vae::data::idx_dataset::{self, SetFiles};
use vae::data::{DataPaths, FASHION_MNIST, IdxDataset, MNIST, NamedFolder, npz};

use crate::program::{rendered, write_idx};

const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// Returns the places with `folder` named by `--data`.
fn named(folder: &Path) -> DataPaths {
    DataPaths {
        named: Some(NamedFolder::by_flag(folder)),
        local: PathBuf::new(),
        cache: PathBuf::new(),
        download: false,
        keeps_images: true,
        mirror: None,
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn found(folder: &Path, set: &IdxDataset) -> PathBuf {
    let files = idx_dataset::find(&named(folder), set).unwrap();
    files.first().to_owned()
}

#[test]
fn files_are_found_under_every_common_name() {
    let root = TempDir::new().unwrap();
    write_idx(&root.path().join("plain"), 1);
    let expected = idx_dataset::load(&named(&root.path().join("plain")), &MNIST).unwrap();
    let rename: [fn(&str) -> String; 7] = [
        |name| name.replace("-idx", ".idx"),
        |name| format!("{name}.gz"),
        |name| format!("{name}.GZ"),
        |name| format!("{name}.bin"),
        |name| format!("{}.bin.gz", name.replace("-idx", ".idx")),
        |name| name.to_uppercase(),
        |name| format!("{}.bin", name.split("-idx").next().unwrap()),
    ];
    for (number, rename) in rename.into_iter().enumerate() {
        let folder = root.path().join(number.to_string());
        fs::create_dir(&folder).unwrap();
        for name in NAMES {
            let bytes = fs::read(root.path().join("plain").join(name)).unwrap();
            let name = rename(name);
            let is_zipped = name.to_lowercase().ends_with(".gz");
            let bytes = if is_zipped { gzip(&bytes) } else { bytes };
            fs::write(folder.join(name), bytes).unwrap();
        }
        let data = idx_dataset::load(&named(&folder), &MNIST).unwrap();
        assert!(
            data.train == expected.train && data.test == expected.test,
            "{number}"
        );
    }
}

#[test]
fn torchvision_keeps_each_set_in_a_folder_of_its_own() {
    let root = TempDir::new().unwrap();
    let [mnist, fashion] = ["MNIST", "FashionMNIST"].map(|name| root.path().join(name));
    for (folder, seed) in [(&mnist, 1), (&fashion, 2)] {
        write_idx(&folder.join("raw"), seed);
    }
    // The root, the set's folder and the folder of the files can be named.
    for folder in [root.path(), &mnist, &mnist.join("raw")] {
        assert_eq!(found(folder, &MNIST), mnist.join("raw").join(NAMES[0]));
    }
    for folder in [root.path(), &fashion, &fashion.join("raw")] {
        assert_eq!(
            found(folder, &FASHION_MNIST),
            fashion.join("raw").join(NAMES[0])
        );
    }
    let local = DataPaths {
        named: None,
        local: root.path().to_owned(),
        ..named(root.path())
    };
    let files = idx_dataset::find(&local, &FASHION_MNIST).unwrap();
    assert_eq!(files.first(), fashion.join("raw").join(NAMES[0]));
}

/// Returns an array in NumPy's format.
fn npy(kind: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let about = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (about.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], about.as_bytes(), values].concat()
}

/// Returns a zip archive, plain or deflated, with a comment at its end.
fn zip(members: &[(&str, Vec<u8>)], deflate: bool) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        let packed = if deflate {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        } else {
            bytes.clone()
        };
        let start = archive.len() as u32;
        let about = [
            &[20, 0, 0, 0, if deflate { 8 } else { 0 }, 0, 0, 0, 0, 0][..],
            &crc.sum().to_le_bytes(),
            &(packed.len() as u32).to_le_bytes(),
            &(bytes.len() as u32).to_le_bytes(),
            &(name.len() as u16).to_le_bytes(),
        ]
        .concat();
        // NumPy writes an extra field in front of the content, which the directory does not have.
        archive.extend(
            [
                b"PK\x03\x04",
                &about[..],
                &[4, 0],
                name.as_bytes(),
                &[1, 0, 0, 0],
                &packed,
            ]
            .concat(),
        );
        let rest = [&[0; 10][..], &start.to_le_bytes(), name.as_bytes()].concat();
        directory.extend([b"PK\x01\x02\x14\x00", &about[..], &[0, 0], &rest[..]].concat());
    }
    let (count, start) = (members.len() as u16, archive.len() as u32);
    let end = [
        b"PK\x05\x06\0\0\0\0",
        &count.to_le_bytes()[..],
        &count.to_le_bytes(),
        &(directory.len() as u32).to_le_bytes(),
        &start.to_le_bytes(),
        &[3, 0],
        b"end",
    ]
    .concat();
    [archive, directory, end].concat()
}

fn members() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("x_test.npy", npy("|u1", "(2, 2, 3)", &[9; 12])),
        (
            "x_train.npy",
            npy("|u1", "(3, 2, 3)", &(0..18).collect::<Vec<u8>>()),
        ),
        ("y_train.npy", npy("|u1", "(3,)", &[5, 7, 5])),
        ("y_test.npy", npy("|u1", "(2,)", &[7, 7])),
    ]
}

#[test]
fn the_one_file_of_keras_is_read() {
    let root = TempDir::new().unwrap();
    for deflate in [false, true] {
        fs::write(root.path().join("mnist.npz"), zip(&members(), deflate)).unwrap();
        let files = idx_dataset::find(&named(root.path()), &MNIST).unwrap();
        assert_eq!(files, SetFiles::Npz(root.path().join("mnist.npz")));
        let data = idx_dataset::load(&named(root.path()), &MNIST).unwrap();
        assert_eq!((data.train.shape, data.test.len()), ([1, 2, 3], 2));
        assert_eq!(data.train.to_bytes().unwrap(), (0..18).collect::<Vec<u8>>());
        assert_eq!(
            (data.classes, data.train.labels),
            (vec!["5".to_owned(), "7".to_owned()], Some(vec![0, 1, 0]))
        );
        assert_eq!(data.folder, Some(root.path().to_owned()));
    }
    // The four files are preferred, and another set's file is not taken.
    write_idx(root.path(), 1);
    assert_eq!(found(root.path(), &MNIST), root.path().join(NAMES[0]));
    NAMES
        .iter()
        .for_each(|name| fs::remove_file(root.path().join(name)).unwrap());
    assert!(idx_dataset::find(&named(root.path()), &FASHION_MNIST).is_err());
}

#[test]
fn arrays_that_are_not_what_they_should_be_are_named() {
    let root = TempDir::new().unwrap();
    let path = root.path().join("mnist.npz");
    let fails = |bytes: &[u8], expected: &str| {
        fs::write(&path, bytes).unwrap();
        let error = idx_dataset::load(&named(root.path()), &MNIST).unwrap_err();
        let message = rendered(&error, root.path());
        assert!(message.starts_with("error: DIR/mnist.npz"), "{message}");
        assert!(message.contains(expected), "{expected}: {message}");
    };
    let with = |name: &str, bytes: Vec<u8>| -> Vec<u8> {
        let changed = members().into_iter().map(|(other, own)| {
            let bytes = if other == name { bytes.clone() } else { own };
            (other, bytes)
        });
        zip(&changed.collect::<Vec<_>>(), true)
    };
    fails(b"<html>", "expected a zip archive");
    fails(
        &zip(&members()[..2], true),
        "has no y_train.npy; it holds x_test.npy, x_train.npy",
    );
    fails(
        &with("y_train.npy", npy("<i8", "(3,)", &[0; 24])),
        "y_train: expected an array of uint8, found the type \"<i8\"",
    );
    fails(
        &with("x_train.npy", npy("|u1", "(3, 6)", &[0; 18])),
        "x_train: expected images (N x height x width), found an array of \"3 x 6\"",
    );
    fails(
        &with("y_test.npy", npy("|u1", "(3,)", &[7; 3])),
        "expected 2 labels, one for each image in DIR/mnist.npz/x_test, found 3",
    );
    fails(
        &with("x_test.npy", npy("|u1", "(2, 3, 3)", &[0; 18])),
        "expected images of 2 x 3",
    );
    let whole = zip(&members(), false);
    fails(&whole[..whole.len() / 2], "the zip archive is damaged");
    let mut changed = whole;
    let at = changed
        .windows(5)
        .position(|bytes| bytes == [9; 5])
        .unwrap();
    changed[at] = 8;
    fails(
        &changed,
        "x_test.npy: the zip archive is damaged: its checksum is wrong",
    );
}

proptest! {
    #[test]
    fn no_damage_to_an_archive_makes_the_reader_panic(
        at in any::<prop::sample::Index>(), value in any::<u8>(), end in any::<prop::sample::Index>(), deflate: bool
    ) {
        let whole = zip(&members(), deflate);
        let mut changed = whole.clone();
        changed[at.index(whole.len())] = value;
        let _ = npz::parse(Path::new("x.npz"), changed.clone());
        let _ = npz::parse(Path::new("x.npz"), changed[..end.index(whole.len())].to_vec());
    }
}
