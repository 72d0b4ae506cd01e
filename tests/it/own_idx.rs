//! Reads IDX files as a person's own images: from folders and archives, to train on and as new images.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use vae::data::images::{ImageSource, Opened, open};
use zip::CompressionMethod::Deflated;

use crate::own_archives::{gzip, tarred};
use crate::own_arrays::zipped;
use crate::program::{read, run, write_idx};
use crate::tiny::with_tiny_runs;

const NAMES: [&str; 4] = [
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
];

/// A file in an archive: its name and its content.
type NamedBytes = (String, Vec<u8>);

/// Returns the four files of a small set, with `top` before their names.
fn members(top: &str) -> Vec<NamedBytes> {
    let folder = TempDir::new().unwrap();
    write_idx(folder.path(), 3);
    let member = |name: &&str| (format!("{top}{name}"), read(folder.path(), name));
    NAMES.iter().map(member).collect()
}

fn images(path: &Path) -> Box<dyn ImageSource> {
    let scratch = path.with_file_name("scratch");
    match open(path, &scratch) {
        Ok(Some(Opened::Images(images))) => images,
        other => panic!("expected images, found {other:?}"),
    }
}

/// Asserts that `path` holds the images and the labels of `members`.
fn assert_whole(path: &Path) {
    let images = images(path);
    let entries = images.entries();
    assert_eq!(entries.len(), 90, "{}", path.display());
    let plain = members("");
    for (index, entry) in entries.iter().enumerate() {
        let (file, place) = if index < 30 {
            (0, index)
        } else {
            (2, index - 30)
        };
        let [pixels, labels] = [&plain[file].1, &plain[file + 1].1];
        assert_eq!(entry.class, Some(labels[8 + place].to_string()));
        let decoded = images.decode(index).unwrap().image;
        assert_eq!(decoded.as_bytes(), &pixels[16 + 784 * place..][..784]);
    }
}

#[test]
fn idx_files_are_read_from_folders_and_archives_plain_and_packed() {
    let place = TempDir::new().unwrap();
    let place = place.path();
    for (top, packs) in [("", false), ("set/raw/", true)] {
        let all: Vec<(String, Vec<u8>)> = members(top)
            .into_iter()
            .map(|(name, bytes)| match packs {
                true => (format!("{name}.gz"), gzip(&bytes)),
                false => (name, bytes),
            })
            .collect();
        let all: Vec<(&str, Vec<u8>)> = all
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.clone()))
            .collect();
        let write = |name: &str, bytes: Vec<u8>| {
            let path = place.join(name);
            fs::write(&path, bytes).unwrap();
            assert_whole(&path);
        };
        write("a.zip", zipped(&all, Deflated));
        write("a.tar", tarred(&all));
        write("a.tar.gz", gzip(&tarred(&all)));
        let folder = place.join(if packs { "packed" } else { "plain" });
        for (name, bytes) in all {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        assert_whole(&folder);
    }
}

#[test]
fn a_damaged_idx_file_in_an_archive_is_named() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("a.zip");
    let fails = |change: &dyn Fn(&mut Vec<NamedBytes>)| {
        let mut all = members("");
        change(&mut all);
        let all: Vec<(&str, Vec<u8>)> = all
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.clone()))
            .collect();
        fs::write(&path, zipped(&all, Deflated)).unwrap();
        let error = open(&path, &place.path().join("scratch")).unwrap_err();
        assert_eq!(error.code(), 2);
        error.to_string()
    };
    let cut = fails(&|all| all[2].1.truncate(900));
    assert!(
        cut.contains("a.zip/train-images-idx3-ubyte: expected 60 images"),
        "{cut}"
    );
    let fewer = fails(&|all| all[1].1 = all[3].1.clone());
    assert!(
        fewer.contains("a.zip/t10k-labels-idx1-ubyte: expected 30 labels"),
        "{fewer}"
    );
    let several = fails(&|all| {
        let other = all[0].clone();
        all.push((format!("emnist-{}", other.0), other.1));
    });
    assert!(several.contains("a.zip: holds several sets"), "{several}");
}

#[test]
fn idx_files_are_new_images_with_their_labels() {
    let place = with_tiny_runs();
    let place = place.path();
    let packed = gzip(&read(place, "data/t10k-images-idx3-ubyte"));
    fs::create_dir_all(place.join("new")).unwrap();
    fs::write(place.join("new/t10k-images-idx3-ubyte.gz"), packed).unwrap();
    let embed = |images: &str, out: &str| {
        let done = run(place, &["embed", "mine", images, "--out", out, "-q"]);
        assert_eq!(done.code, Some(0), "{images}: {}", done.err);
        let table = read(place, &format!("{out}/latents.csv"));
        let table = String::from_utf8(table).unwrap();
        (read(place, &format!("{out}/latents.npy")), table)
    };
    let known = read(place, "runs/mine/latents.npy");
    let (latents, table) = embed("new/t10k-images-idx3-ubyte.gz", "one");
    assert!(latents == known, "the same images have the same latents");
    assert!(
        table.contains("\n0,,t10k-images-idx3-ubyte.gz[0],"),
        "{table}"
    );
    let (latents, table) = embed("data", "folder");
    assert!(latents.starts_with(&known[..6]) && latents.len() > known.len());
    assert_eq!(table.lines().count(), 91);
    let label = read(place, "data/t10k-labels-idx1-ubyte")[8];
    let row = format!("\n0,{label},data/t10k-images-idx3-ubyte[0],");
    assert!(table.contains(&row), "{row}: {table}");
}
