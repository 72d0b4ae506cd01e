//! Reads images from a person's arrays: NumPy's files, sets of arrays as MedMNIST, Keras and dSprites publish them, and CIFAR's
//! binary files.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use image::DynamicImage;
use proptest::prelude::*;
use tempfile::TempDir;
use vae::data::SplitName::{self, Test, Train, Validation};
use vae::data::images::{ImageSource, Opened, open, read_all};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::program::run;

/// Returns an array in NumPy's format.
pub fn npy(kind: &str, shape: &[usize], values: &[u8]) -> Vec<u8> {
    ordered_npy(kind, false, shape, values)
}

fn ordered_npy(kind: &str, is_fortran: bool, shape: &[usize], values: &[u8]) -> Vec<u8> {
    let order = if is_fortran { "True" } else { "False" };
    let sizes: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let about = format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': ({sizes}), }}\n");
    let length = (about.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], about.as_bytes(), values].concat()
}

/// Returns bytes that go up by one.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|value| value as u8).collect()
}

/// Returns a zip archive of `members`.
pub fn zipped(members: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Returns a `.npz` archive.
fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let named: Vec<(String, Vec<u8>)> = arrays
        .iter()
        .map(|(name, bytes)| (format!("{name}.npy"), bytes.clone()))
        .collect();
    let members: Vec<(&str, Vec<u8>)> = named
        .iter()
        .map(|(name, bytes)| (&**name, bytes.clone()))
        .collect();
    zipped(&members, CompressionMethod::Deflated)
}

/// A folder for data, and one for what is unpacked.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> &Self {
        let path = self.0.path().join("data").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    fn open(&self, name: &str) -> Result<Option<Opened>, vae::error::Error> {
        open(
            &self.0.path().join("data").join(name),
            &self.0.path().join("scratch"),
        )
    }

    fn images(&self, name: &str) -> Box<dyn ImageSource> {
        match self
            .open(name)
            .unwrap_or_else(|error| panic!("{}", error.render()))
        {
            Some(Opened::Images(images)) => images,
            other => panic!("{name}: expected images, found {other:?}"),
        }
    }

    /// Returns the message and the hint of the error of opening `name`.
    fn fails(&self, name: &str) -> String {
        let error = self.open(name).unwrap_err();
        assert_eq!(error.code(), 2);
        assert!(error.hint().is_some(), "{error}");
        error.render()
    }
}

/// Returns the name, the split and the class of each image.
fn listed(images: &dyn ImageSource) -> Vec<(&str, Option<SplitName>, Option<&str>)> {
    let entries = images.entries().iter();
    entries
        .map(|entry| (&*entry.name, entry.split, entry.class.as_deref()))
        .collect()
}

fn decoded(images: &dyn ImageSource, index: usize) -> DynamicImage {
    images.decode(index).unwrap().image
}

/// Returns the levels of the only kind of array in `file`.
fn levels(file: &[u8]) -> DynamicImage {
    let place = Place::new();
    decoded(&*place.write("x.npy", file).images("x.npy"), 0)
}

#[test]
fn one_array_is_a_set_of_images_without_classes() {
    let place = Place::new();
    place.write("x.npy", &npy("|u1", &[3, 4, 5], &bytes(60)));
    let images = place.images("x.npy");
    assert_eq!(
        listed(&*images),
        [
            ("x.npy[0]", None, None),
            ("x.npy[1]", None, None),
            ("x.npy[2]", None, None)
        ]
    );
    let DynamicImage::ImageLuma8(last) = decoded(&*images, 2) else {
        panic!("expected grey")
    };
    assert_eq!((last.width(), last.height()), (5, 4));
    assert_eq!(last.into_raw(), (40..60).collect::<Vec<u8>>());
    assert!(images.notes().is_empty() && images.factors().is_none());
}

#[test]
fn the_content_of_a_file_and_not_its_name_tells_that_it_is_an_array() {
    let place = Place::new();
    place.write("x", &npy("|u1", &[2, 4, 5], &bytes(40)));
    assert_eq!(place.images("x").entries()[1].name, "x[1]");
    place.write(
        "y.dat",
        &npz(&[("arr_0", npy("|u1", &[2, 4, 5], &bytes(40)))]),
    );
    assert_eq!(place.images("y.dat").entries()[1].name, "arr_0[1]");
}

