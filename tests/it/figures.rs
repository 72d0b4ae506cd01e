//! Tests the figures: the right image is in the right place, from the command and at the end of
//! training alike.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, DynamicImage, RgbImage};
use tempfile::TempDir;
use vae::config::PRESETS;
use vae::data::Pixels;
use vae::density::normal_quantile;
use vae::eval::{Protocol, deviation_by_latent, kl_by_latent, largest_first};
use vae::figure::Raster;
use vae::model::{Vae, decode, grid, rows};
use vae::objective::LatentMode;
use vae::rng::Rng;
use vae::train::ModelFile;

use crate::models::{gap, load_batch, numbers, plain_device, trained, wide};
use crate::program::{Done, MODEL, files, read, run, train, with_smoke_run};

const PROTOCOL: Protocol = Protocol {
    pixels: Pixels::Grey,
    samples: 1,
    seed: 1,
    latent_mode: LatentMode::Sampled,
    corruption: None,
};

/// The number of latents of the preset `smoke`.
const LATENTS: usize = 8;

fn opened(folder: &Path) -> Vae {
    let path = folder.join(MODEL);
    let file = ModelFile::read(&path).unwrap();
    file.build(&plain_device()).unwrap()
}

fn sheet(path: &Path) -> RgbImage {
    image::open(path).unwrap().into_rgb8()
}

fn frames(path: &Path) -> Vec<RgbImage> {
    let frames = GifDecoder::new(Cursor::new(fs::read(path).unwrap()))
        .unwrap()
        .into_frames();
    frames
        .map(|frame| DynamicImage::ImageRgba8(frame.unwrap().into_buffer()).into_rgb8())
        .collect()
}

/// Returns an image of 28 x 28, drawn at twice its size, from a column and row of a grid that ends
/// in the lower right corner of the sheet.
fn cell(sheet: &RgbImage, [columns, rows]: [u32; 2], [column, row]: [u32; 2]) -> Vec<u8> {
    let [left, top] = [
        sheet.width() - 58 * (columns - column),
        sheet.height() - 58 * (rows - row),
    ];
    (0..28 * 28)
        .map(|i| sheet.get_pixel(left + i % 28 * 2, top + i / 28 * 2)[0])
        .collect()
}

/// Returns the decoded image of a latent.
fn decoded(vae: &Vae, z: Vec<f32>) -> Vec<u8> {
    let image = Raster::from_unit([1, 28, 28], &decode(vae, &[z], None)[0]);
    image.unwrap().pixels
}

/// Asserts equality up to rounding: the number of latents that are decoded together changes the
/// last bits.
fn assert_near(found: &[u8], expected: &[u8], what: &str) {
    assert_eq!(found.len(), expected.len());
    let most = found
        .iter()
        .zip(expected)
        .map(|(a, b)| a.abs_diff(*b))
        .max()
        .unwrap();
    assert!(most <= 1, "{what}: off by {most}");
}

fn unit(latent: usize, value: f32) -> Vec<f32> {
    let mut z = vec![0.0; LATENTS];
    z[latent] = value;
    z
}

#[test]
fn latents_go_to_the_right_and_upwards() {
    let latents = grid(&[9.0, 8.0, 7.0], &[2, 0], &[1.0, 2.0]);
    let expected = [
        [2.0, 8.0, 1.0],
        [2.0, 8.0, 2.0],
        [1.0, 8.0, 1.0],
        [1.0, 8.0, 2.0],
    ];
    assert_eq!(latents, expected.map(Vec::from));
    assert_eq!(
        grid(&[0.0, 5.0], &[0], &[1.0, 2.0, 3.0]),
        [[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]].map(Vec::from)
    );
}

#[test]
fn decoding_together_is_decoding_one_by_one() {
    let (vae, _) = trained();
    let latents: Vec<Vec<f32>> = (0..300)
        .map(|i| unit(i % LATENTS, i as f32 / 100.0 - 1.5))
        .collect();
    let together = decode(&vae, &latents, None);
    assert_eq!(together.len(), 300);
    for place in [0, 249, 250, 299] {
        assert!(
            gap(
                &wide(&together[place]),
                &wide(&decode(&vae, &latents[place..=place], None)[0])
            ) < 1e-5,
            "{place}"
        );
    }
}

