//! Tests Larochelle's binarised MNIST: its reader, the search for its three files, and what the
//! program reports about it.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;
use vae::config::{find_preset, set};
use vae::data::binarized_mnist::{self, COUNTS, FILES};
use vae::data::{BinarizedMnist, Data, DataKind, Pixels, Split, amat, hash, load};
use vae::data::{DataPaths, NamedFolder};
use vae::rng::Rng;

use crate::models::{digits, load_batch, numbers, plain_device};
use crate::program::{Done, metrics, rendered, run};

const VALUES: usize = 784;

/// Returns the published text format: numbers separated by blanks, with a blank before the end of
/// each line.
fn text(pixels: &[u8], values: usize) -> Vec<u8> {
    let line = |image: &[u8]| {
        image
            .iter()
            .map(|&byte| if byte > 127 { "1" } else { "0" })
            .collect::<Vec<_>>()
            .join(" ")
    };
    pixels
        .chunks(values)
        .map(|image| line(image) + "\n")
        .collect::<String>()
        .into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Returns digits in black and white.
fn images(count: usize) -> Vec<u8> {
    digits(count)
        .to_bytes()
        .unwrap()
        .into_iter()
        .map(|byte| if byte > 127 { 255 } else { 0 })
        .collect()
}

/// Writes three files of 5, 3 and 2 images.
fn write_tiny(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let all = images(10);
    for (name, range) in FILES.into_iter().zip([0..5, 5..8, 8..10]) {
        fs::write(
            folder.join(name),
            text(&all[range.start * VALUES..range.end * VALUES], VALUES),
        )
        .unwrap();
    }
}

/// Returns paths that all lie below `root`.
fn place(root: &TempDir) -> DataPaths {
    let [local, cache] = ["data", "cache"].map(|name| root.path().join(name));
    DataPaths {
        named: None,
        local,
        cache,
        download: true,
        keeps_images: true,
        mirror: None,
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0..5_usize, width in 0..4_usize
    ) {
        for bytes in [&bytes, &gzip(&bytes), &[&[0x1f, 0x8b], &bytes[..]].concat()] {
            let _ = amat::parse(bytes, count, [1, 2, width]);
        }
    }

    #[test]
    fn no_near_miss_makes_the_reader_panic(
        words in prop::collection::vec(prop::sample::select(vec!["0", "1", " ", "\n", "\t", "\r\n", "0 ", "1 ", "-"]), 0..60),
        count in 0..5_usize,
    ) {
        let text = words.concat();
        // Parses the same text independently.
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_ascii_whitespace().collect()).collect();
        let good = lines.len() == count
            && lines.iter().all(|line| line.len() == 4 && line.iter().all(|word| ["0", "1"].contains(word)));
        let found = amat::parse(text.as_bytes(), count, [1, 2, 2]);
        prop_assert_eq!(found.is_ok(), good, "{:?}", text);
        if let Ok(images) = found {
            let expected: Vec<u8> = lines.concat().iter().map(|word| if *word == "1" { 255 } else { 0 }).collect();
            prop_assert_eq!(images.to_bytes().unwrap(), expected);
        }
    }

    #[test]
    fn no_damage_makes_the_reader_panic(
        at in any::<prop::sample::Index>(), value in any::<u8>(), end in any::<prop::sample::Index>()
    ) {
        let bytes = gzip(&text(&images(2), VALUES));
        let mut changed = bytes.clone();
        changed[at.index(bytes.len())] = value;
        let _ = amat::parse(&changed, 2, [1, 28, 28]);
        prop_assert!(amat::parse(&bytes[..end.index(bytes.len())], 2, [1, 28, 28]).is_err());
    }

    /// Tries any blanks between the numbers, plain and gzipped.
    #[test]
    fn what_is_written_is_read(
        ones in prop::collection::vec(any::<bool>(), 30),
        blanks in prop::collection::vec(prop::sample::select(vec![" ", "  ", "\t", " \t "]), 30),
        (start, end) in prop::sample::select(vec![("", "\n"), ("", " \n"), ("  ", "\r\n"), (" ", " \r\n")]),
        last in any::<bool>(),
    ) {
        let mut text = String::new();
        for (row, blanks) in ones.chunks(6).zip(blanks.chunks(6)) {
            text += start;
            for (i, (one, blank)) in row.iter().zip(blanks).enumerate() {
                text += if i > 0 { *blank } else { "" };
                text += if *one { "1" } else { "0" };
            }
            text += end;
        }
        let text = if last { text.as_str() } else { text.trim_end() };
        let expected = Split::in_memory(ones.iter().map(|&one| if one { 255 } else { 0 }).collect(), [1, 2, 3]);
        prop_assert_eq!(&amat::parse(text.as_bytes(), 5, [1, 2, 3]).unwrap(), &expected);
        prop_assert_eq!(&amat::parse(&gzip(text.as_bytes()), 5, [1, 2, 3]).unwrap(), &expected);
    }
}

