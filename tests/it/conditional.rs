//! Tests conditional models: how the label enters the numbers, that a sample has the class asked
//! for, and the commands.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;
use vae::data::{Pixels, Split};
use vae::model::{Condition, Conv, DenseConfig, Mlp, ModelKind, NamedTensor, Vae, export, rows};
use vae::rng::Rng;

use crate::models::{
    autodiff_device, blank, conditions, digits, draw_noise, gap, load_batch, numbers, plain_device,
    tensor, trained_as, wide, with_weights,
};
use crate::program::{metrics, read, run, timeless, train, with_smoke_run};

const PICTURE: [usize; 3] = [1, 28, 28];
const CLASSES: usize = 10;

fn mlp() -> Mlp {
    Mlp {
        latent: 3,
        hidden: vec![16],
        ..Mlp::default()
    }
}

/// Returns the shapes of the tensors that a condition changes or adds.
fn shapes(model: &dyn ModelKind, condition: Condition) -> Vec<String> {
    let plain = model.network(PICTURE).unwrap();
    let given = condition.apply(plain.clone(), CLASSES).unwrap();
    let before = export(&blank(&plain, 1, &plain_device()));
    let after = export(&blank(&given, 1, &plain_device()));
    let count: usize = after.iter().map(|tensor| tensor.values.len()).sum();
    assert_eq!(count, given.parameter_count());
    let is_new = |tensor: &&NamedTensor| {
        !before
            .iter()
            .any(|old| old.name == tensor.name && old.shape == tensor.shape)
    };
    after
        .iter()
        .filter(is_new)
        .map(|tensor| format!("{} {:?}", tensor.name, tensor.shape))
        .collect()
}

#[test]
fn labels_enter_where_the_config_says() {
    let [add, concat, add_both, concat_both] = conditions();
    let projection = ["condition.weight [3, 10]", "condition.bias [3]"];
    assert_eq!(shapes(&mlp(), add), projection);
    assert_eq!(shapes(&mlp(), concat), ["decoder.0.weight [16, 13]"]);
    assert_eq!(
        shapes(&mlp(), add_both),
        [&["encoder.0.weight [16, 794]"], &projection[..]].concat()
    );
    assert_eq!(
        shapes(&mlp(), concat_both),
        ["encoder.0.weight [16, 794]", "decoder.0.weight [16, 13]"]
    );
    let bare = Mlp {
        hidden: vec![],
        ..mlp()
    };
    let heads = [
        "mean.weight [3, 794]",
        "log_var.weight [3, 794]",
        "decoder.0.weight [784, 13]",
    ];
    assert_eq!(shapes(&bare, concat_both), heads);
    // After convolutions the class stands beside the flattened feature maps.
    let conv = Conv::default();
    let heads = [
        "mean.weight [2, 2314]",
        "log_var.weight [2, 2314]",
        "decoder.0.weight [1568, 12]",
    ];
    assert_eq!(shapes(&conv, concat_both), heads);
    let mut with_dense = Conv::default();
    with_dense.encoder.push(
        DenseConfig {
            dense: 5,
            ..DenseConfig::default()
        }
        .into(),
    );
    assert_eq!(
        shapes(&with_dense, concat_both),
        ["encoder.2.weight [5, 2314]", "decoder.0.weight [1568, 12]"]
    );

    let network = || mlp().network(PICTURE).unwrap();
    assert!(add.apply(network(), 256).is_ok());
    let error = add.apply(network(), 257).unwrap_err();
    assert_eq!(
        error.to_string(),
        "[condition]: the number of classes is 257; expected at most 256"
    );
}

/// Returns the unconditional model that a conditional one is for one class: the weight columns that
/// a one-hot label would select become part of the bias.
fn of_class(vae: &Vae, model: &dyn ModelKind, class: usize) -> (Vae, Vec<f32>) {
    let plain = model.network(PICTURE).unwrap();
    let tensors = export(vae);
    let find = |name: String| {
        tensors
            .iter()
            .find(|tensor| tensor.name == name)
            .unwrap()
            .clone()
    };
    let mut weights = Vec::new();
    for (name, layer) in plain.layers() {
        let (mut weight, mut bias) = (find(format!("{name}.weight")), find(format!("{name}.bias")));
        let inputs = layer.kind().input().count();
        if weight.shape.len() == 2 && weight.shape[1] != inputs {
            let width = weight.shape[1];
            assert_eq!(width, inputs + CLASSES, "{name}");
            let lines = weight.values.chunks_exact(width);
            bias.values
                .iter_mut()
                .zip(lines.clone())
                .for_each(|(b, line)| *b += line[width - CLASSES + class]);
            weight.values = lines
                .flat_map(|line| line[..width - CLASSES].to_vec())
                .collect();
            weight.shape[1] = width - CLASSES;
        }
        weights.extend([weight, bias]);
    }
    // The shift is ReLU(W y + b), with W as [out, in].
    let shift = match tensors
        .iter()
        .find(|tensor| tensor.name == "condition.weight")
    {
        Some(weight) => {
            let lines = weight
                .values
                .chunks_exact(CLASSES)
                .zip(find("condition.bias".into()).values);
            lines
                .map(|(line, bias)| (line[class] + bias).max(0.0))
                .collect()
        }
        None => vec![0.0; plain.latent],
    };
    (with_weights(&plain, &weights, &plain_device()), shift)
}

