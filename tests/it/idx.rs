//! Tests the IDX reader and the search for the four files: what is read, and which errors are
//! reported.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tempfile::TempDir;
use vae::data::idx_dataset::{self, IdxFiles, SetFiles};
use vae::data::{DataPaths, FASHION_MNIST, MNIST, NamedFolder};
use vae::data::{Split, fetch, idx};

use crate::program::{names_tried, rendered};

const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

fn images_file(count: u32, height: u32, width: u32, pixels: &[u8]) -> Vec<u8> {
    [&idx::image_header(count, height, width), pixels].concat()
}

fn labels_file(labels: &[u8]) -> Vec<u8> {
    [
        &[0, 0, 8, 1],
        &(labels.len() as u32).to_be_bytes()[..],
        labels,
    ]
    .concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes three training images of 2 x 2 and two test images.
fn write_tiny(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(NAMES[0]), images_file(3, 2, 2, &[7; 12])).unwrap();
    fs::write(folder.join(NAMES[1]), labels_file(&[0, 9, 4])).unwrap();
    fs::write(folder.join(NAMES[2]), images_file(2, 2, 2, &[8; 8])).unwrap();
    fs::write(folder.join(NAMES[3]), labels_file(&[4, 0])).unwrap();
}

/// Returns paths that all lie below `root`.
fn place(root: &TempDir) -> DataPaths {
    let root = root.path();
    DataPaths {
        named: None,
        local: root.join("data"),
        cache: root.join("cache"),
        download: false,
        keeps_images: true,
        mirror: None,
    }
}

fn error_of_images(bytes: &[u8]) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("images");
    fs::write(&path, bytes).unwrap();
    rendered(&idx::images(&path).unwrap_err(), folder.path())
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (idx::parse_images(&bytes), idx::parse_labels(&bytes));
        let zipped = gzip(&bytes);
        let _ = (idx::parse_images(&zipped), idx::parse_labels(&zipped));
    }

    #[test]
    fn no_header_makes_the_reader_panic(
        sizes in prop::array::uniform3(prop_oneof![any::<u32>(), 0..4_u32]),
        body in prop::collection::vec(any::<u8>(), 0..70),
    ) {
        let [count, height, width] = sizes;
        let claimed: u128 = sizes.iter().map(|size| u128::from(*size)).product();
        let file = images_file(count, height, width, &body);
        for bytes in [&file, &gzip(&file)] {
            prop_assert_eq!(idx::parse_images(bytes).is_ok(), claimed > 0 && claimed == body.len() as u128);
        }
    }

    #[test]
    fn no_damage_makes_the_reader_panic(
        at in any::<prop::sample::Index>(), value in any::<u8>(), end in any::<prop::sample::Index>()
    ) {
        for bytes in [images_file(5, 3, 2, &[9; 30]), gzip(&images_file(5, 3, 2, &[9; 30]))] {
            let mut changed = bytes.clone();
            changed[at.index(bytes.len())] = value;
            let _ = idx::parse_images(&changed);
            prop_assert!(idx::parse_images(&bytes[..end.index(bytes.len())]).is_err());
        }
    }

    #[test]
    fn what_is_written_is_read(count in 1..20_u32, height in 1..9_u32, width in 1..9_u32, seed in any::<u64>()) {
        let values = (count * height * width) as usize;
        let pixels: Vec<u8> = (0..values as u64).map(|i| (seed.wrapping_mul(2 * i + 1) >> 40) as u8).collect();
        let expected = Split::in_memory(pixels.clone(), [1, height as usize, width as usize]);
        let file = images_file(count, height, width, &pixels);
        prop_assert_eq!(&idx::parse_images(&file).unwrap(), &expected);
        prop_assert_eq!(&idx::parse_images(&gzip(&file)).unwrap(), &expected);
        let file = labels_file(&pixels);
        prop_assert_eq!(&idx::parse_labels(&file).unwrap(), &pixels);
        prop_assert_eq!(&idx::parse_labels(&gzip(&file)).unwrap(), &pixels);
    }
}

#[test]
fn a_gzip_in_several_members_is_one_file() {
    let file = images_file(2, 1, 2, &[1, 2, 3, 4]);
    let members = [gzip(&file[..9]), gzip(&file[9..])].concat();
    assert_eq!(
        idx::parse_images(&members).unwrap().to_bytes().unwrap(),
        [1, 2, 3, 4]
    );
}