#[test]
fn colours_are_read_from_the_last_axis_and_from_planes() {
    let rows = npy("|u1", &[1, 3, 5, 3], &bytes(45));
    assert_eq!(levels(&rows).as_rgb8().unwrap().as_raw(), &bytes(45));
    let planes: Vec<u8> = (0..60).map(|value| value / 20 * 100 + value % 20).collect();
    let image = levels(&npy("|u1", &[1, 3, 4, 5], &planes));
    let image = image.as_rgb8().unwrap();
    assert_eq!(image.get_pixel(0, 0).0, [0, 100, 200]);
    assert_eq!(image.get_pixel(4, 3).0, [19, 119, 219]);
    let with_alpha = levels(&npy("|u1", &[1, 2, 5, 4], &bytes(40)));
    assert_eq!(with_alpha.as_rgba8().unwrap().as_raw(), &bytes(40));
    let square = levels(&npy("|u1", &[1, 784], &bytes(784)));
    assert_eq!((square.width(), square.height()), (28, 28));
}

#[test]
fn values_of_every_type_become_levels() {
    let sixteen = |values: [f64; 16], kind: &str, into: fn(f64) -> Vec<u8>| {
        let values: Vec<u8> = values.into_iter().flat_map(into).collect();
        levels(&npy(kind, &[1, 2, 8], &values))
    };
    let mut unit = [0.0; 16];
    unit[1] = 0.5;
    unit[15] = 1.0;
    let scaled = unit.map(|value| value * 255.0);
    let expected: Vec<u8> = scaled
        .iter()
        .map(|value| f64::round(*value) as u8)
        .collect();
    for image in [
        sixteen(unit, "<f4", |value| (value as f32).to_le_bytes().to_vec()),
        sixteen(unit, ">f8", |value| value.to_be_bytes().to_vec()),
        sixteen(scaled, "<f4", |value| (value as f32).to_le_bytes().to_vec()),
        sixteen(scaled, "|u1", |value| vec![value.round() as u8]),
        sixteen(scaled, "<i8", |value| {
            (value.round() as i64).to_le_bytes().to_vec()
        }),
        sixteen(scaled, ">u2", |value| {
            (value.round() as u16).to_be_bytes().to_vec()
        }),
    ] {
        assert_eq!(image.as_luma8().unwrap().as_raw(), &expected);
    }
    for kind in ["|b1", "|u1"] {
        let image = sixteen(unit.map(f64::floor), kind, |value| vec![value as u8]);
        assert_eq!(image.as_luma8().unwrap().as_raw()[14..], [0, 255]);
    }
    let deep = sixteen(scaled.map(|value| value * 16.0), "<u2", |value| {
        (value as u16).to_le_bytes().to_vec()
    });
    assert_eq!(deep.as_luma16().unwrap().as_raw()[14..], [0, 4080]);
}

#[test]
fn fortrans_order_is_read() {
    // Value (n, row, column) of the first is 20 n + 5 row + column.
    let in_order = levels(&npy("|u1", &[2, 4, 5], &bytes(40)));
    let mut columns = Vec::new();
    for column in 0..5 {
        for row in 0..4 {
            columns.extend([0, 20].map(|n| n + 5 * row + column));
        }
    }
    assert_eq!(
        levels(&ordered_npy("|u1", true, &[2, 4, 5], &columns)),
        in_order
    );
}

#[test]
fn a_set_as_medmnist_publishes_it_has_splits_and_classes() {
    let place = Place::new();
    let images = |count: usize| npy("|u1", &[count, 4, 4, 3], &bytes(count * 48));
    place.write(
        "tiny.npz",
        &npz(&[
            ("train_images", images(2)),
            ("train_labels", npy("|u1", &[2, 1], &[3, 10])),
            ("val_images", images(1)),
            ("val_labels", npy("|u1", &[1, 1], &[3])),
            ("test_images", images(1)),
            ("test_labels", npy("|u1", &[1, 1], &[10])),
        ]),
    );
    let images = place.images("tiny.npz");
    assert_eq!(
        listed(&*images),
        [
            ("test_images[0]", Some(Test), Some("10")),
            ("train_images[0]", Some(Train), Some("3")),
            ("train_images[1]", Some(Train), Some("10")),
            ("val_images[0]", Some(Validation), Some("3")),
        ]
    );
    assert_eq!(
        decoded(&*images, 2).as_rgb8().unwrap().as_raw(),
        &bytes(96)[48..]
    );
    // Nothing is left in the cache folder of so small a file.
    assert!(!place.0.path().join("scratch").exists());
}