#[test]
fn a_label_chooses_columns_of_the_weights() {
    let device = plain_device();
    let conv = Conv {
        latent: 3,
        ..Conv::default()
    };
    for model in [&mlp() as &dyn ModelKind, &conv] {
        for condition in conditions() {
            let network = condition
                .apply(model.network(PICTURE).unwrap(), CLASSES)
                .unwrap();
            let vae = blank(&network, 5, &device);
            assert_eq!(vae.class_count(), Some(CLASSES));
            let images = digits(6);
            let batch = load_batch(
                Pixels::Grey,
                &images,
                &[5, 0, 3],
                vae.class_count(),
                Rng::new(0),
                &device,
            );
            let classes: Vec<u32> = [5, 0, 3]
                .map(|index: usize| images.labels.as_ref().unwrap()[index])
                .into();
            assert_eq!(
                numbers(batch.labels.clone().unwrap()),
                numbers(vae.labels(&classes).unwrap())
            );
            let z = numbers(draw_noise(&vae, 3, 1, 2));
            let z: Vec<f32> = z.into_iter().map(|value| value as f32).collect();
            let latents = rows(vae.encode(batch.x.clone(), batch.labels.clone()).mean);
            let images =
                rows(vae.decode_mean(tensor(z.clone(), [3, 3], &device), batch.labels.clone()));
            for (row, &class) in classes.iter().enumerate() {
                let (plain, shift) = of_class(&vae, model, class as usize);
                assert_eq!(plain.class_count(), None);
                let latent = rows(plain.encode(batch.x.clone(), None).mean).swap_remove(row);
                assert!(
                    gap(&wide(&latents[row]), &wide(&latent)) < 1e-5,
                    "{condition:?}: the latent"
                );
                let moved: Vec<f32> = z[row * 3..][..3]
                    .iter()
                    .zip(&shift)
                    .map(|(z, shift)| z + shift)
                    .collect();
                let image = numbers(plain.decode_mean(tensor(moved, [1, 3], &device), None));
                assert!(
                    gap(&wide(&images[row]), &image) < 1e-5,
                    "{condition:?}: the image"
                );
            }
            assert!(
                gap(
                    &wide(&images[0]),
                    &numbers(vae.decode_mean(
                        tensor(z[..3].to_vec(), [1, 3], &device),
                        vae.labels(&[classes[1]])
                    ))
                ) > 1e-4
            );
        }
    }
}

#[test]
fn every_code_of_an_image_has_its_class() {
    let network = Condition::default()
        .apply(mlp().network(PICTURE).unwrap(), CLASSES)
        .unwrap();
    let vae = blank(&network, 5, &autodiff_device());
    let batch = load_batch(
        Pixels::Grey,
        &digits(4),
        &[0, 1, 2, 3],
        vae.class_count(),
        Rng::new(0),
        &vae.device(),
    );
    let noise = draw_noise(&vae, 4, 3, 1);
    let together = numbers(vae.forward(&batch, noise.clone()).log_px_z);
    let apart: Vec<f64> = noise
        .split(1, 0)
        .into_iter()
        .flat_map(|noise| numbers(vae.forward(&batch, noise).log_px_z))
        .collect();
    assert!(gap(&together, &apart) < 1e-3, "{together:?} {apart:?}");
}

/// Returns the class of the nearest image.
fn recognised(images: &Split, image: &[f32]) -> u32 {
    let distance = |index: &usize| -> f64 {
        let bytes = images.image(*index).unwrap();
        image
            .iter()
            .zip(bytes.iter())
            .map(|(&x, &byte)| (f64::from(x) - f64::from(byte) / 255.0).powi(2))
            .sum()
    };
    let nearest = (0..images.len())
        .map(|index| (distance(&index), index))
        .min_by(|a, b| a.0.total_cmp(&b.0));
    images.labels.as_ref().unwrap()[nearest.unwrap().1]
}

