//! Tests that a part of a split is drawn at random, that its images keep their noise, and that reports say so.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use vae::data::{Choice, Digits, Part, Pixels, Split};
use vae::eval::{Diagnostics, Protocol, importance, kl_by_latent, measure};
use vae::model::{Mlp, Vae};
use vae::objective::LatentMode;

use crate::models::{digits, drawn, gap, plain_device};
use crate::program::{copy_folder, run};

const PROTOCOL: Protocol = Protocol {
    pixels: Pixels::Dynamic,
    samples: 2,
    seed: 3,
    latent_mode: LatentMode::Sampled,
    corruption: None,
};

fn model(images: &Split) -> Vae {
    let model = Mlp {
        latent: 4,
        hidden: vec![32],
        ..Mlp::default()
    };
    drawn(&model, images.shape, 2, &plain_device())
}

#[test]
fn an_image_has_the_same_numbers_in_a_part_and_in_the_whole_split() {
    let images = digits(600);
    let vae = model(&images);
    let all = measure(&vae, &images, PROTOCOL, &mut |_| {}).unwrap();
    let bounds = importance(&vae, &images, PROTOCOL, &[3], &mut |_| true).unwrap();
    for choice in [Choice::AtRandom(251), Choice::First(251)] {
        let part = Part::new(&images, choice);
        let of = |values: &[f64]| -> Vec<f64> {
            part.ids.iter().map(|&id| values[id as usize]).collect()
        };
        let some = measure(&vae, &part, PROTOCOL, &mut |_| {}).unwrap();
        assert!(
            gap(&some.reconstruction, &of(&all.reconstruction)) < 1e-4,
            "{choice:?}"
        );
        assert!(
            gap(&some.kl.unwrap(), &of(all.kl.as_ref().unwrap())) < 1e-4,
            "{choice:?}"
        );
        let few = importance(&vae, &part, PROTOCOL, &[3], &mut |_| true).unwrap();
        assert!(
            gap(&few[0].log_px, &of(&bounds[0].log_px)) < 1e-4,
            "{choice:?}"
        );
        let by_latent = kl_by_latent(&vae, &part, PROTOCOL).unwrap();
        let mut found = some.kl_by_latent.clone();
        // Dynamic pixels are drawn for both in the same way.
        assert!(gap(&by_latent, &found) < 1e-4, "{choice:?}");
        found.sort_by(f64::total_cmp);
        let (health, aggregate) = Diagnostics::of(&vae, &part, PROTOCOL, &mut |_| {}).unwrap();
        assert_eq!((health.images, aggregate.count()), (251, 251));
        // With its own latent an image has the reconstruction of the first sample of z.
        let one = Protocol {
            samples: 1,
            ..PROTOCOL
        };
        let own = measure(&vae, &part, one, &mut |_| {})
            .unwrap()
            .reconstruction();
        assert!(
            (health.shuffled.reconstruction.mean - own.mean).abs() < 1e-3,
            "{choice:?}"
        );
    }
}

#[test]
fn a_part_of_every_image_has_exactly_the_numbers_of_the_split() {
    let images = digits(300);
    let vae = model(&images);
    let all = measure(&vae, &images, PROTOCOL, &mut |_| {}).unwrap();
    for choice in [
        Choice::AtRandom(300),
        Choice::AtRandom(9999),
        Choice::First(300),
    ] {
        let part = Part::new(&images, choice);
        assert_eq!(measure(&vae, &part, PROTOCOL, &mut |_| {}).unwrap(), all);
    }
}

/// Writes 60 training images and 40 test images as the four files of MNIST, sorted by their class: two classes.
fn write_sorted(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let drawn = Digits {
        train: 600,
        test: 400,
        ..Digits::default()
    }
    .draw();
    for (prefix, split, count) in [("train", drawn.train, 30), ("t10k", drawn.test, 20)] {
        let ids: Vec<u32> = [0, 1]
            .into_iter()
            .flat_map(|class| split.members(class).into_iter().take(count))
            .collect();
        assert_eq!(ids.len(), 2 * count);
        let mut images = vae::data::idx::image_header(ids.len() as u32, 28, 28).to_vec();
        let mut labels = [&[0, 0, 8, 1][..], &(ids.len() as u32).to_be_bytes()].concat();
        for &id in &ids {
            images.extend_from_slice(&split.image(id as usize).unwrap());
            labels.push(split.labels.as_ref().unwrap()[id as usize] as u8);
        }
        fs::write(folder.join(format!("{prefix}-images-idx3-ubyte")), images).unwrap();
        fs::write(folder.join(format!("{prefix}-labels-idx1-ubyte")), labels).unwrap();
    }
}