#[test]
fn training_images_are_set_aside_only_where_the_set_has_no_validation_images() {
    let place = TempDir::new().unwrap();
    let images = |name: &'static str, count: usize, seed: u64| {
        let rng = vae::rng::Rng::new(seed);
        let values = (0..count as u64 * 64).map(|i| rng.below(i, 256) as u8);
        (
            name,
            npy("|u1", &[count, 8, 8], &values.collect::<Vec<u8>>()),
        )
    };
    let sets = |has_validation: bool| {
        let validation = has_validation.then(|| images("val_images", 10, 2));
        [images("train_images", 40, 1), images("test_images", 10, 3)]
            .into_iter()
            .chain(validation)
            .collect::<Vec<_>>()
    };
    for (name, has_validation, aside, counts) in [
        ("own.npz", true, 0, [40, 10]),
        ("none.npz", false, 4, [36, 4]),
    ] {
        fs::write(place.path().join(name), npz(&sets(has_validation))).unwrap();
        let config = run(place.path(), &["config", "--data", name]).out;
        assert!(
            config.contains(&format!("\nvalidation = {aside}\n")),
            "{config}"
        );
        assert!(config.contains("\npatience = 20\n"), "{config}");
        let found = run(place.path(), &["data", name, "--json"]).out;
        let found: serde_json::Value = serde_json::from_str(&found).unwrap();
        let counted = ["train", "validation"].map(|split| found[split].as_u64().unwrap());
        assert_eq!(counted, counts, "{found}");
    }
    let asked = ["data", "own.npz", "--set", "data.images.validation=5"];
    run(place.path(), &asked).failed(2, &["the data names validation images itself"]);
}

#[test]
fn several_labels_of_an_image_are_no_class_and_a_note_says_so() {
    let place = Place::new();
    let images = || npy("|u1", &[2, 4, 4], &bytes(32));
    let with = |labels: Vec<u8>| {
        place.write("x.npz", &npz(&[("images", images()), ("labels", labels)]));
        let images = place.images("x.npz");
        let classes: Vec<_> = images
            .entries()
            .iter()
            .map(|entry| entry.class.clone())
            .collect();
        (classes, images.notes().join("; "))
    };
    let some = |names: [&str; 2]| names.map(|name| Some(name.to_owned())).to_vec();
    let (classes, note) = with(npy("|u1", &[2, 3], &[1, 1, 0, 0, 1, 0]));
    assert_eq!(classes, [None, None]);
    assert!(
        note.contains("no classes: labels: there are 3 labels for each image"),
        "{note}"
    );
    // One of them holds for each image: that is its class.
    assert_eq!(
        with(npy("|u1", &[2, 3], &[0, 0, 1, 0, 1, 0])).0,
        some(["2", "1"])
    );
    let text = |word: &str| format!("{word:\0<4}").into_bytes();
    assert_eq!(
        with(npy("|S4", &[2], &[text("cat"), text("dog")].concat())).0,
        some(["cat", "dog"])
    );
    let floats = [2.0_f32, 7.0].map(f32::to_le_bytes).concat();
    assert_eq!(with(npy("<f4", &[2], &floats)).0, some(["2", "7"]));
    let (classes, note) = with(npy(
        "<f4",
        &[2],
        &[0.5_f32, 7.0].map(f32::to_le_bytes).concat(),
    ));
    assert_eq!(classes, [None, None]);
    assert!(
        note.contains("they are no classes but numbers such as 0.5"),
        "{note}"
    );
}

#[test]
fn keras_and_kmnist_name_their_arrays_in_other_ways() {
    let place = Place::new();
    let images = || npy("|u1", &[2, 4, 4], &bytes(32));
    let labels = || npy("|u1", &[2], &[0, 9]);
    place.write(
        "keras.npz",
        &npz(&[
            ("x_train", images()),
            ("y_train", labels()),
            ("x_test", images()),
            ("y_test", labels()),
        ]),
    );
    for (name, array) in [("imgs", images()), ("labels", labels())] {
        for split in ["train", "test"] {
            let file = npz(&[("arr_0", array.clone())]);
            place.write(&format!("kmnist/kmnist-{split}-{name}.npz"), &file);
        }
    }
    let keras = place.images("keras.npz");
    assert_eq!(listed(&*keras)[1], ("x_test[1]", Some(Test), Some("9")));
    let kmnist = place.images("kmnist");
    assert_eq!(
        listed(&*kmnist)[3],
        ("kmnist-train-imgs.npz[1]", Some(Train), Some("9"))
    );
    assert_eq!(kmnist.entries().len(), 4);
}