#[test]
fn bytes_are_read_into_the_vector_that_is_returned() {
    let file = labels_file(&[3; 78_400]);
    for bytes in [&file, &gzip(&file)] {
        assert_eq!(idx::parse_labels(bytes).unwrap().capacity(), 78_400);
    }
}

#[test]
fn another_kind_of_file_is_called_by_its_name() {
    let expected = "error: DIR/images: expected images (IDX, magic 0x00000803), found";
    for (bytes, looks) in [
        (labels_file(&[1, 2]), "labels (IDX, magic 0x00000801)"),
        (
            gzip(&labels_file(&[1, 2])),
            "labels (IDX, magic 0x00000801)",
        ),
        (
            b"<!DOCTYPE html>\n<html>sign in to the network</html>".to_vec(),
            "a web page (HTML or XML)",
        ),
        (
            gzip(&gzip(&images_file(1, 1, 1, &[1]))),
            "a gzip inside the gzip",
        ),
        (b"\x89PNG\r\n\x1a\n".to_vec(), "a PNG image"),
        (
            b"version https://git-lfs.github.com/spec/v1\n".to_vec(),
            "a Git LFS pointer in place of the file",
        ),
        (
            vec![0, 0, 0x0d, 3, 0, 0, 0, 1],
            "an IDX file of type 0x0d with 3 sizes",
        ),
        (b"hello world".to_vec(), "bytes that begin with 68 65 6c 6c"),
    ] {
        let message = error_of_images(&bytes);
        assert!(
            message.starts_with(&format!("{expected} {looks}\nhint: ")),
            "{message}"
        );
    }
    let swapped = error_of_images(&labels_file(&[1]));
    assert!(
        swapped.contains("hint: the files of images and of labels have each other's name"),
        "{swapped}"
    );
}

#[test]
fn what_is_cut_short_says_what_was_expected_and_found() {
    let file = images_file(3, 2, 2, &[7; 12]);
    let hint = "\nhint: the file was cut short or damaged on its way: get it again";
    for (bytes, message) in [
        (Vec::new(), "expected images, found an empty file"),
        (
            file[..3].to_vec(),
            "expected a header of 16 bytes, found 3 bytes",
        ),
        (
            file[..15].to_vec(),
            "expected a header of 16 bytes, found 15 bytes",
        ),
        (
            file[..20].to_vec(),
            "expected 3 images of 2 x 2, 12 bytes, found 4 bytes",
        ),
        (
            gzip(&file[..20]),
            "expected 3 images of 2 x 2, 12 bytes, found 4 bytes after unpacking",
        ),
        (
            images_file(u32::MAX, 1, 1, &[0; 4]),
            "expected 4294967295 images of 1 x 1, 4294967295 bytes, found 4 bytes",
        ),
        (
            gzip(&images_file(u32::MAX, 28, 28, &[0; 4])),
            "expected 4294967295 images of 28 x 28, 3367254359280 bytes, found 4 bytes after unpacking",
        ),
        (
            images_file(u32::MAX, u32::MAX, 2, &[0; 4]),
            "its header claims 4294967295 images of 4294967295 x 2, more than any file can hold",
        ),
    ] {
        assert_eq!(
            error_of_images(&bytes),
            format!("error: DIR/images: {message}{hint}")
        );
    }
}

#[test]
fn what_is_too_long_or_empty_is_refused() {
    for bytes in [
        images_file(1, 2, 2, &[7; 9]),
        gzip(&images_file(1, 2, 2, &[7; 9])),
    ] {
        let message = error_of_images(&bytes);
        assert!(
            message.contains(
                "expected 1 image of 2 x 2, 4 bytes and then nothing, found more after byte 20"
            ),
            "{message}"
        );
    }
    assert!(
        error_of_images(&images_file(0, 28, 28, &[]))
            .contains("holds no images: its header says 0")
    );
    let thin = error_of_images(&images_file(4, 28, 0, &[]));
    assert!(
        thin.contains("holds 4 images of 28 x 0: nothing can be learned from these"),
        "{thin}"
    );
}

