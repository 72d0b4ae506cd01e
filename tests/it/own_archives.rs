//! Reads a person's files from zip and tar archives, and refuses archives that are made to do harm.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tempfile::TempDir;
use vae::data::images::{FileTree, Opened, open, read_all};
use vae::error::Error;
use zip::CompressionMethod::{Deflated, Stored};
use zip::write::SimpleFileOptions;

use crate::own_arrays::{npy, zipped};

const FILES: [(&str, &[u8]); 5] = [
    ("set/dog/2.png", b"second dog"),
    ("set/dog/10.png", b"tenth dog"),
    ("set/cat ü/1 🦀.png", b"cat"),
    ("set/.hidden", b"no"),
    ("__MACOSX/set/._1.png", b"no"),
];

fn members() -> Vec<(&'static str, Vec<u8>)> {
    FILES.map(|(name, bytes)| (name, bytes.to_vec())).to_vec()
}

/// Returns a tar archive of `members`, whose names are not checked.
pub fn tarred(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, &bytes[..]).unwrap();
    }
    tar.into_inner().unwrap()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Opens a file with these bytes.
fn opened(name: &str, bytes: &[u8]) -> (TempDir, Result<Option<Opened>, Error>) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let opened = open(&path, &folder.path().join("scratch"));
    (folder, opened)
}

fn tree(name: &str, bytes: &[u8]) -> (TempDir, Box<dyn FileTree>) {
    match opened(name, bytes) {
        (folder, Ok(Some(Opened::Files(tree)))) => (folder, tree),
        (_, other) => panic!("{name}: expected files, found {other:?}"),
    }
}

/// Returns the rendered error of opening a file with these bytes.
fn fails(name: &str, bytes: &[u8]) -> String {
    let (_folder, opened) = opened(name, bytes);
    let error = opened.unwrap_err();
    assert!(error.code() == 2 && error.hint().is_some(), "{error}");
    error.render()
}

#[test]
fn files_of_every_kind_of_archive_are_read() {
    let tar = tarred(&members());
    for (name, bytes) in [
        ("a.zip", zipped(&members(), Deflated)),
        ("a.zip", zipped(&members(), Stored)),
        ("a.tar", tar.clone()),
        ("a.tar.gz", gzip(&tar)),
        ("a.tgz", gzip(&tar)),
        // The content tells the kind.
        ("a", gzip(&tar)),
        ("b.png", zipped(&members(), Deflated)),
    ] {
        let (_folder, tree) = tree(name, &bytes);
        let paths: Vec<&str> = tree.files().iter().map(|file| &*file.path).collect();
        assert_eq!(
            paths,
            ["cat ü/1 🦀.png", "dog/10.png", "dog/2.png"],
            "{name}"
        );
        let read: Vec<Vec<u8>> = (0..3).map(|index| tree.read(index).unwrap()).collect();
        assert_eq!(read, [&b"cat"[..], b"tenth dog", b"second dog"]);
        assert_eq!(tree.files()[1].length, 9);
        assert!(tree.files()[1].modified > 0);
        assert!(tree.full_path(1).ends_with("set/dog/10.png"));
    }
}

#[test]
fn many_threads_read_one_archive_at_once() {
    let names: Vec<String> = (0..200).map(|number| format!("{number:03}.bin")).collect();
    let members: Vec<(&str, Vec<u8>)> = names
        .iter()
        .zip(0..)
        .map(|(name, number)| (&**name, vec![number; 5000 + usize::from(number)]))
        .collect();
    for (name, bytes) in [
        ("a.zip", zipped(&members, Deflated)),
        ("a.tar", tarred(&members)),
    ] {
        let (_folder, tree) = tree(name, &bytes);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for (index, (_, expected)) in members.iter().enumerate() {
                        assert_eq!(&tree.read(index).unwrap(), expected);
                    }
                });
            }
        });
    }
}

#[test]
fn a_path_that_leads_out_of_an_archive_is_refused() {
    for path in [
        "../evil.png",
        "a/../../evil.png",
        "/etc/evil.png",
        "a\\..\\..\\evil.png",
    ] {
        let members = [("ok.png", b"x".to_vec()), (path, b"x".to_vec())];
        for (name, bytes) in [
            ("a.zip", zipped(&members, Stored)),
            ("a.tar", tarred(&members)),
        ] {
            let message = fails(name, &bytes);
            assert!(message.contains("leads out of the archive"), "{message}");
        }
    }
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let zeros = vec![0; 101 << 20];
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(Deflated)
        .compression_level(Some(9));
    zip.start_file("zeros.png", options).unwrap();
    zip.write_all(&zeros).unwrap();
    let zip = zip.finish().unwrap().into_inner();
    assert!(fails("a.zip", &zip).contains("more than 1000 times as many"));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&tarred(&[("zeros.png", zeros)])).unwrap();
    let (folder, opened) = opened("a.tar.gz", &encoder.finish().unwrap());
    let message = opened.unwrap_err().render();
    assert!(
        message.contains("more than 1000 times as many"),
        "{message}"
    );
    // Nothing is left behind.
    let scratch = fs::read_dir(folder.path().join("scratch"));
    assert_eq!(scratch.map_or(0, Iterator::count), 0);
}

#[test]
fn links_are_not_followed() {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    zip.add_symlink("link.png", "/etc/passwd", options).unwrap();
    zip.start_file("a.png", options).unwrap();
    let (_folder, zip) = tree("a.zip", &zip.finish().unwrap().into_inner());
    let mut tar = tar::Builder::new(Vec::new());
    for kind in [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Fifo,
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        tar.append_link(&mut header, "link.png", "/etc/passwd")
            .unwrap();
    }
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    tar.append_data(&mut header, "a.png", &b""[..]).unwrap();
    let (_other, tar) = tree("a.tar", &tar.into_inner().unwrap());
    for tree in [zip, tar] {
        assert_eq!((tree.files().len(), &*tree.files()[0].path), (1, "a.png"));
    }
}