#[test]
fn a_folder_of_arrays_is_a_class_each_and_so_is_an_archive_of_them() {
    let place = Place::new();
    let members = [
        (
            "full_numpy_bitmap_cat.npy",
            npy("|u1", &[2, 784], &[200; 1568]),
        ),
        ("The Eiffel Tower.npy", npy("|u1", &[1, 784], &[100; 784])),
        ("README.txt", b"drawn by people".to_vec()),
    ];
    for (name, bytes) in &members {
        place.write(&format!("drawings/{name}"), bytes);
    }
    place.write(
        "drawings.zip",
        &zipped(&members, CompressionMethod::Deflated),
    );
    for name in ["drawings", "drawings.zip"] {
        let images = place.images(name);
        assert_eq!(
            listed(&*images),
            [
                ("The Eiffel Tower.npy[0]", None, Some("The Eiffel Tower")),
                ("full_numpy_bitmap_cat.npy[0]", None, Some("cat")),
                ("full_numpy_bitmap_cat.npy[1]", None, Some("cat")),
            ]
        );
        assert_eq!(
            decoded(&*images, 1).as_luma8().unwrap().get_pixel(27, 27).0,
            [200]
        );
    }
}

#[test]
fn dsprites_has_the_factors_that_its_images_were_made_from() {
    let place = Place::new();
    let classes: Vec<u8> = [[0_i64, 0, 3, 1, 2, 9], [0, 2, 3, 0, 1, 9]]
        .concat()
        .into_iter()
        .flat_map(i64::to_le_bytes)
        .collect();
    let object = b"\x80\x03}".to_vec();
    place.write(
        "dsprites.npz",
        &npz(&[
            ("imgs", npy("|u1", &[2, 4, 4], &[[0; 16], [1; 16]].concat())),
            ("latents_classes", npy("<i8", &[2, 6], &classes)),
            ("latents_values", npy("<f8", &[2, 6], &[0; 96])),
            ("metadata", npy("|O", &[], &object)),
        ]),
    );
    let images = place.images("dsprites.npz");
    assert_eq!(
        decoded(&*images, 1).as_luma8().unwrap().as_raw(),
        &[255; 16]
    );
    let known = images.factors().unwrap();
    // The colour, the scale and the vertical place are the same in both.
    assert_eq!(known.names, ["shape", "orientation", "posX"]);
    assert_eq!(known.sizes, [3, 2, 3]);
    assert_eq!([known.factors(0), known.factors(1)], [[0, 1, 2], [2, 0, 1]]);
    assert_eq!(known.columns(&[0, 1])[0].name, "shape");
    assert!(known.columns(&[0, 1])[0].nominal);
    assert_eq!(
        images.notes(),
        ["no value of type |u1 is above 1: 0 to 1 become the levels 0 to 255"]
    );
}

#[test]
fn the_binary_files_of_cifar_are_read() {
    let place = Place::new();
    let record = |label: &[u8], level: u8| [label, &[level; 1024], &[2; 1024], &[3; 1024]].concat();
    place
        .write(
            "c10/cifar/data_batch_1.bin",
            &[record(&[1], 10), record(&[0], 20)].concat(),
        )
        .write("c10/cifar/test_batch.bin", &record(&[1], 30))
        .write("c10/cifar/batches.meta.txt", b"airplane\nautomobile\n\n")
        .write("c100/train.bin", &record(&[7, 1], 10))
        .write("c100/test.bin", &record(&[7, 0], 20))
        .write("c100/fine_label_names.txt", b"apple\nfish");
    let ten = place.images("c10");
    assert_eq!(
        listed(&*ten),
        [
            ("data_batch_1.bin[0]", Some(Train), Some("automobile")),
            ("data_batch_1.bin[1]", Some(Train), Some("airplane")),
            ("test_batch.bin[0]", Some(Test), Some("automobile")),
        ]
    );
    let image = decoded(&*ten, 1);
    assert_eq!(image.as_rgb8().unwrap().get_pixel(31, 31).0, [20, 2, 3]);
    let hundred = place.images("c100");
    assert_eq!(
        listed(&*hundred)[1],
        ("train.bin[0]", Some(Train), Some("fish"))
    );
    assert_eq!(
        decoded(&*hundred, 1).as_rgb8().unwrap().get_pixel(0, 0).0,
        [10, 2, 3]
    );
    place.write("c10/cifar/data_batch_2.bin", &[0; 5000]);
    assert!(
        place
            .fails("c10")
            .contains("expected images of 3073 bytes each")
    );
}

