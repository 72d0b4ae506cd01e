//! Tests what the commands say of a person's own images, and where they write.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::own_images::{SHORT, disc, save, two_classes};
use crate::program::{Done, read, run};
use crate::tiny::with_tiny_runs;

fn done(place: &Path, arguments: &[&str]) -> Done {
    let done = run(place, arguments);
    assert_eq!(done.code, Some(0), "{arguments:?}: {}", done.err);
    done
}

fn json(place: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&done(place, arguments).out).unwrap()
}

#[test]
fn a_row_of_a_table_without_an_image_is_an_error_or_skipped_and_listed() {
    let home = two_classes();
    let home = home.path();
    let rows = (0..40).map(|i| format!("cat/{i}.png,cat\n"));
    let table = rows.collect::<String>();
    let table = format!("file,label\n{table}cat/lost.png,cat\n");
    fs::write(home.join("mine/labels.csv"), table).unwrap();
    run(home, &["data", "mine"]).failed(
        2,
        &[
            "labels.csv: line 42: there is no image `cat/lost.png`",
            "broken=skip",
        ],
    );
    let skip = ["--set", "data.images.broken=skip"];
    let report = json(home, &[&["data", "mine", "--json"], &skip[..]].concat());
    assert_eq!(report["summary"]["images"], 40);
    let skipped = report["skipped"].as_array().unwrap();
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    assert_eq!(skipped[0]["name"], "cat/lost.png");
    let reason = "labels.csv, line 42: there is no image `cat/lost.png`";
    assert_eq!(skipped[0]["reason"], reason);
    done(home, &[&SHORT, &skip[..]].concat());
    let listed = String::from_utf8(read(home, "runs/mine-1/skipped.csv")).unwrap();
    assert!(listed.contains("cat/lost.png,"), "{listed}");
}

#[test]
fn a_table_is_pointed_at_its_folder_and_a_sheet_is_a_png() {
    let home = two_classes();
    let home = home.path();
    fs::write(home.join("mine/labels.csv"), "file\ncat/1.png\n").unwrap();
    run(home, &["data", "mine/labels.csv"]).failed(2, &["hint: ", "name that, mine"]);
    let sheet = run(home, &["data", "mine", "--sheet", "x.jpg"]);
    sheet.failed(2, &["x.jpg: expected a name that ends in `.png`"]);
    fs::write(home.join("d.pkl"), b"\x80\x04x").unwrap();
    run(home, &["data", "d.pkl"]).failed(2, &["d.pkl: is a Python pickle, which is not read"]);
}

#[test]
fn images_to_train_on_to_validate_on_and_to_test_on_are_counted_apart() {
    let home = two_classes();
    let home = home.path();
    let report = json(home, &["data", "mine", "--json"]);
    let count = |key: &str| report[key].as_u64().unwrap();
    let (train, validation, test) = (count("train"), count("validation"), count("test"));
    assert!(
        validation > 0 && train + validation + test == 80,
        "{report}"
    );
    let lines = done(home, &["data", "mine"]).out;
    let counted = format!("; {train} to train on; validation {validation}");
    assert!(lines.contains(&counted), "{counted}: {lines}");
    assert_eq!(lines.contains("can hardly tell"), test < 10, "{lines}");
    let few = done(home, &["data", "mine", "--set", "data.images.test=1e-9"]).out;
    assert!(few.contains("note: 1 test image can hardly tell"), "{few}");
    done(home, &SHORT);
    let again = done(home, &["train", "--resume", "mine-1", "--epochs", "3"]).err;
    assert!(again.contains(&counted), "{again}");
}

#[test]
fn a_config_for_images_says_how_to_train_with_it() {
    let home = two_classes();
    let home = home.path();
    let config = done(home, &["config", "--data", "mine"]).out;
    let (first, _) = config.split_once('\n').unwrap();
    assert!(
        first.starts_with('#') && first.contains("--data mine"),
        "{first}"
    );
    fs::write(home.join("own.toml"), &config).unwrap();
    let again = done(home, &["config", "own.toml"]).out;
    assert_eq!(config.split_once('\n').unwrap().1, again);
    let figure = "\n[[figures]]\nkind = \"sample\"\nm = 3\n";
    fs::write(home.join("wrong.toml"), config + figure).unwrap();
    for command in [
        &["config", "wrong.toml"][..],
        &["train", "--config", "wrong.toml", "--data", "mine"],
    ] {
        run(home, command).failed(2, &["wrong.toml: [[figures]], sample: "]);
    }
}