/// Returns the error for a file of two images of 1 x 3 that contains `bytes`.
fn error_of(bytes: &[u8]) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file.amat");
    fs::write(&path, bytes).unwrap();
    rendered(
        &amat::images(&path, 2, [1, 1, 3]).unwrap_err(),
        folder.path(),
    )
}

#[test]
fn a_fault_is_named_with_file_and_line() {
    let another = "hint: this is another kind of file: put the one that is meant in its place";
    let damaged = "hint: the file was cut short or damaged on its way: get it again";
    let lines = "hint: the file was cut short, or has the name of another one: get it again";
    let cases: [(&[u8], &str, &str); 12] = [
        (
            b"0 1 0\n0 2 0\n",
            "line 2: number 2 is \"2\"; expected 0 or 1",
            another,
        ),
        (
            b"0.5 1 0\n",
            "line 1: number 1 is \"0.5\"; expected 0 or 1",
            another,
        ),
        (
            b"0 1 0\n1 0 -1\n",
            "line 2: number 3 is \"-1\"; expected 0 or 1",
            another,
        ),
        (
            b"<!DOCTYPE html>",
            "line 1: number 1 is \"<!DOCTYPE\"; expected 0 or 1",
            another,
        ),
        (
            b"0 1 \xff\xfe0123456789abc\n",
            "line 1: number 3 is \"\u{fffd}\u{fffd}0123456789\"...; expected 0 or 1",
            another,
        ),
        (
            b"0 1 0\n0 1\n",
            "line 2: expected 3 numbers, found 2",
            damaged,
        ),
        (
            b"0 1 0 1\n0 1 0\n",
            "line 1: expected 3 numbers, found 4",
            damaged,
        ),
        (
            b"0 1 0\n\n1 0 1\n",
            "line 2: expected 3 numbers, found 0",
            damaged,
        ),
        (
            b"010\n",
            "line 1: number 1 is \"010\"; expected 0 or 1",
            another,
        ),
        (b"0 1 0\n", "expected 2 lines, one an image, found 1", lines),
        (b"", "expected 2 lines, one an image, found 0", lines),
        (
            b"0 1 0\n1 1 1\n0 0 0\n",
            "expected 2 lines, one an image, found more",
            lines,
        ),
    ];
    for (bytes, what, hint) in cases {
        let expected = format!("error: DIR/file.amat: {what}\n{hint}");
        assert_eq!(error_of(bytes), expected);
        if !bytes.is_empty() {
            assert_eq!(error_of(&gzip(bytes)), expected);
        }
    }
    // A huge file of blanks is not read to its end.
    assert!(
        error_of(&vec![b' '; 1 << 20])
            .contains("DIR/file.amat: line 1 does not end within 65536 bytes")
    );
    let mut bad_sum = gzip(b"0 1 0\n1 0 1\n");
    let short = error_of(&bad_sum[..bad_sum.len() - 4]);
    assert!(
        short.contains("DIR/file.amat: the gzip ends early: after line 2"),
        "{short}"
    );
    let crc = bad_sum.len() - 8;
    bad_sum[crc] ^= 1;
    assert!(
        error_of(&bad_sum).contains("DIR/file.amat: the gzip's checksum is wrong: after line 2")
    );
}

