//! Tests `vae anomalies`: its numbers against those computed here from the table of scores, and what it refuses.

use std::fs;
use std::path::Path;

use image::{GrayImage, Luma};
use serde_json::Value;
use tempfile::TempDir;

use crate::cli_score::{noise, spot, vae, with_run};
use crate::own_images::save;
use crate::program::Done;

/// The table of scores, without its header.
struct Scores {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Scores {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let mut lines = text.lines();
        let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
        Self {
            header: cells(lines.next().unwrap()),
            rows: lines.map(cells).collect(),
        }
    }

    fn column(&self, name: &str) -> Vec<String> {
        let place = self.header.iter().position(|title| title == name).unwrap();
        self.rows.iter().map(|row| row[place].clone()).collect()
    }

    /// Returns the scores `name` of the normal images, and those of the abnormal ones that `is_meant` accepts.
    fn divided(&self, name: &str, is_meant: impl Fn(&str) -> bool) -> [Vec<f64>; 2] {
        let mut found = [Vec::new(), Vec::new()];
        for (kind, score) in self.column("kind").iter().zip(self.column(name)) {
            let score = score.parse().unwrap();
            if kind == "normal" {
                found[0].push(score);
            } else if is_meant(kind) {
                found[1].push(score);
            }
        }
        found
    }
}

fn json(done: &Done) -> Value {
    assert_eq!(done.code, Some(0), "{}", done.err);
    serde_json::from_str(&done.out).unwrap()
}