#[test]
fn an_ordinary_folder_is_left_to_the_reader_of_image_files() {
    let place = Place::new();
    place.write("mixed/a.png", b"").write("mixed/mask.npy", b"");
    place
        .write("empty/sub/x/a.png", b"")
        .write("text/readme.txt", b"")
        .write("classes/cat/1.png", b"")
        .write("classes/dog/1.png", b"")
        .write("classes/features.npy", &npy("|u1", &[2, 4, 5], &bytes(40)))
        .write("photos/a.jfif", b"")
        .write("photos/mask.npy", &npy("|u1", &[2, 4, 5], &bytes(40)));
    for name in [
        "mixed",
        "empty",
        "text",
        "text/readme.txt",
        "classes",
        "photos",
    ] {
        assert!(place.open(name).unwrap().is_none(), "{name}");
    }
}

#[test]
fn a_folder_of_arrays_may_hold_folders_without_images() {
    let place = Place::new();
    place
        .write("set/x.npy", &npy("|u1", &[2, 4, 5], &bytes(40)))
        .write("set/papers/a.pdf", b"")
        .write("set/.thumbnails/a.png", b"");
    assert_eq!(place.images("set").entries().len(), 2);
}

#[test]
fn a_note_says_what_values_that_are_no_bytes_are_taken_for() {
    let place = Place::new();
    let notes = |kind: &str, values: &[u8]| {
        place.write("x.npy", &npy(kind, &[4, 6, 6], &values.repeat(36)));
        place.images("x.npy").notes().to_vec()
    };
    let floats = |values: [f32; 4]| values.map(f32::to_le_bytes).concat();
    assert!(notes("|u1", &[0, 1, 2, 3]).is_empty());
    assert!(notes("|b1", &[0, 1, 0, 1]).is_empty());
    let unit = notes("<f4", &floats([0.0, 0.5, 0.2, 1.0]));
    assert_eq!(
        unit,
        ["no value of type <f4 is above 1: 0 to 1 become the levels 0 to 255"]
    );
    let eight = notes("<f4", &floats([0.0, 5.5, 200.0, 1.0]));
    assert_eq!(
        eight,
        ["no value of type <f4 is above 255: they are the levels 0 to 255"]
    );
    let sixteen = notes("<u2", &[0, 0, 255, 15, 1, 0, 2, 0]);
    assert!(
        sixteen.len() == 1 && sixteen[0].contains("reach 4095: they are levels of 16 bits"),
        "{sixteen:?}"
    );
}