#[test]
fn the_three_files_are_a_data_set_with_its_own_validation() {
    let root = TempDir::new().unwrap();
    let folder = root.path().join("data/binarized-mnist");
    write_tiny(&folder);
    fs::write(
        folder.join(format!("{}.gz", FILES[1])),
        gzip(&fs::read(folder.join(FILES[1])).unwrap()),
    )
    .unwrap();
    fs::remove_file(folder.join(FILES[1])).unwrap();
    let read = || {
        binarized_mnist::read(&binarized_mnist::find(&place(&root)).unwrap(), [5, 3, 2]).unwrap()
    };
    let data = read();
    let all = images(10);
    assert_eq!(
        (data.name.as_str(), data.classes.len()),
        ("binarized-mnist", 0)
    );
    let first = hash(&data).unwrap();
    let splits = [data.train, data.validation.unwrap(), data.test];
    for (images, range) in splits.into_iter().zip([0..5, 5..8, 8..10]) {
        assert_eq!((images.shape, images.labels.is_none()), ([1, 28, 28], true));
        assert!(images.to_bytes().unwrap() == all[range.start * VALUES..range.end * VALUES]);
    }
    // The hash covers the images, including the validation images.
    assert_eq!(hash(&read()).unwrap(), first);
    fs::write(
        folder.join(format!("{}.gz", FILES[1])),
        gzip(&text(&all[..3 * VALUES], VALUES)),
    )
    .unwrap();
    assert_ne!(hash(&read()).unwrap(), first);

    // The program asks for the published counts.
    let message = load(&Data::BinarizedMnist(BinarizedMnist {}), &place(&root))
        .unwrap_err()
        .to_string();
    assert!(
        message
            .ends_with("binarized_mnist_train.amat: expected 50000 lines, one an image, found 5"),
        "{message}"
    );
    // The counts reveal a file that has the name of another.
    let swapped = binarized_mnist::read(&binarized_mnist::find(&place(&root)).unwrap(), [5, 3, 1])
        .unwrap_err();
    assert!(
        rendered(&swapped, &folder)
            .starts_with("error: DIR/binarized_mnist_test.amat: expected 1 lines")
    );
}

#[test]
fn places_are_tried_in_order_and_all_are_named() {
    let root = TempDir::new().unwrap();
    let at = |folder: &str| root.path().join(folder);
    let mut place = place(&root);
    fs::create_dir_all(at("cache/binarized-mnist")).unwrap();
    fs::write(at("cache/binarized-mnist").join(FILES[2]), []).unwrap();
    // `download` makes no difference.
    assert_eq!(
        rendered(&binarized_mnist::find(&place).unwrap_err(), root.path()),
        "error: binarised MNIST (the three files binarized_mnist_train.amat, binarized_mnist_valid.amat, \
         binarized_mnist_test.amat, each plain or .gz) was not found; looked in\
         \n  DIR/data/binarized-mnist: no such folder\n  DIR/data: no such folder\
         \n  DIR/cache/binarized-mnist: lacks binarized_mnist_train.amat, binarized_mnist_valid.amat\
         \nand it is never downloaded\
         \nhint: get them from http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/ and put them in \
         data/binarized-mnist/, or pass --data DIR or set VAE_DATA"
    );
    let found = |place: &DataPaths| {
        binarized_mnist::find(place).unwrap()[0]
            .parent()
            .unwrap()
            .to_owned()
    };
    let folders = [
        "cache/binarized-mnist",
        "data",
        "data/binarized-mnist",
        "env",
        "env/binarized-mnist",
        "arg",
    ];
    for (folder, named) in folders.into_iter().zip([0, 0, 0, 1, 1, 2]) {
        write_tiny(&at(folder));
        match named {
            1 => place.named = Some(NamedFolder::by_environment(at("env"))),
            2 => place.named = Some(NamedFolder::by_flag(at("arg"))),
            _ => {}
        }
        assert_eq!(found(&place), at(folder));
    }
    write_tiny(&at("arg/binarized-mnist"));
    assert_eq!(found(&place), at("arg/binarized-mnist"));
    fs::create_dir(at("empty")).unwrap();
    let error = binarized_mnist::find(&DataPaths {
        named: Some(NamedFolder::by_flag(at("empty"))),
        ..place.clone()
    })
    .unwrap_err();
    assert_eq!(
        rendered(&error, root.path()),
        "error: DIR/empty: binarised MNIST (the three files binarized_mnist_train.amat, binarized_mnist_valid.amat, \
         binarized_mnist_test.amat, each plain or .gz) is not in this folder, which --data names; looked in\
         \n  DIR/empty/binarized-mnist: no such folder\n  DIR/empty: none of them\
         \nthe files are at http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/\
         \nhint: `--data` takes the folder that holds the three files"
    );
    let error = binarized_mnist::find(&DataPaths {
        named: Some(NamedFolder::by_flag("nowhere")),
        ..place
    })
    .unwrap_err();
    assert_eq!(
        error.render(),
        "error: nowhere: no such folder; --data names it\nhint: `--data` takes the folder that holds the three files"
    );
}