#[test]
fn a_manifold_shows_each_code_at_its_quantiles() {
    let place = with_smoke_run();
    let vae = opened(place.path());
    let done = run(place.path(), &["manifold", "--n", "9", "--dims", "5,2"]);
    assert_eq!(done.line(), "runs/smoke-1/manifold.png");
    assert_eq!(
        done.err,
        "the newest run: runs/smoke-1\nnext: vae eval smoke-1\n"
    );
    let drawn = sheet(&place.path().join("runs/smoke-1/manifold.png"));
    let z = |step: u32| normal_quantile(0.05 + 0.9 * f64::from(step) / 8.0) as f32;
    for [column, row] in [[0, 0], [8, 0], [0, 8], [4, 4], [7, 3]] {
        let mut moved = unit(5, z(column));
        moved[2] = z(8 - row);
        assert_near(
            &cell(&drawn, [9, 9], [column, row]),
            &decoded(&vae, moved),
            &format!("column {column}, row {row}"),
        );
    }
    // `--quantiles` changes the latents, and a single latent gives a single row.
    let row = [
        "manifold",
        "-q",
        "--n",
        "12",
        "--dims",
        "3",
        "--quantiles",
        "0.2,0.9",
        "--out",
        "row.png",
    ];
    assert_eq!(run(place.path(), &row).line(), "row.png");
    let drawn = sheet(&place.path().join("row.png"));
    let last = decoded(&vae, unit(3, normal_quantile(0.9) as f32));
    assert_near(&cell(&drawn, [12, 1], [11, 0]), &last, "the last of a row");
    // A note says which two of the eight latents are shown by default.
    let done = run(place.path(), &["manifold", "--n", "9", "--out", "two.png"]);
    assert!(
        done.err.contains("note: of 8 latents this shows 0 and 1"),
        "{}",
        done.err
    );
    assert_eq!(
        run(
            place.path(),
            &[
                "manifold", "-q", "--n", "9", "--dims", "0,1", "--out", "same.png"
            ]
        )
        .err,
        ""
    );
    assert!(read(place.path(), "two.png") == read(place.path(), "same.png"));
    run(
        place.path(),
        &["manifold", "-q", "--n", "1", "--out", "one.png"],
    )
    .line();
}

#[test]
fn what_a_latent_carries_is_its_mean_kl() {
    let (vae, images) = trained();
    let found = kl_by_latent(&vae, &images, PROTOCOL).unwrap();
    let deviations = deviation_by_latent(&vae, &images, PROTOCOL).unwrap();
    let indices: Vec<u32> = (0..images.len() as u32).collect();
    let posterior = vae.encode(
        load_batch(
            Pixels::Grey,
            &images,
            &indices,
            None,
            Rng::new(0),
            &vae.device(),
        )
        .x,
        None,
    );
    let (mean, log_var) = (numbers(posterior.mean), numbers(posterior.log_var));
    for (latent, found) in found.iter().enumerate() {
        let of = |row: &usize| {
            let (m, v) = (
                mean[row * LATENTS + latent],
                log_var[row * LATENTS + latent],
            );
            0.5 * (m * m + v.exp() - v - 1.0)
        };
        let expected = (0..images.len()).map(|row| of(&row)).sum::<f64>() / images.len() as f64;
        assert!(
            (found - expected).abs() < 1e-4,
            "latent {latent}: {found}, not {expected}"
        );
        let moment = |power: i32| {
            (0..images.len())
                .map(|row| mean[row * LATENTS + latent].powi(power))
                .sum::<f64>()
                / images.len() as f64
        };
        let expected = (moment(2) - moment(1).powi(2)).sqrt();
        assert!(
            (deviations[latent] - expected).abs() < 1e-6,
            "latent {latent}: {}",
            deviations[latent]
        );
    }
    assert_eq!(
        largest_first(&[0.1, 3.0, f64::NEG_INFINITY, 3.0, 2.0]),
        [1, 3, 4, 0, 2]
    );
}