/// Returns the share of pairs of images in which the abnormal one has the higher score; equal scores count as half.
fn share_of_pairs([normal, abnormal]: &[Vec<f64>; 2]) -> f64 {
    let mut sum = 0.0;
    for a in abnormal {
        for n in normal {
            sum += match a.total_cmp(n) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    sum / (normal.len() * abnormal.len()) as f64
}

/// Returns the mean over the abnormal images of the precision at their scores.
fn mean_precision([normal, abnormal]: &[Vec<f64>; 2]) -> f64 {
    let precision = |threshold: &f64| {
        let above = |scores: &[f64]| scores.iter().filter(|score| *score >= threshold).count();
        let [normal, abnormal] = [above(normal), above(abnormal)];
        abnormal as f64 / (normal + abnormal) as f64
    };
    abnormal.iter().map(precision).sum::<f64>() / abnormal.len() as f64
}

#[track_caller]
fn assert_close(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap();
    assert!((found - expected).abs() < 1e-3, "{found}, not {expected}");
}

/// Makes abnormal images that are hard to find: spots with a faint square, in the folders of two kinds, and masks of the squares.
fn add_faint(home: &TempDir) {
    for (first, kind, level) in [(0, "faint", 20), (50, "bright", 90)] {
        for i in 0..15 {
            let mut image = spot(3000 + first + i);
            let mut mask = GrayImage::new(12, 12);
            for (x, y) in (0..9).map(|at| (8 + at % 3, 1 + at / 3)) {
                let old = image.get_pixel(x, y).0[0];
                image.put_pixel(x, y, Luma([old.saturating_add(level)]));
                mask.put_pixel(x, y, Luma([255]));
            }
            save(home.path(), &format!("flawed/{kind}/{i}.png"), image);
            save(
                home.path(),
                &format!("flawed/masks/{kind}/{i}_mask.png"),
                mask,
            );
        }
    }
    for i in 0..40 {
        save(home.path(), &format!("fine/{i}.png"), spot(2000 + i));
    }
}

#[test]
fn the_areas_and_the_flagged_images_are_those_of_the_table_of_scores() {
    let home = with_run();
    add_faint(&home);
    let arguments =
        "anomalies parts-1 --normal fine --abnormal flawed --fpr 0.1 --out looked --json";
    let report = json(&vae(&home, arguments));
    let table = Scores::read(&home.path().join("looked/anomalies.csv"));
    assert_eq!(table.rows.len(), 70);
    let names = [
        "elbo",
        "reconstruction",
        "error",
        "complexity",
        "map",
        "pca",
        "png_size",
    ];
    let scores = report["scores"].as_array().unwrap();
    let named: Vec<&str> = scores
        .iter()
        .map(|score| score["name"].as_str().unwrap())
        .collect();
    assert_eq!(named, names);
    assert_close(&report["chance_auprc"], 30.0 / 70.0);
    let best = ["pca", "png_size"].map(|name| share_of_pairs(&table.divided(name, |_| true)));
    let best = f64::max(best[0], best[1]);
    for score in scores {
        let divided = table.divided(score["name"].as_str().unwrap(), |_| true);
        let area = share_of_pairs(&divided);
        assert_close(&score["auroc"], area);
        assert_close(&score["auprc"], mean_precision(&divided));
        assert!(score["auroc_se"].as_f64().unwrap() > 0.0 || area == 1.0);
        if score["is_baseline"] == false {
            assert_close(&score["above_best_baseline"], area - best);
        }
        let threshold = score["threshold"].as_f64().unwrap();
        let [normal, abnormal] = divided.map(|scores| {
            let above = scores.iter().filter(|score| **score > threshold);
            above.count() as f64
        });
        // A score of the table is rounded, and one image may lie on the threshold.
        assert!((score["false_alarms"].as_f64().unwrap() - normal).abs() <= 1.0);
        assert!((score["found"].as_f64().unwrap() - abnormal / 30.0).abs() < 1.5 / 30.0);
    }
    // Each kind is measured against all normal images.
    let kinds = report["kinds"].as_array().unwrap();
    assert_eq!(kinds.len(), 2);
    for (kind, name) in kinds.iter().zip(["bright", "faint"]) {
        assert_eq!((&kind["kind"], &kind["images"]), (&name.into(), &15.into()));
        assert_close(
            &kind["auroc"],
            share_of_pairs(&table.divided("elbo", |kind| kind == name)),
        );
    }
    // The best F1 is that of the best of all thresholds.
    let [normal, abnormal] = table.divided("elbo", |_| true);
    let f1 = |threshold: &f64| {
        let above = |scores: &[f64]| scores.iter().filter(|s| *s >= threshold).count() as f64;
        2.0 * above(&abnormal) / (above(&abnormal) + above(&normal) + 30.0)
    };
    let best = abnormal.iter().map(f1).fold(0.0, f64::max);
    assert_close(&report["oracle"]["f1"], best);
    // Flags and p-values are those of the first score.
    let columns = table.column("p").into_iter().zip(table.column("flagged"));
    for (p, flagged) in columns {
        assert_eq!(flagged == "1", p.parse::<f64>().unwrap() <= 0.1);
    }
    // The squares are where the maps are high.
    assert_eq!(report["regions"], 30);
    assert!(report["pixel_auroc"].as_f64().unwrap() > 0.7, "{report}");
    let aupro = report["aupro"].as_f64().unwrap();
    assert!(aupro > 0.15 && aupro <= 1.0, "{report}");
}

#[test]
fn the_test_images_of_the_run_are_measured_and_the_scores_are_those_of_the_command_score() {
    let home = with_run();
    let done = vae(&home, "anomalies parts-1 --score kl --score error");
    assert_eq!(done.code, Some(0), "{}", done.err);
    for part in [
        "chance 0.",
        "by kind, kl:",
        "found and false alarms: above",
        "oracle, not reachable",
        "no VAE",
    ] {
        assert!(done.out.contains(part), "{part}: {}", done.out);
    }
    assert!(
        !done.out.contains("AUPRO") && !done.out.contains("elbo"),
        "{}",
        done.out
    );
    let folder = home.path().join("runs/parts-1");
    for name in ["anomaly-scores.png", "anomaly-roc.svg", "anomaly-worst.png"] {
        assert!(folder.join(name).is_file() && (name.ends_with("svg") || done.err.contains(name)));
    }
    let table = Scores::read(&folder.join("anomalies.csv"));
    assert_eq!(
        table
            .column("kind")
            .iter()
            .filter(|kind| *kind == "bad")
            .count(),
        12
    );
    for score in ["kl", "error"] {
        let report = json(&vae(
            &home,
            &format!("score parts-1 --score {score} --json"),
        ));
        let images = report["images"].as_array().unwrap();
        assert_eq!(images.len(), table.rows.len());
        let pairs = table.column("path").into_iter().zip(table.column(score));
        for ((path, found), image) in pairs.zip(images) {
            assert_eq!(image["path"], path);
            let (found, expected) = (
                found.parse::<f64>().unwrap(),
                image["score"].as_f64().unwrap(),
            );
            assert!(
                (found - expected).abs() < 1e-3 * expected.abs().max(1.0),
                "{found} {expected}"
            );
        }
    }
    // The files belong to the run.
    let done = vae(&home, "rm --yes parts-1");
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(!folder.exists());
}

#[test]
fn a_model_that_does_not_beat_what_needs_none_is_told_so_once() {
    let home = with_run();
    for i in 0..30 {
        save(home.path(), &format!("noise/{i}.png"), noise(900 + i));
    }
    let done = vae(&home, "anomalies parts-1 --abnormal noise --out looked");
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.out.contains("(no VAE), AUROC 1.000 against 1.000"),
        "{}",
        done.out
    );
    assert_eq!(done.out.matches("does not beat").count(), 1, "{}", done.out);
    assert!(
        done.out.contains("by kind, elbo:\n  kind   images"),
        "{}",
        done.out
    );
    assert!(done.out.contains("\n  noise      30"), "{}", done.out);
    let report = json(&vae(
        &home,
        "anomalies parts-1 --abnormal noise --out looked --json",
    ));
    assert_eq!(report["beats_baselines"], false);
}

#[test]
fn images_that_the_model_knows_and_normal_ones_among_the_abnormal_are_refused() {
    let home = with_run();
    add_faint(&home);
    vae(&home, "anomalies parts-1 --normal parts/good").failed(
        2,
        &[
            "trained, chose or calibrates the model",
            "hint: name images",
        ],
    );
    save(home.path(), "mixed/good/1.png", spot(4000));
    save(home.path(), "mixed/bad/1.png", noise(4000));
    vae(&home, "anomalies parts-1 --abnormal mixed").failed(2, &["in a folder called `good`"]);
    vae(&home, "anomalies parts-1 --normal fine --abnormal fine").failed(2, &["a second time"]);
    // Abnormal test images do not take the place of normal ones.
    for i in 0..60 {
        save(home.path(), &format!("mvtec/train/good/{i}.png"), spot(i));
    }
    save(home.path(), "mvtec/test/crack/1.png", noise(1));
    save(home.path(), "mvtec/test/cut/1.png", noise(2));
    let found = vae(&home, "data mvtec");
    assert!(
        found
            .out
            .contains("test 2, as the layout says (2 abnormal of 2 kinds, for `vae anomalies`)"),
        "{}",
        found.out
    );
    let done = vae(
        &home,
        "train -q --data mvtec --set train.epochs=1 --set train.patience=0",
    );
    assert_eq!(done.line(), "runs/mvtec-1", "{}", done.err);
    vae(&home, "anomalies mvtec-1").failed(2, &["no normal test images", "--normal DIR"]);
    vae(&home, "anomalies mvtec-1 --abnormal flawed").failed(2, &["no normal test images"]);
    let done = vae(&home, "anomalies mvtec-1 --normal fine");
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.out.contains("  crack       1") && done.out.contains("  cut         1"),
        "{}",
        done.out
    );
    vae(&home, "anomalies parts-1 --fpr 0.001").failed(2, &["needs 999 calibration images"]);
    vae(&home, "anomalies parts-1 --fpr 2").failed(2, &["--fpr is 2; expected"]);
    vae(&home, "anomalies parts-1 --samples 0").failed(2, &["--samples"]);
    vae(&home, "anomalies parts-1 --abnormal nowhere").failed(2, &["nowhere: no such file"]);
}