#[test]
fn its_pixels_are_as_they_are_and_called_so() {
    let pixels = BinarizedMnist {}.pixels();
    assert_eq!(
        (BinarizedMnist {}.pixels_name(), pixels.is_binary()),
        ("static (Larochelle)", true)
    );
    assert_eq!(Pixels::Static.name(), "static (drawn once, by us)");
    let (all, indices) = (Split::in_memory(images(4), [1, 28, 28]), [3, 0]);
    for seed in 0..3 {
        let x = numbers(
            load_batch(
                pixels,
                &all,
                &indices,
                None,
                Rng::new(seed),
                &plain_device(),
            )
            .x,
        );
        let expected: Vec<f64> = indices
            .iter()
            .flat_map(|&i| {
                all.image(i as usize)
                    .unwrap()
                    .iter()
                    .map(|&b| f64::from(b) / 255.0)
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(x, expected);
    }
    // It is a data set of its own: no other set can draw its pixels so, and it has no `pixels` or
    // `validation` to set.
    let smoke = find_preset("smoke").unwrap().config().unwrap();
    for value in [
        "data.mnist.pixels=larochelle",
        "data.binarized-mnist.pixels=grey",
        "data.binarized-mnist.validation=5",
    ] {
        assert_eq!(set(&smoke, value).unwrap_err().code(), 2, "{value}");
    }
}

/// The files are as large as the published ones, and repeat ten images.
#[test]
fn a_model_of_it_is_trained_chosen_and_measured() {
    let place = TempDir::new().unwrap();
    let folder = place.path().join("data");
    fs::create_dir(&folder).unwrap();
    let lines = text(&images(10), VALUES);
    for (name, count) in FILES.into_iter().zip(COUNTS) {
        fs::write(
            folder.join(format!("{name}.gz")),
            gzip(&lines.repeat(count / 10)),
        )
        .unwrap();
    }
    let sets = [
        "--set",
        "data.binarized-mnist=",
        "--set",
        "train.batch=1000",
    ];
    let vae = |arguments: &[&str]| -> Done { run(place.path(), arguments) };
    let done = vae(&[&["train", "--config", "smoke", "--epochs", "1"], &sets[..]].concat());
    assert_eq!(done.line(), "runs/smoke-1");
    assert!(
        done.err
            .contains("binarized-mnist: 50000 train and 10000 test images of 1x28x28"),
        "{}",
        done.err
    );
    assert!(
        done.err
            .contains("10000 images, static (Larochelle) pixels")
            && !done.err.contains("not a log-likelihood")
    );
    let splits: Vec<Value> = metrics(&place.path().join("runs/smoke-1"))
        .iter()
        .map(|r| r["split"].clone())
        .collect();
    assert_eq!(splits, ["train", "test", "validation"]);
    let eval = vae(&[
        "eval",
        "--split",
        "validation",
        "--importance-samples",
        "2",
        "--images",
        "20",
        "--no-reconstruction",
        "--json",
        "-q",
    ]);
    let found: Value = serde_json::from_str(eval.line()).unwrap();
    assert_eq!(found["pixels"], "static (Larochelle)");
    assert_eq!(
        (&found["images_in_split"], &found["is_log_likelihood"]),
        (&10_000.into(), &true.into())
    );
    assert!(found["log_px"].as_f64().unwrap() < 0.0);

    // Commands that need labels report that there are none.
    let no_labels = "this run's data has no labels";
    vae(&["interpolate", "--from", "3", "--to", "8"])
        .failed(2, &["--from 3: no such class", no_labels]);
    vae(&["edit", "--add", "8", "--subtract", "3"])
        .failed(2, &["--add 8: no such class", no_labels]);
    vae(&["disentangle"]).failed(2, &["binarized-mnist has neither factors nor labels"]);
    vae(&["sample", "--label", "3"]).failed(2, &["--label 3: this model is not conditional"]);
    vae(&[
        &[
            "train",
            "--config",
            "smoke",
            "--set",
            "condition.encoder=true",
        ],
        &sets[..],
    ]
    .concat())
    .failed(
        2,
        &["[condition] asks for the class of each image, and this data has no labels"],
    );
    assert_eq!(
        vae(&["interpolate", "--from", "#3", "--to", "#8"]).code,
        Some(0)
    );
    assert_eq!(vae(&["embed"]).code, Some(0));
}