#[test]
fn a_traversal_moves_one_latent_a_row_the_fullest_first() {
    let place = with_smoke_run();
    let vae = opened(place.path());
    let test = vae::data::Digits {
        train: 1,
        test: 200,
        ..Default::default()
    }
    .draw()
    .test;
    let order = largest_first(&kl_by_latent(&vae, &test, PROTOCOL).unwrap());
    assert_eq!(
        run(place.path(), &["traverse", "-q"]).line(),
        "runs/smoke-1/traverse.png"
    );
    let drawn = sheet(&place.path().join("runs/smoke-1/traverse.png"));
    for (row, latent) in order.iter().enumerate() {
        for (column, value) in [(0, -3.0), (5, 0.0), (10, 3.0)] {
            let expected = decoded(&vae, unit(*latent, value));
            let found = cell(&drawn, [11, 8], [column, row as u32]);
            assert_near(&found, &expected, &format!("row {row}, column {column}"));
        }
    }
    // The traversal can start at an image's latent, with another range and fewer rows.
    let more = [
        "traverse",
        "-q",
        "--image",
        "7",
        "--range",
        "1.5",
        "--steps",
        "13",
        "--rows",
        "3",
        "--out",
        "seven.png",
    ];
    run(place.path(), &more).line();
    let drawn = sheet(&place.path().join("seven.png"));
    let seven = load_batch(Pixels::Grey, &test, &[7], None, Rng::new(0), &vae.device()).x;
    let mut z = rows(vae.encode(seven, None).mean).concat();
    z[order[2]] = -1.5;
    assert_near(
        &cell(&drawn, [13, 3], [0, 2]),
        &decoded(&vae, z),
        "from an image's latent",
    );
    run(
        place.path(),
        &[&more[..8], &["--rows", "3", "--out", "seven.gif"]].concat(),
    )
    .line();
    let sizes: Vec<_> = frames(&place.path().join("seven.gif"))
        .iter()
        .map(RgbImage::dimensions)
        .collect();
    assert!(
        sizes.len() == 24 && sizes.iter().all(|size| *size == sizes[0]),
        "{sizes:?}"
    );
    let done = run(
        place.path(),
        &["traverse", "--rows", "3", "--out", "moving.gif"],
    );
    assert!(done.err.contains("note: 3 of 8 latents"), "{}", done.err);
    let moving = frames(&place.path().join("moving.gif"));
    assert_eq!(moving.len(), 20, "there and back, the ends once");
    // The title is wider than the single column of images, whose right edge is that of the grey
    // line at the bottom.
    let (width, height) = moving[10].dimensions();
    let right = (0..width)
        .rfind(|&x| moving[10].get_pixel(x, height - 1).0 == [128; 3])
        .unwrap();
    let frame = image::imageops::crop_imm(&moving[10], 0, 0, right + 1, height).to_image();
    assert_near(
        &cell(&frame, [1, 3], [0, 1]),
        &decoded(&vae, unit(order[1], 3.0)),
        "a frame",
    );
}

#[test]
fn an_animation_has_a_frame_an_epoch() {
    let place = TempDir::new().unwrap();
    train(place.path(), &["-q", "--epochs", "3"]).line();
    assert_eq!(
        run(place.path(), &["animate", "-q"]).line(),
        "runs/smoke-1/samples.gif"
    );
    let folder = place.path().join("runs/smoke-1");
    let samples = frames(&folder.join("samples.gif"));
    assert_eq!(samples.len(), 3);
    for (frame, epoch) in samples.iter().zip(1..) {
        let kept = sheet(&folder.join(format!("samples/epoch-000{epoch}.png")));
        let above = frame.height() - kept.height();
        let below =
            image::imageops::crop_imm(frame, 0, above, kept.width(), kept.height()).to_image();
        assert!(below == kept, "epoch {epoch}");
        // The title above it names the epoch.
        let title =
            |frame: &RgbImage| frame.as_raw()[..(frame.width() * above * 3) as usize].to_vec();
        assert_eq!(
            samples
                .iter()
                .filter(|other| title(other) == title(frame))
                .count(),
            1
        );
    }
    let done = run(
        place.path(),
        &[
            "animate",
            "-q",
            "smoke-1",
            "--of",
            "reconstructions",
            "--out",
            "way.gif",
        ],
    );
    assert_eq!(done.line(), "way.gif");
    let decoded = frames(&place.path().join("way.gif"));
    assert_eq!((decoded.len(), decoded[0].height()), (3, 4 * 58 + 2 + 28));
    assert!(decoded[0] != decoded[2]);
    // A resumed run continues with the same images.
    train(place.path(), &["-q", "--epochs", "1"]).line();
    run(
        place.path(),
        &["train", "-q", "--resume", "smoke-2", "--epochs", "3"],
    )
    .line();
    for of in ["samples", "reconstructions"] {
        let [whole, resumed] = ["smoke-1", "smoke-2"].map(|name| {
            run(
                place.path(),
                &["animate", "-q", name, "--of", of, "--out", "a.gif"],
            )
            .line();
            read(place.path(), "a.gif")
        });
        assert!(whole == resumed, "{of}");
    }
}