#[test]
fn without_calibration_images_nothing_is_promised_and_without_abnormal_ones_it_says_what_to_do() {
    let home = with_run();
    add_faint(&home);
    for i in 0..40 {
        save(home.path(), &format!("plain/{i}.png"), spot(i));
    }
    let done = vae(
        &home,
        "train -q --data plain --set train.epochs=1 --set train.patience=0",
    );
    assert_eq!(done.line(), "runs/plain-1");
    vae(&home, "anomalies plain-1").failed(
        2,
        &["not divided into normal and abnormal", "--abnormal DIR"],
    );
    let done = vae(&home, "anomalies plain-1 --abnormal flawed");
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.out
            .contains("no threshold: no normal images were set aside in training"),
        "{}",
        done.out
    );
    assert!(!done.out.contains("false alarms"), "{}", done.out);
    let table = Scores::read(&home.path().join("runs/plain-1/anomalies.csv"));
    assert!(table.column("p").iter().all(String::is_empty));
    // Kept scores calibrate as well, each its own.
    for i in 0..50 {
        save(home.path(), &format!("more/{i}.png"), spot(6000 + i));
    }
    assert_eq!(vae(&home, "calibrate plain-1 --normal more").code, Some(0));
    let report = json(&vae(&home, "anomalies plain-1 --abnormal flawed --json"));
    assert_eq!(report["calibration_images"], 50);
    assert!(
        report["scores"][0]["threshold"].is_f64() && report["scores"][1]["threshold"].is_null()
    );
    assert!(
        report["notes"]
            .to_string()
            .contains("no threshold of error"),
        "{report}"
    );
}