#[test]
fn damage_is_named() {
    let zip = zipped(&members(), Stored);
    assert!(fails("a.zip", &zip[..zip.len() / 2]).contains("the zip archive is damaged"));
    let mut changed = zip.clone();
    let at = changed
        .windows(5)
        .position(|bytes| bytes == b"tenth")
        .unwrap();
    changed[at] ^= 1;
    let (_folder, tree) = tree("a.zip", &changed);
    let error = tree.read(1).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("dog/10.png: the zip archive is damaged: its checksum is wrong"),
        "{error}"
    );
    assert!(error.hint().is_some() && tree.read(2).is_ok());

    let tar = tarred(&members());
    // Within the second file, and between two files.
    for end in [1024 + 512 + 5, 1024, tar.len() - 1024] {
        let message = fails("a.tar", &tar[..end]);
        assert!(
            message.contains("the tar archive is cut short"),
            "{message}"
        );
        fails("a.tar.gz", &gzip(&tar[..end]));
    }
    let mut changed = tar.clone();
    changed[1024 + 3] ^= 1;
    assert!(
        fails("a.tar", &changed).contains("checksum"),
        "a header of the tar archive"
    );
    let packed = gzip(&tar);
    assert!(fails("a.tar.gz", &packed[..packed.len() - 6]).contains("the gzip ends early"));
}

#[test]
fn an_encrypted_archive_and_one_packed_in_another_way_are_refused() {
    let mut zip = zipped(&[("a.png", b"x".to_vec())], Stored);
    let entry = zip
        .windows(4)
        .position(|bytes| bytes == b"PK\x01\x02")
        .unwrap();
    for (offset, value, expected) in [
        (8, 1, "is encrypted"),
        (10, 12, "expected stored or deflated"),
    ] {
        let before = zip[entry + offset];
        zip[entry + offset] = value;
        let message = fails("a.zip", &zip);
        assert!(
            message.contains(expected) && message.contains("a.png"),
            "{message}"
        );
        zip[entry + offset] = before;
    }
    for mark in [
        &b"7z\xbc\xaf\x27\x1c"[..],
        b"Rar!\x1a\x07",
        b"BZh91AY",
        b"\xfd7zXZ\0",
    ] {
        assert!(fails("a.tar", &[mark, &[0; 600]].concat()).contains("archive"));
    }
}

#[test]
fn an_array_too_large_for_memory_is_unpacked_once_and_read_by_position() {
    // Some rows, so that packing keeps below the limit on bombs.
    let (count, side) = (4200, 256);
    let values: Vec<u8> = (0..count * side * side)
        .map(|place| ((place / 7) ^ (place / 65_536)) as u8)
        .collect();
    let array = npy("|u1", &[count, side, side], &values);
    for (method, is_unpacked) in [(Deflated, true), (Stored, false)] {
        let folder = TempDir::new().unwrap();
        let [path, scratch] = ["x.npz", "scratch"].map(|name| folder.path().join(name));
        fs::write(&path, zipped(&[("arr_0.npy", array.clone())], method)).unwrap();
        for _ in 0..2 {
            let Some(Opened::Images(images)) = open(&path, &scratch).unwrap() else {
                panic!("expected images")
            };
            let last = images.decode(count - 1).unwrap().image;
            assert_eq!(last.as_bytes(), &values[(count - 1) * side * side..]);
        }
        // The unpacked array, and the record of its length and time.
        let unpacked = fs::read_dir(&scratch).map_or(0, Iterator::count);
        assert_eq!(unpacked, 2 * usize::from(is_unpacked));
    }
}

#[test]
fn an_unpacked_tar_archive_that_was_cut_is_unpacked_again() {
    // More than is kept in memory.
    let members = [("a.png", b"first".to_vec()), ("b.png", vec![7; 33 << 20])];
    let (folder, first) = opened("a.tar.gz", &gzip(&tarred(&members)));
    drop(first.unwrap());
    let scratch = folder.path().join("scratch");
    let mut kept = fs::read_dir(&scratch)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let unpacked = kept
        .find(|path| path.extension().is_some_and(|ending| ending == "unpacked"))
        .unwrap();
    fs::write(&unpacked, &fs::read(&unpacked).unwrap()[..1 << 20]).unwrap();
    let again = open(&folder.path().join("a.tar.gz"), &scratch).unwrap();
    let Some(Opened::Files(tree)) = again else {
        panic!("expected files, found {again:?}")
    };
    assert!(tree.read(1).unwrap() == members[1].1);
}

proptest! {
    #[test]
    fn no_damage_to_an_archive_of_files_makes_the_reader_panic(
        at in any::<prop::sample::Index>(), value in any::<u8>(), end in any::<prop::sample::Index>(),
        kind in 0_usize..4
    ) {
        let whole = match kind {
            0 => zipped(&members(), Deflated),
            1 => zipped(&members(), Stored),
            2 => tarred(&members()),
            _ => gzip(&tarred(&members())),
        };
        let mut changed = whole.clone();
        changed[at.index(whole.len())] = value;
        let scratch = Path::new("unused");
        let _ = read_all(Path::new("x"), changed.clone(), scratch);
        let _ = read_all(Path::new("x"), changed[..end.index(whole.len())].to_vec(), scratch);
    }
}