/// The preset `smoke` with more images, units and steps. A heavy KL term makes the model leave the
/// class to the label.
const GENERATIVE: [&str; 7] = [
    "data.digits.train=4000",
    "data.digits.test=1000",
    "model.mlp.hidden=[128]",
    "objective.elbo.beta=12",
    "train.epochs=20",
    "train.batch=32",
    "train.learning_rate=5e-3",
];

/// Latents from the prior do not depend on the class, so only the label can decide which digit
/// comes out.
#[test]
fn a_model_makes_the_digit_that_it_is_asked_for() {
    const EACH: usize = 8;
    for condition in conditions() {
        let (vae, data) = trained_as(Some(condition), &GENERATIVE);
        let mut right = 0;
        for class in 0..CLASSES as u32 {
            let z = draw_noise(&vae, EACH, 1, 3).squeeze_dim::<2>(0);
            let images = rows(vae.decode_mean(z, vae.labels(&[class; EACH])));
            right += images
                .iter()
                .filter(|image| recognised(&data.test, image) == class)
                .count();
        }
        // Measured: 77 to 80. If the label had no effect, about 8.
        assert!(
            right >= 68,
            "{condition:?}: {right} of 80 are the digit that was asked for"
        );
    }
}

/// The arguments of a run of the preset `smoke` whose decoder and encoder are told the class.
const GIVEN: [&str; 5] = [
    "-q",
    "--set",
    "condition.decoder=concat",
    "--set",
    "condition.encoder=true",
];

fn eval(place: &TempDir, arguments: &[&str]) -> Value {
    serde_json::from_str(
        run(
            place.path(),
            &[&["eval", "--json", "-q"], arguments].concat(),
        )
        .line(),
    )
    .unwrap()
}

#[test]
fn the_commands_use_labels() {
    let place = TempDir::new().unwrap();
    let folder = place.path().join(train(place.path(), &GIVEN).line());
    let config = fs::read_to_string(folder.join("config.toml")).unwrap();
    assert!(
        config.contains("[condition]\ndecoder = \"concat\"\nencoder = true\n"),
        "{config}"
    );

    // `eval` measures the same as training, and says that the class is given.
    let found = eval(&place, &[]);
    let last = metrics(&folder).pop().unwrap();
    assert_eq!([&found["elbo"], &found["kl"]], [&last["elbo"], &last["kl"]]);
    assert_eq!(found["conditional"], true);
    let text = run(place.path(), &["eval", "-q"]).out;
    assert!(
        text.contains(
            "bernoulli, given the class (bounds log p(x | class)), 1 sample of z per image"
        ),
        "{text}"
    );

    // A sheet of samples has one row per class, during training and afterwards.
    let sample = |out: &str, more: &[&str]| {
        assert_eq!(
            run(
                place.path(),
                &[&["sample", "-q", "--out", out], more].concat()
            )
            .line(),
            out
        );
        (
            read(place.path(), out),
            image::open(place.path().join(out)).unwrap().into_rgb8(),
        )
    };
    let (all, sheet) = sample("all.png", &["--label", "all"]);
    assert!(all == read(&folder, "samples/epoch-0002.png"));
    // The sheet has ten rows of ten, and space for the labels at the left.
    let left = sheet.width() - 582;
    assert_eq!((sheet.height(), left > 10), (582, true));
    // A single class, by name or number, is one row of the sheet.
    let (_, eights) = sample("eights.png", &["--label", "8", "--n", "10"]);
    let row = |row: u32, half: u32| {
        image::imageops::crop_imm(&sheet, left + half * 290, row * 58, 292, 60).to_image()
    };
    for half in [0, 1] {
        assert!(
            image::imageops::crop_imm(&eights, 0, half * 58, 292, 60).to_image() == row(8, half)
        );
        assert!(row(8, half) != row(3, half));
    }
    // Without `--label`, random classes are drawn and named below the images.
    let (drawn, _) = sample("drawn.png", &["--n", "10"]);
    let (_, drawn_sheet) = sample("again.png", &["--n", "10"]);
    assert!(drawn == read(place.path(), "again.png") && drawn_sheet.height() > eights.height());

    for arguments in [
        &["reconstruct", "-q"][..],
        &["reconstruct", "-q", "--n", "3"],
    ] {
        assert_eq!(
            run(place.path(), arguments).line(),
            "runs/smoke-1/reconstructions.png"
        );
    }
}

