//! Tests `vae sample` and `vae decode` with folders, arrays and sheets.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Done, edited, files, read, run, train, vae_on_a_full_disk, with_smoke_run};
use crate::tiny::with_tiny_runs;

fn sample(place: &TempDir, out: &str, more: &[&str]) -> Done {
    run(
        place.path(),
        &[&["sample", "-q", "--out", out], more].concat(),
    )
}

/// Returns the sizes and the bytes of an array of uint8.
fn array(folder: &Path, name: &str) -> (String, Vec<u8>) {
    let bytes = read(folder, name);
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8(bytes[10..10 + length].to_vec()).unwrap();
    assert!(
        header.contains("'descr': '|u1', 'fortran_order': False"),
        "{header}"
    );
    let (_, shape) = header.split_once("'shape': ").unwrap();
    let (shape, _) = shape.split_once(", }").unwrap();
    (shape.to_owned(), bytes[10 + length..].to_vec())
}

/// Returns the pixels of the first `count` images of a folder.
fn pixels(folder: &Path, count: usize) -> Vec<u8> {
    let open = |index: usize| image::open(folder.join(format!("{index:06}.png"))).unwrap();
    (0..count)
        .flat_map(|index| open(index).into_luma8().into_raw())
        .collect()
}

#[test]
fn a_folder_an_array_and_a_sheet_hold_the_same_images_whatever_their_number() {
    let place = with_smoke_run();
    assert_eq!(sample(&place, "few", &["--n", "3"]).line(), "few");
    assert_eq!(sample(&place, "many", &["--n", "600"]).line(), "many");
    assert_eq!(
        sample(&place, "many.npy", &["--n", "600", "--threads", "1"]).line(),
        "many.npy"
    );
    let names = |folder: &str| files(&place.path().join(folder));
    assert_eq!(
        names("few"),
        ["000000.png", "000001.png", "000002.png", "samples.json"]
    );
    assert_eq!(names("many").len(), 601);
    for name in names("few").iter().filter(|name| name.ends_with("png")) {
        assert!(
            read(place.path(), &format!("few/{name}"))
                == read(place.path(), &format!("many/{name}"))
        );
    }
    let (shape, bytes) = array(place.path(), "many.npy");
    assert_eq!(shape, "(600, 28, 28)");
    assert!(bytes == pixels(&place.path().join("many"), 600));
    // The second image of the sheet, whose pixels are squares of two.
    sample(&place, "sheet.png", &["--n", "3"]).line();
    let sheet = image::open(place.path().join("sheet.png"))
        .unwrap()
        .into_luma8();
    let cell: Vec<u8> = (0..28 * 28)
        .map(|at| sheet.get_pixel(2 + 58 + at % 28 * 2, 2 + at / 28 * 2)[0])
        .collect();
    assert!(cell == bytes[28 * 28..2 * 28 * 28]);
    let about: Value = serde_json::from_slice(&read(place.path(), "few/samples.json")).unwrap();
    assert_eq!(
        (&about["from"], &about["seed"]),
        (&"prior".into(), &1.into())
    );
}

#[test]
fn images_with_colours_are_arrays_of_pixels() {
    let place = TempDir::new().unwrap();
    let sets = [
        "-q",
        "--epochs",
        "1",
        "--set",
        "data.noise.size=12",
        "--set",
        "data.noise.channels=3",
        "--set",
        "data.noise.count=100",
        "--set",
        "data.noise.test=20",
    ];
    train(place.path(), &sets).line();
    sample(&place, "a.npy", &["--n", "5"]).line();
    let (shape, bytes) = array(place.path(), "a.npy");
    assert_eq!(bytes.len(), 5 * 3 * 12 * 12);
    assert_eq!(shape, "(5, 12, 12, 3)");
    sample(&place, "a", &["--n", "5"]).line();
    let first = image::open(place.path().join("a/000004.png")).unwrap();
    assert_eq!(first.color(), image::ColorType::Rgb8);
    assert!(first.into_rgb8().into_raw() == bytes[4 * 3 * 12 * 12..]);
}