#[test]
fn an_autoencoder_is_measured_by_the_scores_that_it_has() {
    let home = with_run();
    let done = vae(&home, "config --data parts");
    assert_eq!(done.code, Some(0), "{}", done.err);
    let (before, after) = done.out.split_once("[objective.").unwrap();
    let after = after.split_once("\n\n").map_or("", |(_, after)| after);
    let config = format!("{before}[objective.autoencoder]\n\n{after}");
    fs::write(home.path().join("plain.toml"), config).unwrap();
    let arguments = "train -q --config plain.toml --data parts --set train.epochs=2 --set train.patience=0 --name plain";
    assert_eq!(vae(&home, arguments).line(), "runs/plain");
    let report = json(&vae(&home, "anomalies plain --json"));
    let names: Vec<_> = report["scores"]
        .as_array()
        .unwrap()
        .iter()
        .map(|score| &score["name"])
        .collect();
    assert_eq!(names, ["error", "map", "pca", "png_size"]);
    vae(&home, "anomalies plain --score elbo").failed(2, &["--score error"]);
    vae(&home, "anomalies plain --samples 4").failed(2, &["draws no samples"]);
}

#[test]
fn images_that_calibrate_are_not_measured_and_none_is_of_both_sorts() {
    let home = with_run();
    for i in 0..30 {
        save(home.path(), &format!("more/{i}.png"), spot(6000 + i));
    }
    for i in 0..5 {
        save(home.path(), &format!("odd/{i}.png"), noise(6000 + i));
    }
    let done = vae(&home, "calibrate parts-1 --normal more");
    assert_eq!(done.code, Some(0), "{}", done.err);
    vae(
        &home,
        "anomalies parts-1 --normal more --abnormal odd --score elbo",
    )
    .failed(2, &["trained, chose or calibrates the model"]);
    fs::create_dir(home.path().join("copies")).unwrap();
    fs::copy(
        home.path().join("odd/3.png"),
        home.path().join("copies/x.png"),
    )
    .unwrap();
    vae(
        &home,
        "anomalies parts-1 --normal copies --abnormal odd --score elbo",
    )
    .failed(2, &["both normal and abnormal"]);
}

#[test]
fn a_promise_that_is_asked_for_without_calibration_images_is_an_error() {
    let home = with_run();
    for i in 0..20 {
        save(home.path(), &format!("fine/{i}.png"), spot(7000 + i));
        save(home.path(), &format!("odd/{i}.png"), noise(7000 + i));
        save(home.path(), &format!("few/{i}.png"), spot(7100 + i));
    }
    let done = vae(&home, "calibrate parts-1 --normal few --score kl");
    assert_eq!(done.code, Some(0), "{}", done.err);
    let measure = "anomalies parts-1 --normal fine --abnormal odd --score elbo";
    let done = vae(&home, measure);
    assert_eq!(done.code, Some(0), "{}", done.err);
    vae(&home, &format!("{measure} --fpr 0.1")).failed(2, &["no threshold of"]);
}

#[test]
fn a_class_that_was_trained_on_is_not_abnormal_whatever_its_name() {
    let home = with_run();
    for i in 0..30 {
        save(
            home.path(),
            &format!("xrays/normal/{i}.png"),
            spot(8000 + i),
        );
        save(home.path(), &format!("xrays/ill/{i}.png"), noise(8000 + i));
    }
    let done = vae(
        &home,
        "train -q --data xrays --set train.epochs=1 --set train.patience=0",
    );
    assert_eq!(done.line(), "runs/xrays-1");
    vae(&home, "anomalies xrays-1").failed(2, &["not divided into normal and abnormal"]);
}