#[test]
fn new_images_that_the_model_was_trained_on_are_called_so() {
    let home = two_classes();
    let home = home.path();
    save(home, "new/1.png", disc(20, 20, 77));
    done(home, &SHORT);
    for place in ["mine", "mine/cat", "."] {
        let measured = done(home, &["eval", "mine-1", place]);
        let note = format!("note: {place} holds the images of the training");
        assert!(measured.err.contains(&note), "{}", measured.err);
        let said = "protocol: images of the training's data, ";
        assert!(measured.out.contains(said), "{}", measured.out);
        assert!(measured.out.contains("colour pixels"), "{}", measured.out);
    }
    let measured = done(home, &["eval", "mine-1", "new"]);
    assert!(
        !measured.err.contains("note: new holds"),
        "{}",
        measured.err
    );
    let said = "protocol: new images, 1 image, colour pixels";
    assert!(measured.out.contains(said), "{}", measured.out);
    let runs = json(home, &["list", "runs", "--json"]);
    assert_eq!(runs["runs"][0]["data"], "mine");
}

#[test]
fn weights_of_the_same_images_in_another_fit_are_said_to_know_the_test_images() {
    let home = two_classes();
    let home = home.path();
    done(home, &SHORT);
    let next = [
        "train", "--from", "mine-1", "--data", "mine", "--epochs", "1",
    ];
    let note = "was trained on the same images with another choice of test images";
    let same = done(home, &next).err;
    assert!(!same.contains(note), "{same}");
    for set in ["data.images.invert=true", "data.images.test=0.2"] {
        let other = done(home, &[&next[..], &["--set", set]].concat()).err;
        assert_eq!(other.matches(note).count(), 1, "{set}: {other}");
    }
    // By the folder's name the choice does not depend on the pixels.
    fs::rename(home.join("mine"), home.join("moved")).unwrap();
    let moved = [
        "train",
        "--from",
        "mine-1",
        "--data",
        "moved",
        "--epochs",
        "1",
        "--set",
        "data.images.invert=true",
    ];
    let moved = done(home, &moved).err;
    assert!(!moved.contains(note), "{moved}");
}

#[test]
fn figures_of_new_images_leave_those_of_the_test_images() {
    let place = with_tiny_runs();
    let place = place.path();
    for command in ["reconstruct", "traverse"] {
        done(place, &[command, "mine", "-q"]);
    }
    let names = [
        "latents.npy",
        "latents.csv",
        "latents.png",
        "latents.svg",
        "reconstructions.png",
        "traverse.png",
    ];
    let all = || names.map(|name| read(place, &format!("runs/mine/{name}")));
    let before = all();
    let images = image::GrayImage::from_fn(28, 28, |x, y| image::Luma([(x * y % 256) as u8]));
    images.save(place.join("new.png")).unwrap();
    for command in ["embed", "reconstruct", "traverse"] {
        done(place, &[command, "mine", "new.png"]);
    }
    assert!(
        all() == before,
        "the files of the test images are as they were"
    );
    for name in names {
        assert!(
            place.join(format!("runs/mine/new-{name}")).exists(),
            "{name}"
        );
    }
    done(place, &["embed", "mine", "new.png", "--out", "apart"]);
    assert!(place.join("apart/latents.npy").exists());
    done(
        place,
        &["reconstruct", "mine", "new.png", "--out", "one.png"],
    );
    assert!(place.join("one.png").exists());
    // They are the run's own files.
    done(place, &["rm", "--yes", "mine"]);
    assert!(!place.join("runs/mine").exists());
}

#[test]
fn a_folder_of_samples_is_replaced_with_a_note() {
    let place = with_tiny_runs();
    let place = place.path();
    let sample = |n: &str| done(place, &["sample", "mine", "--n", n, "--out", "samples"]).err;
    assert!(!sample("5").contains("replacing"));
    let again = sample("3");
    let note = "note: replacing 5 files of an earlier command in samples";
    assert!(again.contains(note), "{again}");
    assert!(!place.join("samples/000003.png").exists());
}