#[test]
fn arrays_that_are_no_images_are_refused_with_the_reason() {
    let place = Place::new();
    let fails = |file: Vec<u8>, expected: &str| {
        let message = place.write("x.npy", &file).fails("x.npy");
        assert!(message.contains(expected), "{expected}: {message}");
    };
    fails(npy("|O", &[2], b"\x80\x03"), "allow_pickle=True");
    fails(npy("<c8", &[1, 4, 4], &[0; 128]), "the type \"<c8\"");
    fails(npy("|u1", &[4, 5, 3], &bytes(60)), "array[None]");
    fails(
        npy("|u1", &[5, 10], &bytes(50)),
        "array.reshape(-1, height, width)",
    );
    fails(npy("|u1", &[1, 5, 5, 5], &bytes(125)), "volumes");
    fails(npy("|u1", &[0, 5, 5], &[]), "empty");
    fails(
        npy("|u1", &[2, 5, 5], &bytes(49)),
        "expected 2 x 5 x 5 bytes, found 49",
    );
    fails(npy("|u1", &[usize::MAX, 5, 5], &bytes(49)), "found 49");
    fails(npy("|i1", &[1, 4, 5], &[0x80; 20]), "found -128 to -128");
    let nan: Vec<u8> = [f32::NAN; 16]
        .into_iter()
        .flat_map(f32::to_le_bytes)
        .collect();
    fails(npy("<f4", &[1, 4, 4], &nan), "numpy.nan_to_num");
    fails(npy("<U1", &[1, 4, 4], &[0; 64]), "");

    let fails = |arrays: &[(&str, Vec<u8>)], expected: &str| {
        let message = place.write("x.npz", &npz(arrays)).fails("x.npz");
        assert!(message.contains(expected), "{expected}: {message}");
    };
    let images = |count: usize| npy("|u1", &[count, 4, 4], &bytes(16 * count));
    fails(
        &[("a", images(1)), ("b", images(2))],
        "several arrays may be the images: a, 1 x 4 x 4 (|u1); b",
    );
    fails(
        &[("labels", npy("|u1", &[2], &[0, 1]))],
        "no array of images; it holds labels, 2 (|u1)",
    );
    fails(
        &[
            ("images", images(2)),
            ("labels", npy("|u1", &[3], &[0, 1, 2])),
        ],
        "x.npz/labels: expected 2 labels, one for each image in images, found 3",
    );
}

#[test]
fn kinds_of_files_that_are_not_read_come_with_the_way_to_convert_them() {
    let place = Place::new();
    for (name, bytes, expected) in [
        ("a.h5", &b"\x89HDF\r\n\x1a\n"[..], "import h5py"),
        ("a.dat", b"\x89HDF\r\n\x1a\n", "h5py.File(\"a.dat\")"),
        ("b.hdf5", b"", "import h5py"),
        (
            "train_32x32.mat",
            b"MATLAB 5.0 MAT-file",
            "scipy.io.loadmat(\"train_32x32.mat\")",
        ),
        ("c.pkl", b"\x80\x04", "pickle.load"),
        ("d.pickle", b"", "pickle.load"),
        ("e.parquet", b"PAR1", "pandas.read_parquet"),
        ("cifar/data_batch_1", b"\x80\x02}", "binary version"),
        ("f.7z", b"7z\xbc\xaf\x27\x1c", "unpack it"),
        ("g.rar", b"Rar!\x1a\x07", "unpack it"),
    ] {
        let message = place.write(name, bytes).fails(name);
        assert!(
            message.contains(expected) && message.contains(name),
            "{message}"
        );
    }
    assert!(place.fails("cifar").contains("binary version"));
    place.write("only/a.h5", b"").write("only/readme.txt", b"");
    assert!(place.fails("only").contains("a.h5"));
}

#[test]
fn the_key_changes_with_the_files() {
    let place = Place::new();
    let file = npy("|u1", &[2, 4, 4], &bytes(32));
    let first = place.write("a/x.npy", &file).images("a").key();
    assert_eq!(place.images("a").key(), first);
    place.write("a/x.npy", &npy("|u1", &[1, 4, 4], &bytes(16)));
    assert_ne!(place.images("a").key(), first);
    let one = place.images("a").key();
    place.write("b/x.npy", &npy("|u1", &[1, 4, 4], &bytes(16)));
    assert_ne!(place.images("b").key(), one);
}

proptest! {
    #[test]
    fn no_damage_to_a_set_of_arrays_makes_the_reader_panic(
        at in any::<prop::sample::Index>(), value in any::<u8>(), end in any::<prop::sample::Index>(),
        is_packed: bool
    ) {
        let members = [
            ("imgs.npy", npy("<u2", &[2, 4, 4], &bytes(64))),
            ("labels.npy", npy("<U2", &[2], &bytes(16))),
            ("latents_classes.npy", npy("|u1", &[2, 3], &bytes(6))),
        ];
        let whole = if is_packed {
            zipped(&members, CompressionMethod::Stored)
        } else {
            members[0].1.clone()
        };
        let mut changed = whole.clone();
        changed[at.index(whole.len())] = value;
        let scratch = Path::new("unused");
        let _ = read_all(Path::new("x.npz"), changed.clone(), scratch);
        let _ = read_all(Path::new("x.npz"), changed[..end.index(whole.len())].to_vec(), scratch);
    }
}