#[test]
fn the_temperature_is_the_deviation_of_the_codes() {
    let place = with_smoke_run();
    let sample = |more: &[&str]| {
        run(
            place.path(),
            &[&["sample", "-q", "--n", "4", "--out", "a.png"], more].concat(),
        )
        .line();
        sheet(&place.path().join("a.png"))
    };
    assert!(sample(&["--temperature", "1"]) == sample(&[]));
    assert!(sample(&["--temperature", "0.5"]) != sample(&[]));
    let middle = decoded(&opened(place.path()), vec![0.0; LATENTS]);
    for corner in [[0, 0], [1, 0], [0, 1], [1, 1]] {
        let cold = sample(&["--temperature", "0"]);
        assert_near(&cell(&cold, [2, 2], corner), &middle, "the middle");
    }
}

#[test]
fn training_ends_with_the_figures_that_its_config_asks_for() {
    let place = TempDir::new().unwrap();
    let set = r#"figures=[
        { kind = "manifold", n = 4, dims = [1, 0] }, { kind = "traverse", rows = 2, out = "way.gif" }, { kind = "animate" }]"#;
    let done = train(place.path(), &["--epochs", "1", "--set", set]);
    assert_eq!(done.line(), "runs/smoke-1");
    for name in ["manifold.png", "way.gif", "samples.gif"] {
        assert!(
            done.err.contains(&format!("look at runs/smoke-1/{name}\n")),
            "{}",
            done.err
        );
    }
    let same = |name: &str, command: &[&str]| {
        run(
            place.path(),
            &[
                command,
                &["-q", "--out", "again", "smoke-1"]
                    .map(|word| if word == "again" { name } else { word }),
            ]
            .concat(),
        )
        .line();
        assert!(
            read(place.path(), name) == read(place.path(), &format!("runs/smoke-1/{name}")),
            "{name}"
        );
    };
    same("manifold.png", &["manifold", "--n", "4", "--dims", "1,0"]);
    same("way.gif", &["traverse", "--rows", "2"]);
    same("samples.gif", &["animate"]);
    // A figure that cannot be drawn does not affect the others or the run.
    let set_wrong = r##"figures=[{ kind = "traverse", image = 4000 }, { kind = "interpolate", from = "#12", to = 8 }]"##;
    let wrong = train(
        place.path(),
        &["-q", "--epochs", "1", "--name", "wrong", "--set", set_wrong],
    );
    assert_eq!((wrong.code, wrong.out.as_str()), (Some(2), "runs/wrong\n"));
    assert!(
        wrong
            .err
            .contains("[[figures]] number 1, traverse: --image 4000: "),
        "{}",
        wrong.err
    );
    assert!(place.path().join("runs/wrong/interpolation.png").is_file());
    let quiet = train(place.path(), &["-q", "--epochs", "1", "--set", set]);
    assert_eq!((quiet.line(), quiet.err.as_str()), ("runs/smoke-2", ""));
    // The figures are drawn again after more epochs.
    let before = read(place.path(), "runs/smoke-2/manifold.png");
    run(
        place.path(),
        &["train", "-q", "--resume", "smoke-2", "--epochs", "2"],
    )
    .line();
    assert!(read(place.path(), "runs/smoke-2/manifold.png") != before);
    // A figure that the model does not support is refused before training starts.
    let done = train(
        place.path(),
        &[
            "-q",
            "--name",
            "none",
            "--set",
            r#"figures=[{ kind = "manifold", dims = [0, 8] }]"#,
        ],
    );
    done.failed(
        2,
        &["--dims: there is no latent 8; the model has 8, from 0 to 7"],
    );
    assert!(!place.path().join("runs/none").exists());
    for (figure, model, part) in [
        (
            r#"kind = "edit", add = "eight", subtract = 3"#,
            "",
            "--add eight: no such class",
        ),
        (
            r#"kind = "interpolate", from = 3, to = 99"#,
            "",
            "--to 99: no such class",
        ),
        (
            r#"kind = "sample", label = "all", n = 2000"#,
            "add",
            "--n asks for 20000 images",
        ),
        (
            r#"kind = "manifold""#,
            "add",
            "this model is conditional: name a class",
        ),
        (
            r#"kind = "traverse", label = "x""#,
            "concat",
            "--label x: no such class",
        ),
        (
            r#"kind = "sample", label = 8"#,
            "",
            "--label 8: this model is not conditional",
        ),
    ] {
        let figure = format!("figures=[{{ {figure} }}]");
        let condition = format!("condition.decoder={model}");
        let more = if model.is_empty() {
            vec![]
        } else {
            vec!["--set", condition.as_str()]
        };
        let done = train(
            place.path(),
            &[&["-q", "--name", "none", "--set", figure.as_str()], &*more].concat(),
        );
        done.failed(2, &["[[figures]], ", part, "`--set figures=[]`"]);
        assert!(!place.path().join("runs/none").exists());
    }
}