#[test]
fn a_conditional_model_says_the_class_of_each_image() {
    let place = TempDir::new().unwrap();
    train(
        place.path(),
        &["-q", "--epochs", "1", "--set", "condition.decoder=add"],
    )
    .line();
    let table = |name: &str| String::from_utf8(read(place.path(), name)).unwrap();
    sample(&place, "drawn", &["--n", "20"]).line();
    let drawn = table("drawn/samples.csv");
    assert_eq!(drawn.lines().count(), 21);
    assert!(drawn.starts_with("file,label\n000000.png,"));
    // `all` writes the classes of one latent after each other, so that more latents leave the first images as they are.
    sample(&place, "two", &["--label", "all", "--n", "2"]).line();
    sample(&place, "three", &["--label", "all", "--n", "3"]).line();
    assert!(table("three/samples.csv").starts_with(&table("two/samples.csv")));
    assert!(table("two/samples.csv").contains("000013.png,3\n"));
    assert!(pixels(&place.path().join("two"), 20) == pixels(&place.path().join("three"), 20));
    sample(&place, "eights", &["--label", "8", "--n", "2"]).line();
    assert!(read(place.path(), "eights/000001.png") == read(place.path(), "two/000018.png"));
    let done = sample(&place, "drawn.npy", &["--n", "20"]);
    assert_eq!(done.out, "drawn.npy\ndrawn.labels.csv\n");
    let labels = |text: String| {
        text.lines()
            .skip(1)
            .map(|line| line[line.len() - 1..].to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(labels(table("drawn.labels.csv")), labels(drawn));
    // The own table is replaced, and no other one.
    let again = sample(&place, "drawn.npy", &["--n", "3"]);
    assert_eq!(again.out, done.out, "{}", again.err);
    fs::write(place.path().join("drawn.labels.csv"), "name,label\n").unwrap();
    sample(&place, "drawn.npy", &["--n", "3"]).failed(
        2,
        &[
            "drawn.labels.csv: the classes of the images are written here",
            "hint: move it away",
        ],
    );
    assert_eq!(table("drawn.labels.csv"), "name,label\n");
}

#[test]
fn only_a_folder_that_this_program_wrote_is_written_again() {
    let place = with_smoke_run();
    sample(&place, "out", &["--n", "12"]).line();
    sample(&place, "out", &["--n", "4", "--seed", "2"]).line();
    assert_eq!(
        files(&place.path().join("out")).len(),
        5,
        "none of the earlier images is left"
    );
    fs::write(place.path().join("out/notes.txt"), "mine").unwrap();
    let before = files(&place.path().join("out"));
    let refused = sample(&place, "out", &["--n", "2"]);
    refused.failed(
        2,
        &[
            "out: this folder holds other files, such as notes.txt",
            "hint: name a new folder",
        ],
    );
    fs::create_dir(place.path().join("own")).unwrap();
    fs::write(place.path().join("own/000000.png"), "mine").unwrap();
    sample(&place, "own", &["--n", "2"])
        .failed(2, &["own: this folder holds images and no samples.json"]);
    fs::write(place.path().join("own/samples.json"), "{\"count\": 1}").unwrap();
    sample(&place, "own", &["--n", "2"]).failed(
        2,
        &["own/samples.json: not a file of `vae`: expected JSON with the key model_hash"],
    );
    assert_eq!(read(place.path(), "own/000000.png"), b"mine");
    assert_eq!(files(&place.path().join("out")), before);
    sample(&place, "runs/smoke-1", &["--n", "2"]).failed(2, &["this folder holds other files"]);
    fs::write(place.path().join("file"), "").unwrap();
    sample(&place, "file", &["--n", "2"]).failed(2, &["file: cannot be written"]);
}

#[test]
fn a_request_that_does_not_fit_its_place_is_refused() {
    let place = with_smoke_run();
    for (out, more, parts) in [
        (
            "a.jpg",
            &[][..],
            &["a.jpg: expected a name that ends in `.png` (a sheet)"][..],
        ),
        ("a.npz", &[], &["a.npz: expected a name"]),
        (
            "a.png",
            &["--n", "10001"],
            &["at most 10000", "--out FOLDER"],
        ),
        ("a", &["--n", "0"], &["--n is 0"]),
        ("a.npy", &["--n", "1000000001"], &["at most 1000000000"]),
    ] {
        sample(&place, out, more).failed(2, parts);
    }
    assert!(!place.path().join("a").exists());
}

#[test]
fn a_full_disk_and_numbers_that_are_no_pixels_leave_no_array() {
    let place = with_smoke_run();
    let arguments = ["sample", "-q", "--n", "600", "--out", "a.npy"];
    let full = vae_on_a_full_disk(place.path(), &arguments)
        .output()
        .unwrap();
    Done::of(full).failed(1, &["a.npy: cannot be written", "hint: make room"]);
    edited(place.path(), |_, tensors| {
        let weight = tensors
            .iter_mut()
            .find(|tensor| tensor.name == "decoder.0.weight");
        weight.unwrap().values.fill(f32::MAX);
    });
    sample(&place, "a.npy", &[]).failed(1, &["its images are NaN or infinite"]);
    sample(&place, "a", &[]).failed(1, &["its images are NaN or infinite"]);
    let left: Vec<String> = files(place.path())
        .into_iter()
        .filter(|name| name.contains("npy"))
        .collect();
    assert_eq!(left, [""; 0]);
}

/// A run is stopped while it writes far more images than it can within a test.
#[cfg(unix)]
#[test]
fn an_interrupt_keeps_the_images_of_a_folder_and_no_part_of_an_array() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use crate::program::{listening, vae};
    let place = with_smoke_run();
    let stopped = |out: &str, started: &dyn Fn() -> bool| {
        let arguments = ["sample", "--n", "50000000", "--out", out];
        let mut command = listening(&vae(place.path(), &arguments));
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while !started() {
            assert!(began.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(20));
        }
        let id = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .unwrap()
                .success()
        );
        Done::of(child.wait_with_output().unwrap())
    };
    let names = || {
        fs::read_dir(place.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
    };
    let size = |name: String| fs::metadata(place.path().join(name)).map_or(0, |file| file.len());
    let is_partial = |name: &String| name.contains("a.npy");
    let done = stopped("a.npy", &|| {
        names()
            .filter(is_partial)
            .any(|name| size(name) > 1_000_000)
    });
    done.failed(
        130,
        &[
            "interrupted: stopped after ",
            "of 50000000 images; nothing is written",
        ],
    );
    assert!(!names().any(|name| is_partial(&name)));
    let done = stopped("many", &|| place.path().join("many/00000700.png").is_file());
    done.failed(130, &["of 50000000 images; they are in many"]);
    let left = files(&place.path().join("many"));
    assert!(
        left.iter()
            .all(|name| name == "samples.json" || name.ends_with(".png")),
        "{left:?}"
    );
    let written = left.len() - 1;
    assert!(
        done.err.contains(&format!("stopped after {written} of")),
        "{written}: {}",
        done.err
    );
    // What is left can be replaced.
    run(place.path(), &["sample", "-q", "--n", "2", "--out", "many"]).line();
    assert_eq!(files(&place.path().join("many")).len(), 3);
}

#[test]
fn decoding_latents_gives_the_same_images_from_every_file() {
    let place = with_tiny_runs();
    let decode = |latents: &str, out: &str| {
        run(
            place.path(),
            &["decode", "-q", "mine", latents, "--out", out],
        )
    };
    assert_eq!(decode("runs/mine/latents.npy", "a").line(), "a");
    assert_eq!(decode("runs/mine/latents.csv", "b.npy").line(), "b.npy");
    assert_eq!(files(&place.path().join("a")).len(), 31);
    let (shape, bytes) = array(place.path(), "b.npy");
    assert_eq!(shape, "(30, 28, 28)");
    assert!(bytes == pixels(&place.path().join("a"), 30));
    // The first column of reconstructions is the same image.
    decode("runs/mine/latents.npy", "c.png").line();
    let sheet = image::open(place.path().join("c.png"))
        .unwrap()
        .into_luma8();
    assert_eq!(
        sheet.get_pixel(2 + 2 * 14, 2 + 2 * 14)[0],
        bytes[14 * 28 + 14]
    );
    let about: Value = serde_json::from_slice(&read(place.path(), "a/samples.json")).unwrap();
    assert_eq!(about["latents"], "runs/mine/latents.npy");
    // Without RUN it is the newest run, and without --out a sheet in the run's folder.
    let done = run(place.path(), &["decode", "runs/mine/latents.npy"]);
    assert!(done.line().ends_with("/decoded.png"), "{}", done.out);
}

#[test]
fn latents_that_do_not_fit_the_model_are_refused_with_their_place() {
    let place = with_tiny_runs();
    fs::write(place.path().join("wide.csv"), "z0,z1,z2\n1,2,3\n").unwrap();
    fs::write(place.path().join("nan.csv"), "z0,z1\n1,2\n1,NaN\n").unwrap();
    fs::write(place.path().join("none.csv"), "z0,z1\n").unwrap();
    let mut npy = read(place.path(), "runs/mine/latents.npy");
    let at = npy.len() - 4;
    npy[at..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    fs::write(place.path().join("inf.npy"), npy).unwrap();
    for (latents, more, parts) in [
        (
            "wide.csv",
            &[][..],
            &[
                "wide.csv: found latents of 3 numbers; expected 2",
                "hint: name the run",
            ][..],
        ),
        (
            "nan.csv",
            &[],
            &["nan.csv: row 2: z1 is NaN; expected a finite number"],
        ),
        ("inf.npy", &[], &["inf.npy: row 29: z1 is inf"]),
        ("none.csv", &[], &["none.csv: holds no latents"]),
        ("missing.npy", &[], &["missing.npy: no such file"]),
        (
            "factors.csv",
            &[],
            &["factors.csv: has no columns z0, z1, ..."],
        ),
        (
            "runs/mine/latents.npy",
            &["--label", "3"],
            &["--label 3: this model is not conditional"],
        ),
        (
            "runs/mine/latents.npy",
            &["--out", "a.gif"],
            &["a.gif: expected a name that ends in `.png`"],
        ),
    ] {
        run(
            place.path(),
            &[&["decode", "-q", "mine", latents], more].concat(),
        )
        .failed(2, parts);
    }
}

#[test]
fn a_conditional_model_decodes_each_latent_as_its_own_class_or_all_as_one() {
    let place = TempDir::new().unwrap();
    train(
        place.path(),
        &["-q", "--epochs", "1", "--set", "condition.decoder=add"],
    )
    .line();
    run(place.path(), &["embed", "-q", "--n", "20"])
        .code
        .unwrap();
    let decode = |latents: &str, more: &[&str]| {
        let latents = format!("runs/smoke-1/latents.{latents}");
        run(
            place.path(),
            &[&["decode", "-q", "smoke-1", &latents], more].concat(),
        )
    };
    decode("npy", &[]).failed(
        2,
        &[
            "this model is conditional: name a class",
            "a column `label`, such as latents.csv",
        ],
    );
    decode("csv", &["--out", "own"]).line();
    let table = |name: &str| String::from_utf8(read(place.path(), name)).unwrap();
    let labels = |text: String, at: usize| {
        text.lines()
            .skip(1)
            .map(|line| line.split(',').nth(at).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        labels(table("own/samples.csv"), 1),
        labels(table("runs/smoke-1/latents.csv"), 1)
    );
    decode("npy", &["--label", "8", "--out", "eights"]).line();
    assert!(
        labels(table("eights/samples.csv"), 1)
            .iter()
            .all(|label| label == "8")
    );
    decode("csv", &["--label", "8", "--out", "same"]).line();
    assert!(pixels(&place.path().join("same"), 20) == pixels(&place.path().join("eights"), 20));
    decode("csv", &["--out", "sheet.png"]).line();
    // The table of classes does not replace the latents beside it.
    let before = table("runs/smoke-1/latents.csv");
    let done = decode("csv", &["--out", "runs/smoke-1/latents.npy"]);
    assert_eq!(
        done.out,
        "runs/smoke-1/latents.npy\nruns/smoke-1/latents.labels.csv\n"
    );
    assert_eq!(table("runs/smoke-1/latents.csv"), before);
    let wrong: Vec<String> = table("runs/smoke-1/latents.csv")
        .lines()
        .enumerate()
        .map(|(line, text)| {
            if line == 1 {
                text.replacen(',', ",x", 1)
            } else {
                text.to_owned()
            }
        })
        .collect();
    fs::write(
        place.path().join("runs/smoke-1/latents.csv"),
        wrong.join("\n"),
    )
    .unwrap();
    decode("csv", &[]).failed(
        2,
        &[
            "row 1: label \"x",
            "no such class",
            "hint: the classes are 0, 1",
        ],
    );
}
