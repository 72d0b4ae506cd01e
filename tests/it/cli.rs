//! Tests the command line. Commands that need no trained model are data in `tests/cmd`; the others
//! use one run of the preset `smoke`.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::AnimationDecoder;
use image::codecs::gif::GifDecoder;
use safetensors::SafeTensors;
use serde_json::{Value, json};
use tempfile::TempDir;
use vae::model::unpack;

use crate::program::{MODEL, files, metrics, read, run, squeezed, timeless, train, with_smoke_run};

/// `TRYCMD=overwrite cargo test --release` updates the expected output.
#[test]
fn what_the_program_says() {
    let cases = trycmd::TestCases::new();
    cases
        .register_bin("vae", Path::new(env!("CARGO_BIN_EXE_vae")))
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .case("tests/cmd/*.trycmd");
    if cfg!(any(
        not(feature = "cpu"),
        feature = "ndarray",
        feature = "wgpu",
        feature = "cuda"
    )) {
        cases.skip("tests/cmd/built-in.trycmd");
    }
}

fn size(path: &Path) -> (u32, u32) {
    image::image_dimensions(path).unwrap()
}

/// Returns the side of a sheet of `count` images of 28 pixels, drawn at twice their size.
fn side(count: u32) -> u32 {
    count * 58 + 2
}

#[test]
fn a_run_leaves_what_it_promises() {
    let place = with_smoke_run();
    let folder = place.path().join("runs/smoke-1");
    assert_eq!(
        files(&folder),
        [
            "about.json",
            "config.toml",
            "curves.png",
            "curves.svg",
            "metrics.jsonl",
            "model.safetensors",
            "reconstructions/epoch-0001.png",
            "reconstructions/epoch-0002.png",
            "samples/epoch-0001.png",
            "samples/epoch-0002.png",
            "state.safetensors",
        ]
    );
    assert_eq!(
        fs::read_to_string(folder.join("config.toml")).unwrap(),
        run(place.path(), &["config", "smoke"]).out
    );
    let about: Value = serde_json::from_slice(&read(&folder, "about.json")).unwrap();
    for key in [
        "program_version",
        "device",
        "features",
        "threads",
        "data",
        "data_hash",
        "parameters",
    ] {
        assert!(!about[key].is_null(), "{key}");
    }
    let records = metrics(&folder);
    let which: Vec<_> = records
        .iter()
        .map(|r| (r["epoch"].as_u64().unwrap(), r["split"].as_str().unwrap()))
        .collect();
    assert_eq!(
        which,
        [(1, "train"), (1, "test"), (2, "train"), (2, "test")]
    );
    for record in &records {
        let number = |key: &str| {
            record[key]
                .as_f64()
                .unwrap_or_else(|| panic!("{key} in {record}"))
        };
        assert!((number("elbo") + number("reconstruction") + number("kl")).abs() < 1e-9);
        assert!(
            number("loss").is_finite()
                && number("seconds") > 0.0
                && number("images_per_second") > 0.0
        );
    }
    assert!(records[3]["elbo"].as_f64() > records[1]["elbo"].as_f64());
    assert_eq!(
        size(&folder.join("samples/epoch-0002.png")),
        (side(8), side(8))
    );
    assert!(read(&folder, "curves.svg").starts_with(b"<svg"));
}

#[test]
fn a_model_file_names_its_tensors_and_carries_its_config() {
    let place = with_smoke_run();
    let bytes = read(place.path(), MODEL);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut shapes: Vec<_> = tensors
        .iter()
        .map(|(name, view)| (name, view.shape().to_vec()))
        .collect();
    shapes.sort();
    let expected = [
        ("decoder.0.bias", vec![64]),
        ("decoder.0.weight", vec![64, 8]),
        ("decoder.1.bias", vec![784]),
        ("decoder.1.weight", vec![784, 64]),
        ("encoder.0.bias", vec![64]),
        ("encoder.0.weight", vec![64, 784]),
        ("log_var.bias", vec![8]),
        ("log_var.weight", vec![8, 64]),
        ("mean.bias", vec![8]),
        ("mean.weight", vec![8, 64]),
    ];
    assert_eq!(shapes, expected);
    let (card, _) = unpack::<Value>(Path::new(MODEL), &bytes).unwrap();
    assert_eq!(
        card["config"].as_str().unwrap(),
        run(place.path(), &["config", "smoke"])
            .out
            .trim_end()
            .to_owned()
            + "\n"
    );
    assert_eq!(card["classes"].as_array().unwrap().len(), 10);
    let text = card.to_string();
    assert!(
        !text.contains("smoke-1") && !text.contains(place.path().to_str().unwrap()),
        "{text}"
    );
}