#[test]
fn the_presets_ask_for_figures_that_there_are() {
    let place = TempDir::new().unwrap();
    for preset in PRESETS {
        assert_eq!(
            run(place.path(), &["config", preset.name]).code,
            Some(0),
            "{}",
            preset.name
        );
    }
}

#[test]
fn what_a_figure_cannot_show_is_named() {
    let place = with_smoke_run();
    let fails = |arguments: &[&str], pass: &[&str]| -> Done {
        let done = run(place.path(), &[arguments, &["-q"]].concat());
        done.failed(2, pass);
        done
    };
    fails(
        &["manifold", "--dims", "8"],
        &["--dims: there is no latent 8; the model has 8, from 0 to 7"],
    );
    fails(&["manifold", "--dims", "0,99"], &["there is no latent 99"]);
    fails(
        &["manifold", "--n", "2", "--out", "/proc/a.png"],
        &["/proc/a.png: cannot be written"],
    );
    fails(
        &["traverse", "--image", "200"],
        &["--image 200: the test images are numbered 0 to 199"],
    );
    fails(
        &["animate", MODEL],
        &[
            "a model file; the images of every epoch",
            "hint: name the run, as in",
        ],
    );
    fs::remove_dir_all(place.path().join("runs/smoke-1/samples")).unwrap();
    fails(
        &["animate"],
        &[
            "runs/smoke-1: this run has kept no samples",
            "hint: training keeps them after each epoch",
        ],
    );
    let image = place
        .path()
        .join("runs/smoke-1/reconstructions/epoch-0002.png");
    fs::write(image, "no image").unwrap();
    fails(
        &["animate", "--of", "reconstructions"],
        &["epoch-0002.png: a broken image"],
    );
    let made = files(&place.path().join("runs/smoke-1"));
    assert!(!made.iter().any(|name| name.ends_with(".gif")), "{made:?}");
}

#[test]
fn a_sheet_has_an_end() {
    let place = TempDir::new().unwrap();
    train(
        place.path(),
        &["-q", "--epochs", "1", "--set", "model.mlp.latent=16"],
    )
    .line();
    run(place.path(), &["traverse", "-q", "--steps", "1000"]).failed(
        2,
        &["--steps asks for 16000 images; expected at most 10000 in one figure"],
    );
}

#[test]
fn an_autoencoder_says_what_its_figures_lack() {
    let place = TempDir::new().unwrap();
    train(
        place.path(),
        &[
            "-q",
            "--epochs",
            "1",
            "--set",
            "objective.autoencoder.corrupt.mask=0.3",
        ],
    )
    .line();
    let done = run(place.path(), &["traverse", "--out", "a.png"]);
    assert!(
        done.err
            .contains("beside each stands its latents' standard deviation"),
        "{}",
        done.err
    );
    let done = run(
        place.path(),
        &["manifold", "--n", "2", "--dims", "0,1", "--out", "b.png"],
    );
    assert!(
        done.err
            .contains("note: an autoencoder's latents have no prior"),
        "{}",
        done.err
    );
    run(place.path(), &["animate", "-q", "--of", "reconstructions"]).line();
}