#[test]
fn a_corrupt_gzip_is_told_from_a_short_one() {
    let pixels: Vec<u8> = (0..40_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let good = gzip(&images_file(100, 20, 20, &pixels));
    let short = error_of_images(&good[..good.len() / 2]);
    assert!(
        short.contains("the gzip ends early: expected 100 images of 20 x 20, 40000 bytes, found "),
        "{short}"
    );
    let mut bad_sum = good.clone();
    let crc = good.len() - 8;
    bad_sum[crc] ^= 1;
    assert!(
        error_of_images(&bad_sum)
            .contains("the gzip's checksum is wrong: after 100 images of 20 x 20, 40000 bytes")
    );
    let tail = error_of_images(&[&good[..], b"more"].concat());
    assert!(
        tail.contains("other bytes follow the end of the gzip data: after "),
        "{tail}"
    );
}

#[test]
fn a_bomb_is_not_unpacked_to_its_end() {
    // The header asks for one byte and 64 MB of zeros follow: at most one byte more is read.
    let bomb = gzip(&images_file(1, 1, 1, &vec![0; 64 << 20]));
    assert!(bomb.len() < 1 << 20);
    let fault = idx::parse_images(&bomb).unwrap_err();
    assert!(
        fault
            .to_string()
            .contains("found more after byte 17 after unpacking"),
        "{fault}"
    );
}

#[test]
fn a_file_that_is_not_there_or_a_folder_is_named() {
    let folder = TempDir::new().unwrap();
    let error = idx::labels(&folder.path().join("none")).unwrap_err();
    assert!(error.to_string().ends_with("none: no such file"), "{error}");
    assert_eq!(idx::images(folder.path()).unwrap_err().code(), 2);
}

#[test]
fn files_of_any_size_are_a_data_set() {
    let root = TempDir::new().unwrap();
    write_tiny(&root.path().join("data/mnist"));
    let data = idx_dataset::load(&place(&root), &MNIST).unwrap();
    assert_eq!(
        (data.name.as_str(), data.train.len(), data.test.len()),
        ("mnist", 3, 2)
    );
    assert_eq!(data.train.shape, [1, 2, 2]);
    assert_eq!(data.train.labels, Some(vec![0, 2, 1]));
    assert_eq!(data.test.to_bytes().unwrap(), [8; 8]);
    assert_eq!(data.classes, ["0", "4", "9"]);
    assert!(data.validation.is_none());
}

#[test]
fn files_that_disagree_are_named() {
    let root = TempDir::new().unwrap();
    let folder = root.path().join("data/mnist");
    write_tiny(&folder);
    fs::write(folder.join(NAMES[1]), labels_file(&[0, 1])).unwrap();
    assert_eq!(
        rendered(
            &idx_dataset::load(&place(&root), &MNIST).unwrap_err(),
            &folder
        ),
        "error: DIR/train-labels-idx1-ubyte: expected 3 labels, one for each image in DIR/train-images-idx3-ubyte, \
         found 2\nhint: images and labels have to come from one data set"
    );
    write_tiny(&folder);
    fs::write(folder.join(NAMES[2]), images_file(2, 2, 3, &[8; 12])).unwrap();
    assert_eq!(
        rendered(
            &idx_dataset::load(&place(&root), &MNIST).unwrap_err(),
            &folder
        ),
        "error: DIR/t10k-images-idx3-ubyte: expected images of 2 x 2, as in DIR/train-images-idx3-ubyte, \
         found 2 x 3\nhint: images and labels have to come from one data set"
    );
}

#[test]
fn what_is_nowhere_is_reported_with_every_name_and_place() {
    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join("data")).unwrap();
    fs::create_dir_all(root.path().join("cache/mnist")).unwrap();
    fs::write(root.path().join("cache/mnist").join(NAMES[2]), []).unwrap();
    assert_eq!(
        rendered(
            &idx_dataset::find(&place(&root), &MNIST).unwrap_err(),
            root.path()
        ),
        "error: MNIST was not found; looked in\
         \n  DIR/data/mnist: no such folder\
         \n  DIR/data/MNIST/raw: no such folder\
         \n  DIR/data: none of them\
         \n  DIR/cache/mnist: lacks train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-labels-idx1-ubyte\
         TRIED\nand downloading is disabled\
         \nhint: put the four files in data/mnist/, or pass --data DIR or set VAE_DATA, or run once where there is a network"
        .replace("TRIED", &names_tried("mnist.npz"))
    );
}

