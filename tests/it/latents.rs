//! Tests the commands that work on latents: `embed`, `edit` and `sample --box`, and the errors of
//! reconstructions.

use std::fs;
use std::path::Path;

use image::RgbImage;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{MODEL, SMOKE, edited, files, read, run, squeezed, with_smoke_run};

/// The side of a digit in a sheet, drawn at twice its size, and the distance to the next one.
const CELL: u32 = 56;
const STEP: u32 = 58;

fn open(folder: &Path, name: &str) -> RgbImage {
    image::open(folder.join(name)).unwrap().into_rgb8()
}

/// Returns the cell `[column, row]` of a sheet with `[columns, rows]` of digits, with or without
/// labels.
fn cell(sheet: &RgbImage, grid: [u32; 2], [column, row]: [u32; 2]) -> RgbImage {
    let [left, top] = [
        sheet.width() - grid[0] * STEP - 2,
        sheet.height() - grid[1] * STEP - 2,
    ];
    image::imageops::crop_imm(
        sheet,
        left + 2 + column * STEP,
        top + 2 + row * STEP,
        CELL,
        CELL,
    )
    .to_image()
}

/// Returns the values of an `.npy` file, and its shape.
fn array(bytes: &[u8]) -> (Vec<f32>, String) {
    assert!(bytes.starts_with(b"\x93NUMPY\x01\x00"));
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..start]).unwrap();
    let shape = header
        .split_once("'shape': ")
        .unwrap()
        .1
        .split_once(", }")
        .unwrap()
        .0
        .to_owned();
    assert!(header.contains("'descr': '<f4', 'fortran_order': False") && start.is_multiple_of(64));
    (
        bytes[start..]
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
            .collect(),
        shape,
    )
}

