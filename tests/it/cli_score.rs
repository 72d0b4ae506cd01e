//! Tests `vae score` and `vae calibrate`: what is promised, what is refused, and how a run ends.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use image::{GrayImage, Luma};
use serde_json::Value;
use tempfile::TempDir;
use vae::rng::Rng;

use crate::own_images::save;
use crate::program::{self, Done, copy_folder, run};

/// Returns a soft spot at a random place: a normal image.
pub fn spot(seed: u64) -> GrayImage {
    let rng = Rng::new(seed);
    let [x0, y0] = [0, 1].map(|i| 3.0 + 6.0 * rng.uniform(i));
    GrayImage::from_fn(12, 12, |x, y| {
        let square = (x as f32 - x0).powi(2) + (y as f32 - y0).powi(2);
        let noise = 8.0 * rng.uniform(u64::from(2 + 12 * y + x));
        Luma([(200.0 * (-square / 8.0).exp() + noise) as u8])
    })
}

/// Returns bright noise: an abnormal image.
pub fn noise(seed: u64) -> GrayImage {
    let rng = Rng::new(seed).stream("noise");
    GrayImage::from_fn(12, 12, |x, y| {
        Luma([rng.below(u64::from(12 * y + x), 256) as u8])
    })
}

/// Returns a place with the folder `parts` of 300 normal and 12 abnormal images, a folder `new` of others, and the run
/// `parts-1`.
pub fn with_run() -> TempDir {
    static TRAINED: OnceLock<PathBuf> = OnceLock::new();
    let trained = TRAINED.get_or_init(|| {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("score-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for i in 0..300 {
            save(&folder, &format!("parts/good/{i}.png"), spot(i));
        }
        for i in 0..12 {
            save(&folder, &format!("parts/bad/{i}.png"), noise(i));
            save(&folder, &format!("new/bad{i}.png"), noise(100 + i));
        }
        for i in 0..30 {
            save(&folder, &format!("new/good{i}.png"), spot(1000 + i));
        }
        let arguments = "train -q --data parts --set train.epochs=10";
        let done = run(&folder, &arguments.split(' ').collect::<Vec<_>>());
        assert_eq!(done.line(), "runs/parts-1", "{}", done.err);
        folder
    });
    let copy = TempDir::new().unwrap();
    copy_folder(trained, copy.path());
    let about = copy.path().join("runs/parts-1/about.json");
    let text = fs::read_to_string(&about).unwrap();
    let moved = text.replace(trained.to_str().unwrap(), copy.path().to_str().unwrap());
    fs::write(about, moved).unwrap();
    copy
}

pub fn vae(home: &TempDir, arguments: &str) -> Done {
    run(home.path(), &arguments.split(' ').collect::<Vec<_>>())
}

const HEADER: &str = "path,score,p,flagged,unreadable";

/// Returns the lines of CSV on stdout, without the header.
fn rows(done: &Done) -> Vec<Vec<String>> {
    let mut lines = done.out.lines();
    assert_eq!(lines.next(), Some(HEADER), "{}", done.err);
    let row = |line: &str| line.split(',').map(str::to_owned).collect();
    lines.map(row).collect()
}

#[test]
fn a_training_beside_abnormal_images_keeps_normal_ones_to_calibrate_on_and_says_so() {
    let home = with_run();
    let config = fs::read_to_string(home.path().join("runs/parts-1/config.toml")).unwrap();
    assert!(config.contains("calibration = 0.2"), "{config}");
    let found = vae(&home, "data parts");
    assert!(found.out.contains("; calibration "), "{}", found.out);
    // Another set has none, and its config does not speak of it.
    for i in 0..30 {
        save(home.path(), &format!("plain/{i}.png"), spot(i));
    }
    let config = vae(&home, "config --data plain");
    assert_eq!(config.code, Some(0), "{}", config.err);
    assert!(!config.out.contains("calibration"), "{}", config.out);
    let config = vae(&home, "config --data parts --set data.images.calibration=0");
    assert!(config.out.contains("calibration = 0"), "{}", config.out);
}