#[test]
fn training_tells_people_on_stderr_and_scripts_on_stdout() {
    let place = TempDir::new().unwrap();
    let done = train(place.path(), &["--epochs", "1"]);
    assert_eq!(done.line(), "runs/smoke-1");
    for part in [
        "1000 train and 200 test images",
        "first step ",
        "epoch 1/1: test ELBO -",
        "test ELBO -",
        "±",
        "not a log-likelihood",
    ] {
        assert!(done.err.contains(part), "{part}: {}", done.err);
    }
    let done = train(place.path(), &["--epochs", "1", "--quiet"]);
    assert_eq!((done.line(), done.err.as_str()), ("runs/smoke-2", ""));
}

#[test]
fn arguments_of_training_land_in_the_run() {
    let place = TempDir::new().unwrap();
    let arguments = [
        "--seed", "7", "--epochs", "1", "--name", "mine", "--out", "deep/er", "-q",
    ];
    let sets = [
        "--set",
        "train.batch=50",
        "--set",
        "objective.elbo.beta=0.5",
        "--set",
        "optimizer.sgd.momentum=0.5",
    ];
    assert_eq!(
        train(place.path(), &[&arguments[..], &sets].concat()).line(),
        "deep/er/mine"
    );
    let text = fs::read_to_string(place.path().join("deep/er/mine/config.toml")).unwrap();
    for line in [
        "seed = 7\n",
        "epochs = 1\n",
        "batch = 50\n",
        "beta = 0.5\n",
        "[optimizer.sgd]\nmomentum = 0.5\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let again = train(place.path(), &arguments);
    again.failed(
        2,
        &[
            "deep/er/mine: there is such a run already",
            "hint: choose another `--name`",
        ],
    );
    // The config that a run wrote can be used again.
    let copy = run(
        place.path(),
        &[
            "train",
            "--config",
            "deep/er/mine/config.toml",
            "--name",
            "copy",
            "-q",
        ],
    );
    assert_eq!(copy.line(), "runs/copy");
    assert_eq!(
        read(place.path(), "runs/copy/model.safetensors"),
        read(place.path(), "deep/er/mine/model.safetensors")
    );
}

#[test]
fn a_preset_has_three_names_and_a_file_goes_first() {
    let place = TempDir::new().unwrap();
    let config = |name: &str| run(place.path(), &["config", name]).out;
    let smoke = config("smoke");
    assert!(smoke.contains("train = 1000"));
    assert_eq!(
        [config("smoke.toml"), config("configs/smoke.toml")],
        [smoke.as_str(); 2]
    );
    fs::write(
        place.path().join("smoke.toml"),
        smoke.replace("train = 1000", "train = 77"),
    )
    .unwrap();
    assert!(config("smoke.toml").contains("train = 77"));
    assert!(config(place.path().join("smoke.toml").to_str().unwrap()).contains("train = 77"));
    assert_eq!(config("smoke"), smoke);
    let done = run(
        place.path(),
        &["train", "--config", "smoke.toml", "--epochs", "1", "-q"],
    );
    assert_eq!(done.line(), "runs/smoke-1");
}

#[test]
fn the_seed_decides_everything_and_threads_nothing() {
    let place = TempDir::new().unwrap();
    let conv = r#"model.conv.encoder=[{ conv = 4, stride = 2 }, { conv = 6, stride = 2 }]"#;
    let decoder = r#"model.conv.decoder=[{ dense = 294, shape = [6, 7, 7] }, { transposed = 4, stride = 2 }, { transposed = 1, stride = 2 }]"#;
    let one = [(1, "a"), (2, "b")].map(|(threads, name)| {
        let threads = threads.to_string();
        let mlp = train(
            place.path(),
            &[
                "-q",
                "--threads",
                &threads,
                "--name",
                &format!("mlp-{name}"),
            ],
        );
        let small = [
            "--set",
            "data.digits.train=300",
            "--epochs",
            "1",
            "--set",
            "train.clip=5",
        ];
        let conv = [
            "-q",
            "--threads",
            &threads,
            "--name",
            &format!("conv-{name}"),
            "--set",
            conv,
            "--set",
            decoder,
        ];
        let conv = train(place.path(), &[&conv[..], &small].concat());
        [mlp, conv].map(|done| place.path().join(done.line()))
    });
    for (a, b) in one[0].iter().zip(&one[1]) {
        assert_eq!(timeless(a), timeless(b));
        assert!(
            read(a, "model.safetensors") == read(b, "model.safetensors"),
            "{} {}",
            a.display(),
            b.display()
        );
        assert!(read(a, "curves.svg") == read(b, "curves.svg"));
        assert!(read(a, "samples/epoch-0001.png") == read(b, "samples/epoch-0001.png"));
    }
    let other = place
        .path()
        .join(train(place.path(), &["-q", "--seed", "2"]).line());
    assert_ne!(timeless(&other)[1]["elbo"], timeless(&one[0][0])[1]["elbo"]);
    // The images have their own seed.
    let hash = |folder: &Path| {
        serde_json::from_slice::<Value>(&read(folder, "about.json")).unwrap()["data_hash"].clone()
    };
    assert_eq!(hash(&other), hash(&one[0][0]));
}

#[test]
fn a_validation_split_chooses_the_best_model() {
    let place = TempDir::new().unwrap();
    // At this learning rate the model gets worse after some epoch.
    let sets = [
        "--set",
        "data.digits.validation=200",
        "--set",
        "data.digits.train=400",
        "--set",
        "train.learning_rate=0.05",
    ];
    let folder = place.path().join(
        train(
            place.path(),
            &[&["-q", "--epochs", "6"][..], &sets].concat(),
        )
        .line(),
    );
    let elbos: Vec<f64> = metrics(&folder)
        .iter()
        .filter(|record| record["split"] == "validation")
        .map(|record| record["elbo"].as_f64().unwrap())
        .collect();
    assert_eq!(elbos.len(), 6);
    let best = elbos.iter().copied().fold(f64::MIN, f64::max);
    let eval = |model: &str| -> Value {
        let arguments = ["eval", model, "--split", "validation", "--json"];
        serde_json::from_str(run(place.path(), &arguments).line()).unwrap()
    };
    let found = eval("runs/smoke-1/best.safetensors");
    assert_eq!(
        (found["elbo"].as_f64().unwrap(), found["images"].as_u64()),
        (best, Some(200))
    );
    assert_eq!(eval("smoke-1")["elbo"].as_f64().unwrap(), elbos[5]);
    // Without a validation split, no best model is chosen, and nothing can be measured on it.
    let plain = with_smoke_run();
    run(plain.path(), &["eval", "--split", "validation"]).failed(
        2,
        &[
            "sets no validation split aside",
            "hint: train with a tenth of the training images set aside: `--set data.digits.validation=100`",
        ],
    );
    // What the hint proposes is accepted.
    let aside = ["train", "-q", "--config", "smoke", "--epochs", "1", "--set"];
    let aside = [&aside[..], &["data.digits.validation=100"]].concat();
    run(plain.path(), &aside).line();
}

#[test]
fn eval_prints_the_numbers_of_training_with_their_protocol() {
    let place = with_smoke_run();
    let done = run(place.path(), &["eval"]);
    assert_eq!(
        (done.code, done.err.as_str()),
        (
            Some(0),
            "the newest run: runs/smoke-1\nnext: vae doctor smoke-1\n"
        )
    );
    let records = metrics(&place.path().join("runs/smoke-1"));
    let last = &records[3];
    let elbo = last["elbo"].as_f64().unwrap();
    for part in [
        &format!("ELBO {elbo:.2} ± "),
        "nats per image",
        "bits per dim",
        "digits test, 200 images, grey pixels, bernoulli, 1 sample of z per image",
        concat!("seed 1, vae ", env!("CARGO_PKG_VERSION"), "; "),
        "not a log-likelihood",
    ] {
        assert!(squeezed(&done.out).contains(part), "{part}: {}", done.out);
    }
    let found: Value =
        serde_json::from_str(run(place.path(), &["eval", "--json", "-q"]).line()).unwrap();
    for key in ["elbo", "elbo_se", "reconstruction", "kl"] {
        assert_eq!(found[key], last[key], "{key}");
    }
    let bits = -elbo / (784.0 * std::f64::consts::LN_2);
    assert!((found["bits_per_dim"].as_f64().unwrap() - bits).abs() < 1e-12);
    let about = json!({"images": 200, "seed": 1, "split": "test", "pixels": "grey", "samples_per_image": 1, "data": "digits"});
    for (key, value) in about.as_object().unwrap() {
        assert_eq!(&found[key], value, "{key}");
    }
    assert_eq!(found["is_log_likelihood"], false);
    // Another seed draws other samples. More samples have a smaller error, and their mean agrees.
    let other: Value =
        serde_json::from_str(run(place.path(), &["eval", "--json", "-q", "--seed", "2"]).line())
            .unwrap();
    assert_ne!(other["elbo"], found["elbo"]);
    let many: Value = serde_json::from_str(
        run(
            place.path(),
            &["eval", "--json", "-q", "--samples-per-image", "20"],
        )
        .line(),
    )
    .unwrap();
    assert!((many["kl"].as_f64().unwrap() - found["kl"].as_f64().unwrap()).abs() < 1e-6);
    assert!((many["elbo"].as_f64().unwrap() - elbo).abs() < 3.0);
    let train: Value = serde_json::from_str(
        run(place.path(), &["eval", "--json", "-q", "--split", "train"]).line(),
    )
    .unwrap();
    assert_eq!(train["images"], 1000);
}

#[test]
fn a_run_is_named_in_many_ways() {
    let place = with_smoke_run();
    let elbo = |arguments: &[&str]| {
        let done = run(
            place.path(),
            &[&["eval", "--json", "-q"], arguments].concat(),
        );
        serde_json::from_str::<Value>(done.line()).unwrap()["elbo"].clone()
    };
    let newest = elbo(&[]);
    let absolute = place.path().join("runs/smoke-1");
    for name in [
        "smoke-1",
        "runs/smoke-1",
        "runs/smoke-1/",
        MODEL,
        absolute.to_str().unwrap(),
    ] {
        assert_eq!(elbo(&[name]), newest, "{name}");
    }
    assert_eq!(
        train(place.path(), &["-q", "--seed", "5"]).line(),
        "runs/smoke-2"
    );
    assert_ne!(elbo(&[]), newest, "the newest is another one now");
    assert_eq!(elbo(&["smoke-1"]), newest);
}

#[test]
fn samples_are_a_sheet_that_the_seed_decides() {
    let place = with_smoke_run();
    let sample = |out: &str, more: &[&str]| {
        let done = run(
            place.path(),
            &[&["sample", "-q", "--n", "16", "--out", out], more].concat(),
        );
        assert_eq!(done.line(), out);
        read(place.path(), out)
    };
    let grid = sample("grid.png", &[]);
    assert_eq!(size(&place.path().join("grid.png")), (side(4), side(4)));
    assert!(sample("again.png", &["runs/smoke-1", "--threads", "1"]) == grid);
    assert!(
        sample("new/folder/seed.PNG", &["--seed", "1"]) == grid,
        "the run's seed"
    );
    assert!(sample("other.png", &["--seed", "2"]) != grid);
    // A larger sheet begins with the same images.
    assert_eq!(
        run(place.path(), &["sample", "-q"]).line(),
        "runs/smoke-1/samples.png"
    );
    assert!(
        read(place.path(), "runs/smoke-1/samples.png")
            == read(place.path(), "runs/smoke-1/samples/epoch-0002.png")
    );
    assert_eq!(
        run(place.path(), &["sample", "-q", MODEL, "--n", "5"]).line(),
        "samples.png"
    );
    assert_eq!(size(&place.path().join("samples.png")), (side(5), side(1)));
}

#[test]
fn reconstructions_stand_below_their_originals() {
    let place = with_smoke_run();
    assert_eq!(
        run(place.path(), &["reconstruct", "-q"]).line(),
        "runs/smoke-1/reconstructions.png"
    );
    let (width, height) = size(&place.path().join("runs/smoke-1/reconstructions.png"));
    assert!(width > side(10) && height == side(4), "{width} {height}");
    let few = ["reconstruct", "-q", "--n", "3", "--out", "few.png"];
    assert_eq!(run(place.path(), &few).line(), "few.png");
    assert_eq!(size(&place.path().join("few.png")).1, side(2));
    let all = [
        "reconstruct",
        "-q",
        "--n",
        "18446744073709551615",
        "--out",
        "all.png",
    ];
    assert_eq!(run(place.path(), &all).line(), "all.png");
}

#[test]
fn interpolations_go_from_one_image_to_another() {
    let place = with_smoke_run();
    let way = |out: &str, more: &[&str]| {
        let done = run(
            place.path(),
            &[&["interpolate", "-q", "--out", out], more].concat(),
        );
        assert_eq!(done.line(), out);
        read(place.path(), out)
    };
    let classes = ["--from", "3", "--to", "8"];
    let sheet = way("way.png", &classes);
    let (width, height) = size(&place.path().join("way.png"));
    assert_eq!(
        (width, height > side(8)),
        (side(13), true),
        "11 steps, 2 images, a line of labels"
    );
    assert!(way("again.png", &classes) == sheet);
    let linear = way(
        "linear.png",
        &[&classes[..], &["--method", "linear"]].concat(),
    );
    assert!(
        linear != sheet
            && way(
                "spherical.png",
                &[&classes[..], &["--method", "spherical"]].concat()
            ) == sheet
    );
    way(
        "short.png",
        &["--from", "#0", "--to", "#199", "--steps", "5"],
    );
    assert_eq!(size(&place.path().join("short.png")).0, side(7));

    let gif = way("way.gif", &[&classes[..], &["--rows", "4"]].concat());
    let frames = GifDecoder::new(Cursor::new(gif))
        .unwrap()
        .into_frames()
        .collect_frames()
        .unwrap();
    assert_eq!(frames.len(), 20, "there and back, the ends once");
    assert_eq!(frames[0].buffer().dimensions(), (side(2), side(2)));

    // An image file with the pixels of a test image gives the same figure.
    let digit = vae::data::digits::digit(1, vae::data::digits::Half::Test, 5);
    let image = image::GrayImage::from_raw(28, 28, digit.pixels.to_vec()).unwrap();
    image.save(place.path().join("five.png")).unwrap();
    let by_file = way("by-file.png", &["--from", "five.png", "--to", "#9"]);
    assert!(by_file == way("by-index.png", &["--from", "#5", "--to", "#9"]));
    assert_eq!(size(&place.path().join("by-file.png")).0, side(13));
    way(
        "both-files.png",
        &["--from", "five.png", "--to", "five.png", MODEL],
    );
    way(
        "mixed.png",
        &["--from", "five.png", "--to", "8", "--rows", "2"],
    );
}

#[test]
fn what_an_interpolation_cannot_start_from_is_named() {
    let place = with_smoke_run();
    fs::write(place.path().join("note.png"), "no image").unwrap();
    // The first third of a photo, as after a transfer that broke off.
    let photo = place.path().join("cut.jpg");
    image::RgbImage::from_fn(120, 90, |x, y| {
        image::Rgb([(x * y) as u8, x as u8, y as u8])
    })
    .save(&photo)
    .unwrap();
    let bytes = fs::read(&photo).unwrap();
    fs::write(&photo, &bytes[..bytes.len() / 3]).unwrap();
    fs::create_dir(place.path().join("folder")).unwrap();
    for (from, pass) in [
        (
            "42",
            &[
                "--from 42: no such class, and no such file",
                "hint: the classes are 0, 1, 2, 3,",
            ][..],
        ),
        (
            "#99999",
            &["--from #99999: the test images are numbered #0 to #199"],
        ),
        (
            "#4294967296",
            &["--from #4294967296: expected a number after `#`"],
        ),
        (
            "#",
            &[
                "--from #: expected a number after `#`",
                "hint: for instance `#12`",
            ],
        ),
        (
            "note.png",
            &[
                "note.png: not an image of a known kind",
                "hint: PNG, JPEG, GIF, BMP",
            ],
        ),
        (
            "cut.jpg",
            &[
                "cut.jpg: a broken image",
                "hint: the file was cut short or damaged on its way",
            ],
        ),
        (
            "folder",
            &["--from folder: no such class, and no such file"],
        ),
        ("", &["--from is missing"]),
    ] {
        run(
            place.path(),
            &["interpolate", "-q", "--from", from, "--to", "8"],
        )
        .failed(2, pass);
    }
}