#[test]
fn an_interpolation_keeps_its_class() {
    let place = TempDir::new().unwrap();
    train(place.path(), &GIVEN).line();
    let way = |more: &[&str]| {
        run(
            place.path(),
            &[&["interpolate", "--out", "way.png"], more].concat(),
        )
    };
    let ends = ["--from", "3", "--to", "8"];
    let done = way(&ends);
    assert!(
        done.err
            .contains("note: every image is decoded as `3`, the class of --from;"),
        "{}",
        done.err
    );
    let as_three = read(place.path(), done.line());
    assert_eq!(
        way(&[&ends[..], &["--label", "3"]].concat()).err,
        "the newest run: runs/smoke-1\nnext: vae eval smoke-1\n"
    );
    assert!(read(place.path(), "way.png") == as_three);
    way(&[&ends[..], &["--label", "8"]].concat()).line();
    assert!(read(place.path(), "way.png") != as_three);

    let digit = vae::data::digits::digit(1, vae::data::digits::Half::Test, 5);
    let image = image::GrayImage::from_raw(28, 28, digit.pixels.to_vec()).unwrap();
    image.save(place.path().join("own.png")).unwrap();
    way(&["--from", "own.png", "--to", "3"]).failed(
        2,
        &[
            "this model is conditional: name a class",
            "hint: pass `--label CLASS`; the classes are 0, 1, 2",
        ],
    );
    way(&["--from", "own.png", "--to", "3", "--label", "3"]).line();
    // The image file counts as one of the class `--label`: with the pixels of a test image it gives
    // the same figure.
    let label = vae::data::Digits {
        train: 1,
        test: 6,
        ..Default::default()
    }
    .draw()
    .test
    .labels
    .unwrap()[5]
        .to_string();
    way(&["--from", "#5", "--to", "#9"]).line();
    let by_index = read(place.path(), "way.png");
    way(&["--from", "own.png", "--to", "#9", "--label", &label]).line();
    assert!(read(place.path(), "way.png") == by_index);
}

#[test]
fn a_conditional_run_goes_on_exactly() {
    let place = TempDir::new().unwrap();
    let add = [
        "-q",
        "--set",
        "condition.decoder=add",
        "--set",
        "data.digits.train=300",
    ];
    let whole = place
        .path()
        .join(train(place.path(), &[&add[..], &["--name", "whole"]].concat()).line());
    let halves = place.path().join(
        train(
            place.path(),
            &[&add[..], &["--name", "halves", "--epochs", "1"]].concat(),
        )
        .line(),
    );
    run(
        place.path(),
        &["train", "-q", "--resume", "halves", "--epochs", "2"],
    )
    .line();
    assert_eq!(timeless(&halves), timeless(&whole));
    for name in ["model.safetensors", "samples/epoch-0002.png"] {
        assert!(read(&halves, name) == read(&whole, name), "{name}");
    }
}

#[test]
fn what_a_label_cannot_be_is_said() {
    let plain = with_smoke_run();
    let teach = "hint: train one that can: add `[condition]` to its config, or `--set condition.decoder=add`";
    let refusal = "this model is not conditional, it was trained without labels";
    for label in ["8", "all", "nine"] {
        let pass = [&format!("--label {label}: {refusal}"), teach];
        run(plain.path(), &["sample", "-q", "--label", label]).failed(2, &pass);
        run(
            plain.path(),
            &[
                "interpolate",
                "-q",
                "--from",
                "3",
                "--to",
                "8",
                "--label",
                label,
            ],
        )
        .failed(2, &pass);
    }

    let place = TempDir::new().unwrap();
    train(place.path(), &[&GIVEN[..], &["--epochs", "1"]].concat()).line();
    run(place.path(), &["sample", "-q", "--label", "11"])
        .failed(2, &["--label 11: no such class", "hint: "]);
    run(place.path(), &["sample", "-q", "--label", "nine"]).failed(
        2,
        &[
            "--label nine: no such class",
            "hint: the classes are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        ],
    );
    run(
        place.path(),
        &["sample", "-q", "--label", "all", "--n", "1001"],
    )
    .failed(
        2,
        &["--n asks for 10010 images; expected at most 10000 in one figure"],
    );

    // A condition on data without labels is refused before anything is written.
    let noise = ["--set", "data.noise.count=10", "--name", "noise"];
    run(
        place.path(),
        &[&["train", "--config", "smoke"], &GIVEN[..], &noise].concat(),
    )
    .failed(
        2,
        &[
            "[condition] asks for the class of each image, and this data has no labels",
            "hint: leave `[condition]` out",
        ],
    );
    assert!(!place.path().join("runs/noise").exists());
}