#[test]
fn abnormal_images_are_flagged_and_normal_ones_rarely() {
    let home = with_run();
    let done = vae(&home, "score parts-1 new");
    assert_eq!(done.code, Some(0), "{}", done.err);
    for part in [
        "those that the training set aside",
        "not promised",
        "flagged: a normal image with probability at most",
    ] {
        assert!(done.err.contains(part), "{part}: {}", done.err);
    }
    let rows = rows(&done);
    assert_eq!(rows.len(), 42);
    let flagged = |kind: &str| {
        let of_kind = rows.iter().filter(|row| row[0].contains(kind));
        of_kind.filter(|row| row[3] == "1").count()
    };
    assert_eq!(flagged("bad"), 12);
    assert!(flagged("good") <= 8, "{}", done.out);
    for row in &rows {
        let p: f64 = row[2].parse().unwrap();
        assert_eq!(row[3] == "1", p <= 0.05, "{row:?}");
    }
    // The test images, without names of images; JSON says the same.
    let done = vae(&home, "score parts-1 --json --fpr 0.1");
    assert_eq!(done.code, Some(0), "{}", done.err);
    let report: Value = serde_json::from_str(&done.out).unwrap();
    let images = report["images"].as_array().unwrap();
    assert!(report["flagged"].as_u64().unwrap() >= 12);
    assert_eq!(
        images
            .iter()
            .filter(|image| image["flagged"] == true)
            .count() as u64,
        report["flagged"]
    );
    assert!(report["mean_rate"].as_f64().unwrap() <= 0.1);
}

#[test]
fn an_image_has_one_score_wherever_it_lies() {
    let home = with_run();
    fs::create_dir(home.path().join("alone")).unwrap();
    fs::copy(
        home.path().join("new/good7.png"),
        home.path().join("alone/x.png"),
    )
    .unwrap();
    let all = rows(&vae(&home, "score parts-1 new"));
    let alone = rows(&vae(&home, "score parts-1 alone/x.png"));
    let there = all
        .iter()
        .find(|row| row[0].ends_with("good7.png"))
        .unwrap();
    assert_eq!(alone[0][2], there[2]);
    let [a, b] = [&alone[0][1], &there[1]].map(|score| score.parse::<f64>().unwrap());
    assert!((a - b).abs() < 1e-3 * a.abs().max(1.0), "{a} {b}");
}

#[test]
fn every_score_works_and_its_rows_have_numbers() {
    let home = with_run();
    for score in [
        "reconstruction",
        "kl",
        "error",
        "iw",
        "complexity",
        "regret",
        "map",
    ] {
        let done = vae(&home, &format!("score parts-1 new --score {score}"));
        assert_eq!(done.code, Some(0), "{score}: {}", done.err);
        let found = rows(&done);
        assert_eq!(found.len(), 42);
        assert!(
            found
                .iter()
                .all(|row| row[1].parse::<f64>().unwrap().is_finite())
        );
    }
}

#[test]
fn too_few_calibration_images_are_an_error_with_the_number_needed() {
    let home = with_run();
    vae(&home, "score parts-1 new --fpr 0.001")
        .failed(2, &["needs 999 calibration images", "hint: "]);
    vae(&home, "score parts-1 new --fpr 0.01 --confidence 0.95").failed(2, &["needs 299"]);
    vae(&home, "score parts-1 new --fpr 0").failed(2, &["--fpr is 0; expected"]);
    vae(&home, "score parts-1 new --fdr 1").failed(2, &["--fdr is 1; expected"]);
    vae(&home, "score parts-1 new --score error --samples 3").failed(2, &["would have no effect"]);
}

#[test]
fn a_bounded_share_of_false_alarms_flags_the_abnormal_images() {
    let home = with_run();
    let done = vae(&home, "score parts-1 new --fdr 0.2");
    assert_eq!(done.code, Some(0), "{}", done.err);
    let found = rows(&done);
    let bad = found.iter().filter(|row| row[0].contains("bad"));
    assert!(bad.clone().all(|row| row[3] == "1"), "{}", done.out);
    assert!(done.err.contains("on average at most"), "{}", done.err);
}

#[test]
fn the_exit_code_says_that_something_is_flagged_or_cannot_be_read() {
    let home = with_run();
    let done = vae(&home, "score parts-1 new --exit-code");
    assert_eq!(done.code, Some(3), "{}", done.err);
    let normal = rows(&done);
    let normal = normal.iter().find(|row| row[3] == "0").unwrap();
    let done = vae(&home, &format!("score parts-1 {} --exit-code", normal[0]));
    assert_eq!(done.code, Some(0), "{}", done.err);
    fs::write(home.path().join("new/broken.png"), "no image").unwrap();
    let done = vae(
        &home,
        &format!("score parts-1 {} new/broken.png --exit-code", normal[0]),
    );
    assert_eq!(done.code, Some(1), "{}", done.err);
    let found = rows(&done);
    assert_eq!(found[1][..4], ["new/broken.png", "", "", ""]);
    assert_ne!(found[1][4], "");
    assert!(
        done.err.contains("cannot read new/broken.png"),
        "{}",
        done.err
    );
}