#[test]
fn a_folder_that_a_person_names_has_to_hold_the_files() {
    let root = TempDir::new().unwrap();
    write_tiny(&root.path().join("data"));
    let named = root.path().join("empty");
    fs::create_dir(&named).unwrap();
    // Neither the files in data/ nor a download replace the named folder.
    let place = DataPaths {
        named: Some(NamedFolder::by_flag(&named)),
        download: true,
        ..place(&root)
    };
    assert_eq!(
        rendered(&idx_dataset::find(&place, &MNIST).unwrap_err(), &named),
        "error: DIR: MNIST is not in this folder, which --data names; looked in\
         \n  DIR/mnist: no such folder\n  DIR/MNIST/raw: no such folder\
         \n  DIR/raw: no such folder\n  DIR: none of themTRIED\nhint: `--data` takes the folder that holds the four files"
        .replace("TRIED", &names_tried("mnist.npz"))
    );
    let place = DataPaths {
        named: Some(NamedFolder::by_flag(root.path().join("none"))),
        ..place
    };
    assert!(
        idx_dataset::find(&place, &MNIST)
            .unwrap_err()
            .to_string()
            .ends_with("none: no such folder; --data names it")
    );
    let place = DataPaths {
        named: Some(NamedFolder::by_flag(
            root.path().join("data").join(NAMES[0]),
        )),
        ..place
    };
    assert!(
        idx_dataset::find(&place, &MNIST)
            .unwrap_err()
            .to_string()
            .contains("expected a folder, found a file")
    );
}

#[test]
fn places_are_tried_in_order() {
    let root = TempDir::new().unwrap();
    let at = |folder: &str| root.path().join(folder);
    let mut place = place(&root);
    let found = |place: &DataPaths| {
        idx_dataset::find(place, &MNIST)
            .unwrap()
            .first()
            .parent()
            .unwrap()
            .to_owned()
    };
    for (folder, names_it) in [
        ("cache/mnist", 0),
        ("data", 0),
        ("data/mnist", 0),
        ("env", 1),
        ("env/mnist", 1),
        ("arg", 2),
    ] {
        write_tiny(&at(folder));
        match names_it {
            1 => place.named = Some(NamedFolder::by_environment(at("env"))),
            2 => place.named = Some(NamedFolder::by_flag(at("arg"))),
            _ => {}
        }
        assert_eq!(found(&place), at(folder));
    }
}

#[test]
fn all_four_come_from_one_folder_under_any_common_name() {
    let root = TempDir::new().unwrap();
    let (half, whole) = (
        root.path().join("data/mnist"),
        root.path().join("cache/mnist"),
    );
    write_tiny(&half);
    write_tiny(&whole);
    fs::remove_file(half.join(NAMES[3])).unwrap();
    let zipped = gzip(&fs::read(whole.join(NAMES[0])).unwrap());
    fs::remove_file(whole.join(NAMES[0])).unwrap();
    fs::write(whole.join("train-images.idx3-ubyte.gz"), zipped).unwrap();
    fs::rename(whole.join(NAMES[1]), whole.join("train-labels.idx1-ubyte")).unwrap();
    let files = idx_dataset::find(&place(&root), &MNIST).unwrap();
    let expected = IdxFiles {
        train_images: whole.join("train-images.idx3-ubyte.gz"),
        train_labels: whole.join("train-labels.idx1-ubyte"),
        test_images: whole.join(NAMES[2]),
        test_labels: whole.join(NAMES[3]),
    };
    assert_eq!(files, SetFiles::Idx(expected));
    assert_eq!(
        idx_dataset::load(&place(&root), &MNIST)
            .unwrap()
            .train
            .to_bytes()
            .unwrap(),
        [7; 12]
    );
}

#[test]
fn a_set_is_not_taken_for_another_of_the_same_names() {
    let root = TempDir::new().unwrap();
    write_tiny(&root.path().join("data"));
    write_tiny(&root.path().join("data/mnist"));
    // Files directly in data/ belong to MNIST.
    assert!(idx_dataset::find(&place(&root), &FASHION_MNIST).is_err());
    for (asked, held) in [(&MNIST, &FASHION_MNIST), (&FASHION_MNIST, &MNIST)] {
        let folder = root.path().join(held.name);
        write_tiny(&folder);
        let mut labels = vec![0; 60_000];
        labels[..20].copy_from_slice(&held.first_labels);
        fs::write(folder.join(NAMES[1]), labels_file(&labels)).unwrap();
        let place = DataPaths {
            named: Some(NamedFolder::by_flag(folder)),
            ..place(&root)
        };
        let message = idx_dataset::load(&place, asked).unwrap_err().to_string();
        assert!(
            message.contains(&format!("holds {}, not {}\n", held.title, asked.title)),
            "{message}"
        );
        assert!(idx_dataset::find(&place, held).is_ok());
    }
}