#[test]
fn embed_writes_the_latents_twice_and_draws_them() {
    let place = with_smoke_run();
    let done = run(place.path(), &["embed", "-q"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let names = ["latents.png", "latents.svg", "latents.npy", "latents.csv"];
    let lines: Vec<&str> = done.out.lines().collect();
    assert_eq!(lines, names.map(|name| format!("runs/smoke-1/{name}")));
    let (values, shape) = array(&read(place.path(), "runs/smoke-1/latents.npy"));
    assert_eq!((values.len(), shape.as_str()), (200 * 8, "(200, 8)"));
    let table = String::from_utf8(read(place.path(), "runs/smoke-1/latents.csv")).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("index,label,z0,z1,z2,z3,z4,z5,z6,z7"));
    let labels = vae::data::Digits {
        train: 1000,
        test: 200,
        ..Default::default()
    }
    .draw()
    .test
    .labels
    .unwrap();
    let mut count = 0;
    for ((index, line), z) in lines.enumerate().zip(values.chunks_exact(8)) {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(
            (fields[0], fields[1]),
            (
                index.to_string().as_str(),
                labels[index].to_string().as_str()
            )
        );
        let numbers: Vec<f32> = fields[2..]
            .iter()
            .map(|field| field.parse().unwrap())
            .collect();
        assert_eq!(numbers, z, "line {index}");
        count += 1;
    }
    assert_eq!(count, 200);
    // The classes have colours, so the figure is not grey alone.
    let colours = open(place.path(), "runs/smoke-1/latents.png")
        .pixels()
        .filter(|p| p[0].abs_diff(p[2]) > 60)
        .count();
    assert!(colours > 1000, "{colours}");

    // Neither the number of threads nor leaving out a file changes the others.
    run(
        place.path(),
        &["embed", "-q", "--threads", "1", "--out", "one"],
    );
    for name in names {
        assert!(
            read(place.path(), &format!("one/{name}"))
                == read(place.path(), &format!("runs/smoke-1/{name}"))
        );
    }
    run(
        place.path(),
        &["embed", "-q", MODEL, "--first", "7", "--out", "few"],
    );
    let (few, shape) = array(&read(place.path(), "few/latents.npy"));
    assert_eq!((&few[..], shape.as_str()), (&values[..7 * 8], "(7, 8)"));
    run(
        place.path(),
        &["embed", "-q", "--split", "train", "--out", "train"],
    );
    assert_eq!(
        array(&read(place.path(), "train/latents.npy")).1,
        "(1000, 8)"
    );
}

#[test]
fn embed_draws_latents_of_one_and_two_dimensions_and_without_labels() {
    let place = with_smoke_run();
    for latent_count in ["1", "2"] {
        let set = format!("model.mlp.latent={latent_count}");
        let name = format!("flat-{latent_count}");
        let train = [
            "train", "-q", "--config", "smoke", "--epochs", "1", "--set", &set, "--name", &name,
        ];
        assert_eq!(run(place.path(), &train).code, Some(0));
        let done = run(place.path(), &["embed", "-q", &name]);
        assert_eq!(done.code, Some(0), "{}", done.err);
        assert!(open(place.path(), &format!("runs/{name}/latents.png")).width() > 400);
    }
    let noise = [
        "train",
        "-q",
        "--epochs",
        "1",
        "--name",
        "noise",
        "--set",
        "model.mlp.hidden=[8]",
    ];
    let data = [
        "--set",
        "data.noise.count=60",
        "--set",
        "data.noise.test=20",
        "--set",
        "data.noise.size=28",
    ];
    assert_eq!(
        run(place.path(), &[&noise[..], &data].concat()).code,
        Some(0)
    );
    assert_eq!(run(place.path(), &["embed", "-q", "noise"]).code, Some(0));
    let table = String::from_utf8(read(place.path(), "runs/noise/latents.csv")).unwrap();
    assert!(table.lines().nth(1).unwrap().starts_with("0,,"), "{table}");
}

#[test]
fn an_edit_of_strength_0_is_the_reconstruction() {
    let place = with_smoke_run();
    let edit = |out: &str, more: &[&str]| {
        let done = run(
            place.path(),
            &[
                &["edit", "--add", "8", "--subtract", "3", "--out", out],
                more,
            ]
            .concat(),
        );
        assert_eq!(done.line(), out);
        assert!(
            done.err.contains("training images of `8` minus that of "),
            "{}",
            done.err
        );
        open(place.path(), out)
    };
    let five = ["--images", "0,1,2,3,4"];
    let sheet = edit(
        "edit.png",
        &[&five[..], &["--strength", "-1,0,1.5"]].concat(),
    );
    let plain = run(
        place.path(),
        &["reconstruct", "-q", "--n", "5", "--out", "plain.png"],
    );
    let plain = open(place.path(), plain.line());
    for row in 0..5 {
        let [image, back, none, far] =
            [0, 1, 2, 3].map(|column| cell(&sheet, [4, 5], [column, row]));
        assert!(
            image == cell(&plain, [5, 2], [row, 0]),
            "row {row}: the image itself"
        );
        assert!(
            none == cell(&plain, [5, 2], [row, 1]),
            "row {row}: its reconstruction"
        );
        assert!(
            back != none && far != none && back != far,
            "row {row}: the vector moves it"
        );
    }
    // With the classes exchanged, a negative strength gives the same images.
    let turned =
        "edit -q --add 3 --subtract 8 --images=0,1,2,3,4 --strength=1,-1.5 --out turned.png";
    let turned = run(place.path(), &turned.split(' ').collect::<Vec<_>>());
    let turned = open(place.path(), turned.line());
    assert!(cell(&turned, [3, 5], [1, 2]) == cell(&sheet, [4, 5], [1, 2]));
    assert!(cell(&turned, [3, 5], [2, 2]) == cell(&sheet, [4, 5], [3, 2]));
    // `--images` selects the rows.
    let chosen = edit("chosen.png", &["--images", "4,199,0", "--strength", "0,1"]);
    assert!(cell(&chosen, [3, 3], [0, 0]) == cell(&plain, [5, 2], [4, 0]));
    assert!(cell(&chosen, [3, 3], [0, 2]) == cell(&plain, [5, 2], [0, 0]));
    // By default the rows are images of the subtracted class.
    let labels = vae::data::Digits {
        train: 1000,
        test: 200,
        ..Default::default()
    }
    .draw()
    .test
    .labels
    .unwrap();
    let threes = (0..200)
        .filter(|&index| labels[index] == 3)
        .map(|index| index.to_string())
        .take(4);
    let threes = edit(
        "threes.png",
        &["--images", &threes.collect::<Vec<_>>().join(",")],
    );
    assert!(edit("default.png", &["--n", "4"]) == threes);
    assert_eq!(
        run(
            place.path(),
            &["edit", "-q", "--add", "1", "--subtract", "0"]
        )
        .line(),
        "runs/smoke-1/edits.png"
    );
}

#[test]
fn an_edit_can_start_from_folders() {
    let place = with_smoke_run();
    let digits = vae::data::Digits {
        train: 1000,
        test: 200,
        ..Default::default()
    }
    .draw()
    .train;
    // The training images of two classes, as files, give the same concept vector.
    for class in [8_u32, 3] {
        let folder = place.path().join(format!("of-{class}"));
        fs::create_dir_all(folder.join("below")).unwrap();
        fs::write(folder.join(".hidden"), "no image").unwrap();
        for (index, _) in digits
            .labels
            .as_ref()
            .unwrap()
            .iter()
            .enumerate()
            .filter(|(_, label)| **label == class)
        {
            let image =
                image::GrayImage::from_raw(28, 28, digits.image(index).unwrap().to_vec()).unwrap();
            image.save(folder.join(format!("{index:04}.png"))).unwrap();
        }
    }
    let edit = |add: &str, subtract: &str, out: &str| {
        let groups = ["edit", "-q", "--add", add, "--subtract", subtract];
        let done = run(
            place.path(),
            &[&groups[..], &["--images", "0,1,2", "--out", out]].concat(),
        );
        assert_eq!((done.line(), done.err.as_str()), (out, ""));
        read(place.path(), out)
    };
    let classes = edit("8", "3", "classes.png");
    assert!(edit("of-8", "of-3", "folders.png") == classes);
    assert!(edit("of-8", "3", "mixed.png") == classes);
    assert!(edit("of-3", "8", "turned.png") != classes);
}

#[test]
fn groups_that_cannot_be_had_are_named() {
    let place = with_smoke_run();
    fs::create_dir(place.path().join("empty")).unwrap();
    fs::write(place.path().join("empty/.DS_Store"), "").unwrap();
    fs::create_dir(place.path().join("words")).unwrap();
    fs::write(place.path().join("words/note.txt"), "no image").unwrap();
    fs::write(place.path().join("file.png"), "").unwrap();
    let before = files(place.path()).len();
    let edit = |add: &str| {
        run(
            place.path(),
            &["edit", "-q", "--add", add, "--subtract", "3"],
        )
    };
    for (add, pass) in [
        (
            "eight",
            &[
                "--add eight: no such class, and no such folder",
                "hint: the classes are 0, 1, 2, 3, 4",
            ][..],
        ),
        (
            "empty",
            &[
                "empty: this folder has no images",
                "hint: PNG, JPEG, GIF, BMP",
            ],
        ),
        (
            "words",
            &["words/note.txt: not an image of a known kind", "hint: PNG"],
        ),
        (
            "file.png",
            &[
                "--add file.png: this is a file; expected a class or a folder",
                "hint: ",
            ],
        ),
        ("3", &["--add and --subtract are both 3"]),
    ] {
        edit(add).failed(2, pass);
    }
    let edit = |more: &[&str]| {
        run(
            place.path(),
            &[&["edit", "-q", "--add", "8", "--subtract", "3"], more].concat(),
        )
    };
    edit(&["--images", "0,200"])
        .failed(2, &["--images 200: the test images are numbered 0 to 199"]);
    edit(&["--strength", "0,nan"]).failed(2, &["--strength NaN: expected numbers"]);
    run(
        place.path(),
        &["edit", "-q", "--add", "empty", "--subtract", "./empty"],
    )
    .failed(2, &["are both empty"]);
    edited(place.path(), |card, _| {
        card["classes"] = json!(["shirt", "shoe"])
    });
    let done = run(
        place.path(),
        &["edit", "-q", "--add", "shrit", "--subtract", "shoe"],
    );
    done.failed(
        2,
        &[
            "--add shrit: no such class",
            "hint: did you mean `shirt`? The classes are shirt, shoe",
        ],
    );
    edited(place.path(), |card, _| card["classes"] = json!([]));
    edit(&[]).failed(
        2,
        &[
            "--add 8: no such class",
            "hint: this run's data has no labels",
            "pass a folder of images",
        ],
    );
    assert_eq!(files(place.path()).len(), before, "nothing is written");
}

#[test]
fn samples_of_the_box_are_decided_by_the_seed() {
    let place = with_smoke_run();
    let sample = |out: &str, more: &[&str]| {
        let done = run(
            place.path(),
            &[&["sample", "-q", "--n", "16", "--out", out], more].concat(),
        );
        assert_eq!(done.line(), out);
        read(place.path(), out)
    };
    let sheet = sample("box.png", &["--box"]);
    assert!(sample("again.png", &["--box", "--threads", "1", "--seed", "1"]) == sheet);
    assert!(sample("other.png", &["--box", "--seed", "2"]) != sheet);
    assert!(sample("prior.png", &[]) != sheet);
}

#[test]
fn eval_has_the_errors_of_the_model_and_of_pca() {
    let place = with_smoke_run();
    let eval = |more: &[&str]| -> Value {
        serde_json::from_str(run(place.path(), &[&["eval", "--json", "-q"], more].concat()).line())
            .unwrap()
    };
    let found = eval(&[]);
    let number = |key: &str| found[key].as_f64().unwrap();
    assert_eq!(found["pca_components"], 8);
    // After two epochs the network is worse than eight principal components, whose error is known.
    assert!(
        number("squared_error") > number("pca_squared_error") && number("pca_squared_error") > 10.0,
        "{found}"
    );
    assert!(number("squared_error_se") > 0.0 && number("pca_squared_error_se") > 0.0);
    let one = eval(&["--threads", "1"]);
    for key in ["squared_error", "pca_squared_error"] {
        assert_eq!(one[key], found[key], "{key}");
    }
    // PCA has the smallest error on the images that it was fitted to.
    let train = eval(&["--split", "train"]);
    assert!(train["pca_squared_error"].as_f64() < found["pca_squared_error"].as_f64());
    let without = eval(&["--no-reconstruction"]);
    assert!(
        without["squared_error"].is_null()
            && without["pca_squared_error"].is_null()
            && without["elbo"] == found["elbo"]
    );
    let text = run(place.path(), &["eval", "-q"]).out;
    for part in [
        format!("squared error {:.2} ± ", number("squared_error")),
        format!("PCA squared error {:.2} ± ", number("pca_squared_error")),
    ] {
        assert!(squeezed(&text).contains(&part), "{part}: {text}");
    }
    assert!(text.contains("8 principal components of the training images"));
    assert!(
        !run(place.path(), &["eval", "-q", "--no-reconstruction"])
            .out
            .contains("squared error")
    );
}

#[test]
fn latents_that_are_no_numbers_are_not_written() {
    let place = with_smoke_run();
    edited(place.path(), |_, tensors| {
        let weight = tensors
            .iter_mut()
            .find(|tensor| tensor.name == "mean.weight");
        weight.unwrap().values.fill(f32::MAX);
    });
    let before = files(place.path());
    run(place.path(), &["embed", "-q"]).failed(1, &["its latents are NaN or infinite", "hint: "]);
    assert_eq!(files(place.path()), before);
    for command in [
        &["edit", "-q", "--add", "8", "--subtract", "3"][..],
        &["sample", "-q", "--box"],
    ] {
        run(place.path(), command).failed(1, &["its latents are NaN or infinite"]);
    }
    assert_eq!(files(place.path()), before);
}

#[test]
fn a_conditional_model_is_told_the_classes() {
    let place = TempDir::new().unwrap();
    let sets = [
        "--set",
        "condition.decoder=concat",
        "--set",
        "condition.encoder=true",
    ];
    assert_eq!(
        run(
            place.path(),
            &[&SMOKE[..], &["-q", "--epochs", "1"], &sets].concat()
        )
        .line(),
        "runs/smoke-1"
    );
    assert_eq!(run(place.path(), &["embed", "-q"]).code, Some(0));
    let strength = ["--strength", "0", "--images", "0,1,2", "--out", "edit.png"];
    let edit = |add: &str| {
        run(
            place.path(),
            &[
                &["edit", "-q", "--add", add, "--subtract", "3"],
                &strength[..],
            ]
            .concat(),
        )
    };
    assert_eq!(edit("8").line(), "edit.png");
    // At strength 0 each image, decoded as its own class, is the plain reconstruction.
    let plain = run(
        place.path(),
        &["reconstruct", "-q", "--n", "3", "--out", "plain.png"],
    );
    let (sheet, plain) = (
        open(place.path(), "edit.png"),
        open(place.path(), plain.line()),
    );
    for row in 0..3 {
        assert!(
            cell(&sheet, [2, 3], [1, row]) == cell(&plain, [3, 2], [row, 1]),
            "row {row}"
        );
    }
    fs::create_dir(place.path().join("mine")).unwrap();
    fs::write(place.path().join("mine/1.png"), "").unwrap();
    edit("mine").failed(
        2,
        &[
            "--add mine: this model's encoder is told each image's class",
            "hint: name a class",
        ],
    );
    assert_eq!(
        run(
            place.path(),
            &["sample", "-q", "--box", "--label", "8", "--out", "box.png"]
        )
        .line(),
        "box.png"
    );
    assert_eq!(run(place.path(), &["eval", "-q"]).code, Some(0));
}