#[test]
fn images_of_the_training_do_not_calibrate_and_others_take_the_place_of_those_set_aside() {
    let home = with_run();
    vae(&home, "calibrate parts-1 --normal parts/good").failed(
        2,
        &["have the pixels of images that trained or chose the model"],
    );
    for i in 0..120 {
        save(home.path(), &format!("more/{i}.png"), spot(5000 + i));
    }
    let done = vae(&home, "calibrate parts-1 --normal more");
    assert_eq!(done.line(), "runs/parts-1/calibration.json");
    assert!(
        done.err.contains("calibrated with 120 normal images"),
        "{}",
        done.err
    );
    let done = vae(&home, "score parts-1 new --fpr 0.01");
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.err.contains("120 normal images calibrate"),
        "{}",
        done.err
    );
    assert!(rows(&done).iter().filter(|row| row[3] == "1").count() >= 12);
    // Other scores have to be calibrated as well, and are kept beside.
    vae(&home, "score parts-1 new --score kl").failed(2, &["no scores `kl`", "vae calibrate"]);
    vae(&home, "score parts-1 new --samples 3").failed(2, &["from 3 samples", "--samples 3"]);
    assert_eq!(
        vae(&home, "calibrate parts-1 --normal more --score kl").code,
        Some(0)
    );
    for score in ["elbo", "kl"] {
        let done = vae(&home, &format!("score parts-1 new --score {score}"));
        assert_eq!(done.code, Some(0), "{}", done.err);
    }
    // Scores of other images would not be those of one calibration set.
    for i in 0..20 {
        save(home.path(), &format!("few/{i}.png"), spot(7000 + i));
    }
    let done = vae(&home, "calibrate parts-1 --normal few --score kl");
    assert!(
        done.err
            .contains("the scores elbo, kl of the calibration before are removed"),
        "{}",
        done.err
    );
    vae(&home, "score parts-1 new").failed(2, &["it has no scores `elbo`"]);
    // A file of another model calibrates nothing.
    let path = home.path().join("runs/parts-1/calibration.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("md5:", "md5:0", 1)).unwrap();
    vae(&home, "score parts-1 new").failed(2, &["scores of another model"]);
    fs::write(&path, "{").unwrap();
    vae(&home, "score parts-1 new").failed(2, &["no calibration"]);
}

#[test]
fn an_image_that_is_named_twice_and_a_flag_without_effect_are_refused() {
    let home = with_run();
    for i in 0..20 {
        save(home.path(), &format!("more/{i}.png"), spot(5000 + i));
    }
    for second in ["more", "./more", "more/3.png"] {
        vae(
            &home,
            &format!("calibrate parts-1 --normal more --normal {second}"),
        )
        .failed(2, &["are named a second time by", "name each image once"]);
    }
    for score in ["error", "kl"] {
        vae(
            &home,
            &format!("score parts-1 new --score {score} --samples 64"),
        )
        .failed(2, &["draws no samples"]);
    }
}

#[test]
fn a_run_without_calibration_images_says_how_to_calibrate_it() {
    let home = with_run();
    for i in 0..40 {
        save(home.path(), &format!("plain/{i}.png"), spot(i));
    }
    let done = vae(
        &home,
        "train -q --data plain --set train.epochs=1 --set train.patience=0",
    );
    assert_eq!(done.line(), "runs/plain-1");
    vae(&home, "score plain-1 new").failed(2, &["no images calibrate this model", "vae calibrate"]);
}