#[test]
fn a_part_of_a_sorted_split_holds_every_class_and_reports_say_how_it_was_chosen() {
    let place = TempDir::new().unwrap();
    let path = place.path();
    write_sorted(&path.join("data/mnist"));
    let small = ["--set", "model.mlp.hidden=[8]", "--epochs", "2"];
    for seed in ["1", "2"] {
        let train = ["train", "-q", "--config", "mnist", "--seed", seed];
        run(path, &[&train[..], &small].concat()).line();
    }
    let run_1 = "runs/mnist-1";
    let eval = |run_name: &str, flags: &[&str]| -> Value {
        let words = ["eval", run_name, "-q", "--json", "--no-reconstruction"];
        serde_json::from_str(run(path, &[&words, flags].concat()).line()).unwrap()
    };
    let whole = eval(run_1, &[]);
    let random = eval(run_1, &["--images", "20"]);
    let first = eval(run_1, &["--first", "20"]);
    assert_eq!(
        [&whole["part"], &random["part"], &first["part"]],
        ["all", "random", "first"]
    );
    assert_eq!(
        (&random["images"], &random["images_in_split"]),
        (&20.into(), &40.into())
    );
    assert_ne!(random["elbo"], first["elbo"]);
    let mut more = eval(run_1, &["--images", "40"]);
    more["device"] = whole["device"].clone();
    assert_eq!(more, whole);
    let words = |command: &[&str], part: &str| {
        let done = run(path, command);
        assert!(
            done.out.contains(part),
            "{part}: {}\n{}",
            done.out,
            done.err
        );
    };
    words(
        &["eval", run_1, "--images", "20"],
        "mnist test, 20 of 40 images at random, ",
    );
    words(
        &["eval", run_1, "--first", "20"],
        "mnist test, the first 20 of 40 images, ",
    );
    words(
        &["doctor", run_1, "--n", "20"],
        "mnist test, 20 of 40 images at random, ",
    );
    words(
        &["doctor", run_1, "--first", "20"],
        "mnist test, the first 20 of 40 images, ",
    );
    words(
        &["disentangle", run_1, "--n", "30"],
        "mnist test, 30 of 40 images at random, ",
    );
    words(
        &["disentangle", run_1, "--first", "30"],
        "mnist test, the first 30 of 40 images, ",
    );
    // The latents of a part belong to images of both classes, each with its own index and label.
    let labels = |flags: &[&str]| -> Vec<String> {
        assert_eq!(
            run(path, &[&["embed", run_1, "-q"][..], flags].concat()).code,
            Some(0)
        );
        let table = fs::read_to_string(path.join(run_1).join("latents.csv")).unwrap();
        let of_line = |line: &str| {
            let mut words = line.split(',');
            let index: usize = words.next().unwrap().parse().unwrap();
            let label = words.next().unwrap().to_owned();
            assert_eq!(label, if index < 20 { "0" } else { "1" });
            label
        };
        let mut labels: Vec<String> = table.lines().skip(1).map(of_line).collect();
        assert_eq!(labels.len(), 15);
        labels.sort();
        labels.dedup();
        labels
    };
    assert_eq!(labels(&["--n", "15"]), ["0", "1"]);
    assert_eq!(labels(&["--first", "15"]), ["0"]);
    // Runs with other seeds are measured on the same images, and so can be compared one by one.
    for name in [run_1, "runs/mnist-2"] {
        eval(name, &["--images", "20"]);
    }
    let compared = run(path, &["compare", run_1, "runs/mnist-2"]);
    assert!(
        compared.out.contains("(20 images)") || compared.out.contains("differ in seed"),
        "{}",
        compared.out
    );
    eval(run_1, &["--first", "20"]);
    let compared = run(path, &["compare", run_1, "runs/mnist-2"]);
    assert!(compared.out.contains("part"), "{}", compared.out);
    // A report of an earlier version says nothing of how its images were chosen: these were the first ones.
    copy_folder(&path.join(run_1), &path.join("runs/old"));
    let report = path.join("runs/old/report.json");
    let mut old: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    old.as_object_mut().unwrap().remove("part");
    fs::write(&report, old.to_string()).unwrap();
    let compared = run(path, &["compare", run_1, "runs/old"]);
    assert!(!compared.out.contains("differ"), "{}", compared.out);
}