/// Returns the four real files if `VAE_DATA` names their folder.
fn real() -> Option<(DataPaths, IdxFiles)> {
    let Some(folder) = std::env::var_os("VAE_DATA").filter(|value| !value.is_empty()) else {
        eprintln!("skipped: set VAE_DATA to the folder of the real MNIST");
        return None;
    };
    let nowhere = PathBuf::new();
    let place = DataPaths {
        named: Some(NamedFolder::by_flag(folder)),
        local: nowhere.clone(),
        cache: nowhere,
        download: false,
        keeps_images: true,
        mirror: None,
    };
    let files = idx_dataset::find(&place, &MNIST).unwrap();
    let SetFiles::Idx(files) = files else {
        panic!("VAE_DATA names the folder of the four files");
    };
    Some((place, files))
}

fn unpacked(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes;
    }
    let mut plain = Vec::new();
    MultiGzDecoder::new(&bytes[..])
        .read_to_end(&mut plain)
        .unwrap();
    plain
}

/// Writes plain copies of the real files, and checks each against its published checksum.
fn plain_copies(files: &IdxFiles, folder: &Path) {
    let paths = [
        &files.train_images,
        &files.train_labels,
        &files.test_images,
        &files.test_labels,
    ];
    for (published, path) in MNIST.files.iter().zip(paths) {
        let plain = unpacked(path);
        assert_eq!(
            Some(fetch::md5_hex(&[&plain]).as_str()),
            published.plain_md5,
            "{}",
            path.display()
        );
        fs::write(folder.join(published.name), plain).unwrap();
    }
}

fn classes(labels: &[u8]) -> Vec<u32> {
    labels.iter().map(|&label| label.into()).collect()
}

#[test]
fn the_real_files_are_read_as_the_mnist_crate_reads_them() {
    let Some((place, files)) = real() else { return };
    let copies = TempDir::new().unwrap();
    plain_copies(&files, copies.path());
    let peer = ::mnist::MnistBuilder::new()
        .base_path(copies.path().to_str().unwrap())
        .training_set_length(60_000)
        .validation_set_length(0)
        .test_set_length(10_000)
        .finalize();
    for place in [
        DataPaths {
            named: Some(NamedFolder::by_flag(copies.path().to_owned())),
            ..place.clone()
        },
        place,
    ] {
        let ours = idx_dataset::load(&place, &MNIST).unwrap();
        assert_eq!(
            (ours.train.shape, ours.test.shape),
            ([1, 28, 28], [1, 28, 28])
        );
        assert_eq!((ours.train.len(), ours.test.len()), (60_000, 10_000));
        assert!(
            ours.train.labels == Some(classes(&peer.trn_lbl))
                && ours.test.labels == Some(classes(&peer.tst_lbl))
        );
        assert!(
            ours.train.to_bytes().unwrap() == peer.trn_img
                && ours.test.to_bytes().unwrap() == peer.tst_img
        );
    }
}

#[test]
fn the_real_images_are_not_taken_for_fashion() {
    let Some((place, files)) = real() else { return };
    let asked = idx_dataset::load(&place, &FASHION_MNIST)
        .unwrap_err()
        .to_string();
    assert!(asked.contains("holds MNIST, not Fashion-MNIST"), "{asked}");
    // The set is recognised even if its labels are replaced.
    let root = TempDir::new().unwrap();
    plain_copies(&files, root.path());
    fs::write(root.path().join(NAMES[1]), labels_file(&[0; 60_000])).unwrap();
    let place = DataPaths {
        named: Some(NamedFolder::by_flag(root.path().to_owned())),
        ..place
    };
    let message = idx_dataset::load(&place, &FASHION_MNIST)
        .unwrap_err()
        .to_string();
    assert!(
        message.ends_with("expected Fashion-MNIST, found the images of MNIST"),
        "{message}"
    );
}