#[test]
fn paths_on_stdin_are_scored_as_they_arrive_and_one_that_cannot_be_read_has_a_row() {
    let home = with_run();
    fs::write(home.path().join("new/broken.png"), "no image").unwrap();
    let mut child = program::vae(home.path(), &["score", "parts-1", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut paths = child.stdin.take().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = || out.next().unwrap().unwrap();
    assert_eq!(line(), HEADER);
    // The row comes while stdin is still open.
    writeln!(paths, "new/good7.png").unwrap();
    assert!(line().starts_with("new/good7.png,"));
    writeln!(paths, "\nnone.png\nnew/broken.png\nnew").unwrap();
    drop(paths);
    let rest: Vec<String> = out.map(Result::unwrap).collect();
    let named = |name: &str| rest.iter().filter(|row| row.starts_with(name)).count();
    assert_eq!(named("none.png,,,,no such file"), 1, "{rest:?}");
    assert_eq!(named("new/broken.png,,,,"), 2, "{rest:?}");
    assert_eq!(rest.len(), 1 + 1 + 43);
    let done = Done::of(child.wait_with_output().unwrap());
    done.failed(1, &["cannot read none.png", "3 images cannot be read"]);
    vae(&home, "score parts-1 - new").failed(2, &["stands alone"]);
}

#[test]
fn the_rows_are_the_same_whether_images_are_named_listed_or_counted_as_json() {
    let home = with_run();
    let named = vae(&home, "score parts-1 new");
    let names: Vec<String> = rows(&named).into_iter().map(|row| row[0].clone()).collect();
    let list = home.path().join("list.txt");
    fs::write(&list, names.join("\r\n")).unwrap();
    let listed = program::vae(home.path(), &["score", "parts-1", "-"])
        .stdin(File::open(&list).unwrap())
        .output()
        .unwrap();
    assert_eq!(Done::of(listed).out, named.out);
    let report: Value = serde_json::from_str(&vae(&home, "score parts-1 new --json").out).unwrap();
    let paths = report["images"].as_array().unwrap().iter();
    let paths: Vec<&str> = paths.map(|image| image["path"].as_str().unwrap()).collect();
    assert_eq!(paths, names);
}

#[test]
fn maps_lie_beside_the_scores_and_a_coloured_pixel_is_as_rare_as_promised() {
    let home = with_run();
    for i in 0..170 {
        save(home.path(), &format!("fine/{i}.png"), spot(2000 + i));
    }
    let done = vae(&home, "score parts-1 new fine --fpr 0.1 --maps maps");
    assert_eq!(done.code, Some(0), "{}", done.err);
    for part in [
        "maps: pixels above",
        "at most 1000 training images",
        "any coloured pixel with probability at most",
    ] {
        assert!(done.err.contains(part), "{part}: {}", done.err);
    }
    let mut lines = done.out.lines();
    assert_eq!(lines.next(), Some("path,score,p,flagged,map_p,unreadable"));
    let about: Value =
        serde_json::from_slice(&fs::read(home.path().join("maps/maps.json")).unwrap()).unwrap();
    let threshold = about["threshold"].as_f64().unwrap() as f32;
    let (mut normal, mut coloured) = (0, 0);
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let map_p: f64 = cells[4].parse().unwrap();
        let place = home.path().join("maps").join(cells[0]);
        let overlay = image::open(&place).unwrap().into_rgb8();
        assert_eq!(overlay.dimensions(), (12, 12));
        let map = fs::read(place.with_extension("npy")).unwrap();
        assert_eq!((map.len(), &map[1..6]), (128 + 4 * 144, &b"NUMPY"[..]));
        let values = map[128..]
            .chunks(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
        // The pixels above the threshold are those in colour.
        for (pixel, value) in overlay.pixels().zip(values) {
            let is_grey = pixel[0] == pixel[1] && pixel[1] == pixel[2];
            assert_eq!(is_grey, value <= threshold, "{line}");
        }
        let has_colour = overlay.pixels().any(|pixel| pixel[0] != pixel[2]);
        assert_eq!(has_colour, map_p <= 0.1 + 1e-6, "{line}");
        if cells[0].contains("bad") {
            assert!(has_colour, "{line}");
        } else {
            normal += 1;
            coloured += usize::from(has_colour);
        }
    }
    // The promise is kept in the mean; this is one calibration set of about 60 images.
    assert_eq!(normal, 200);
    assert!(coloured <= 46, "{coloured}");
    // The scores are those without maps, and so are the p-values; the map's maximum is a score as well.
    let with: Vec<String> = done
        .out
        .lines()
        .skip(1)
        .map(|line| line.split(',').take(4).collect::<Vec<_>>().join(","))
        .collect();
    let without = vae(&home, "score parts-1 new fine --fpr 0.1");
    let without: Vec<String> = without
        .out
        .lines()
        .skip(1)
        .map(|line| line.split(',').take(4).collect::<Vec<_>>().join(","))
        .collect();
    assert_eq!(with, without);
    let maxima = vae(&home, "score parts-1 new fine --fpr 0.1 --score map");
    assert_eq!(maxima.code, Some(0), "{}", maxima.err);
    let p = |out: &str, column: usize| -> Vec<String> {
        out.lines()
            .skip(1)
            .map(|line| line.split(',').nth(column).unwrap().to_owned())
            .collect()
    };
    assert_eq!(p(&maxima.out, 2), p(&done.out, 4));
    // More maps of the same model go into the folder, others do not, and never among other files.
    assert_eq!(
        vae(&home, "score parts-1 new --fpr 0.1 --maps maps --json").code,
        Some(0)
    );
    vae(&home, "score parts-1 new --fpr 0.2 --maps maps").failed(2, &["with another threshold"]);
    vae(&home, "score parts-1 new --maps new").failed(2, &["new: this folder holds other files"]);
    vae(&home, "score parts-1 new --maps .").failed(2, &["holds other files"]);
}

#[test]
fn images_that_differ_in_their_ending_alone_have_maps_of_their_own() {
    let home = with_run();
    let report = |images: &str| -> Value {
        let done = vae(&home, &format!("score parts-1 {images} --maps maps --json"));
        assert_eq!(done.code, Some(0), "{}", done.err);
        serde_json::from_str(&done.out).unwrap()
    };
    save(home.path(), "two/1.png", spot(1));
    save(home.path(), "two/1.bmp", noise(1));
    let found = report("two");
    assert_eq!(found["maps"], "maps");
    assert!(found["map_threshold"].as_f64().unwrap() > 0.0);
    assert!(found["images"][0]["map_p"].is_f64());
    let maps = |name: &str| fs::read(home.path().join("maps/two").join(name)).unwrap();
    let names = ["1.png", "1.npy", "1.bmp.png", "1.bmp.npy"];
    let before = names.map(maps);
    // Not even the maps of another command take their place.
    report("two/1.bmp");
    assert_eq!(names.map(maps), before);
}

#[test]
fn maps_are_calibrated_with_kept_scores_too() {
    let home = with_run();
    for i in 0..60 {
        save(home.path(), &format!("more/{i}.png"), spot(5000 + i));
    }
    assert_eq!(vae(&home, "calibrate parts-1 --normal more").code, Some(0));
    vae(&home, "score parts-1 new --maps maps")
        .failed(2, &["it has no scores `map`", "--score map"]);
    assert_eq!(
        vae(&home, "calibrate parts-1 --normal more --score map").code,
        Some(0)
    );
    let done = vae(&home, "score parts-1 new --maps maps");
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.err.contains("60 normal images calibrate"),
        "{}",
        done.err
    );
}

#[test]
fn a_copy_of_an_image_calibrates_nothing_and_a_calibration_image_is_not_new() {
    let home = with_run();
    for i in 0..30 {
        save(home.path(), &format!("more/{i}.png"), spot(5000 + i % 25));
    }
    let done = vae(&home, "calibrate parts-1 --normal more --score kl");
    assert_eq!(done.code, Some(0), "{}", done.err);
    for part in [
        "5 images left out, with the pixels of another one",
        "calibrated with 25 normal images",
        "they take the place of the",
    ] {
        assert!(done.err.contains(part), "{part}: {}", done.err);
    }
    let done = vae(&home, "score parts-1 more --score kl");
    let said = "30 of these images calibrate the model";
    assert!(done.err.contains(said), "{}", done.err);
    assert!(
        !vae(&home, "score parts-1 new --score kl")
            .err
            .contains("of these images calibrate")
    );
}

#[test]
fn if_no_image_can_be_read_each_has_a_row_with_its_reason() {
    let home = with_run();
    fs::create_dir(home.path().join("none")).unwrap();
    for name in ["a", "b"] {
        fs::write(home.path().join(format!("none/{name}.png")), "no image").unwrap();
    }
    let done = vae(&home, "score parts-1 none");
    assert_eq!(done.code, Some(1), "{}", done.err);
    let found = rows(&done);
    assert_eq!(found.len(), 2, "{}", done.out);
    assert!(found.iter().all(|row| !row[4].is_empty()));
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_text_is_one_image_that_cannot_be_read() {
    let home = with_run();
    let list = home.path().join("list.txt");
    fs::write(&list, b"new/good7.png\n\xff\xfe.png\nnew/good8.png\n").unwrap();
    let listed = program::vae(home.path(), &["score", "parts-1", "-"])
        .stdin(File::open(&list).unwrap())
        .output()
        .unwrap();
    let done = Done::of(listed);
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert_eq!(rows(&done).len(), 3, "{}", done.out);
}
