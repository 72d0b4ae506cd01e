//! Tests the files for TensorBoard's Embedding Projector.

use std::fs;

use vae::data::Digits;

use crate::program::{files, read, run, with_smoke_run};

#[test]
fn the_projector_has_the_latents_the_labels_and_the_images() {
    let place = with_smoke_run();
    let place = place.path();
    let done = run(place, &["embed", "smoke-1", "--projector", "--n", "10"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let folder = "runs/smoke-1/projector";
    let names = [
        "sprite.png",
        "projector_config.pbtxt",
        "tensors.tsv",
        "metadata.tsv",
    ];
    let expected = names.map(|name| format!("{folder}/{name}"));
    assert_eq!(done.out.lines().collect::<Vec<_>>(), expected);
    run(place, &["embed", "smoke-1", "--n", "10", "--out", "csv"]);
    let csv = String::from_utf8(read(place, "csv/latents.csv")).unwrap();
    let rows: Vec<Vec<&str>> = csv
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect())
        .collect();
    let text = |name: &str| String::from_utf8(read(place, &format!("{folder}/{name}"))).unwrap();
    let tensors = rows.iter().map(|row| row[2..].join("\t") + "\n");
    assert_eq!(text("tensors.tsv"), tensors.collect::<String>());
    let metadata = rows.iter().map(|row| format!("{}\t{}\n", row[1], row[0]));
    assert_eq!(
        text("metadata.tsv"),
        "label\tindex\n".to_owned() + &metadata.collect::<String>()
    );
    let sprite = image::open(place.join(folder).join("sprite.png"))
        .unwrap()
        .into_luma8();
    assert_eq!(sprite.dimensions(), (4 * 28, 3 * 28));
    let digits = Digits {
        seed: 1,
        train: 1000,
        test: 200,
        ..Default::default()
    };
    let test = digits.draw().test;
    for (place, row) in rows.iter().enumerate() {
        let image = test.image(row[0].parse().unwrap()).unwrap();
        let [column, row] = [place % 4, place / 4];
        for (pixel, level) in image.iter().enumerate() {
            let [x, y] = [28 * column + pixel % 28, 28 * row + pixel / 28];
            assert_eq!(sprite.get_pixel(x as u32, y as u32).0, [*level]);
        }
    }
}

#[test]
fn new_images_have_a_folder_of_their_own_and_no_labels() {
    let place = with_smoke_run();
    let place = place.path();
    let image = image::GrayImage::from_fn(28, 28, |x, y| image::Luma([(9 * x + y) as u8]));
    fs::create_dir(place.join("new")).unwrap();
    for name in ["a.png", "b.png"] {
        image.save(place.join("new").join(name)).unwrap();
    }
    let embed = ["embed", "smoke-1", "new", "--projector"];
    let done = run(place, &embed);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let folder = place.join("runs/smoke-1/new-projector");
    assert_eq!(files(&folder).len(), 4);
    let metadata = fs::read_to_string(folder.join("metadata.tsv")).unwrap();
    assert_eq!(metadata, "index\tpath\n0\tnew/a.png\n1\tnew/b.png\n");
    let done = run(place, &[&embed[..], &["--out", "seen"]].concat());
    assert!(done.out.starts_with("seen/sprite.png\n"), "{}", done.out);
    assert_eq!(
        run(place, &["rm", "--yes", "smoke-1"]).line(),
        "runs/smoke-1"
    );
}
