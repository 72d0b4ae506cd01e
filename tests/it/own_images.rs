//! Tests of images of a person's own, from the folder to the latents of new ones.

use std::fs;
use std::path::Path;

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{copy_folder, files, run};

/// Draws a colour image with a disc; each seed gives another one.
pub fn disc(width: u32, height: u32, seed: u32) -> RgbImage {
    let mix = |channel: u32| (seed.wrapping_mul(2_654_435_761) >> (8 * channel)) as u8;
    let (x0, y0) = (
        width / 4 + seed * 7 % (width / 2).max(1),
        height / 4 + seed * 5 % (height / 2).max(1),
    );
    RgbImage::from_fn(width, height, |x, y| {
        let inside = x.abs_diff(x0).pow(2) + y.abs_diff(y0).pow(2) < (width.min(height) / 5).pow(2);
        if inside {
            Rgb([mix(0), mix(1), mix(2)])
        } else {
            Rgb([(x * 200 / width) as u8, (y * 200 / height) as u8, 40])
        }
    })
}

pub fn save(folder: &Path, name: &str, image: impl Into<DynamicImage>) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image.into().save(path).unwrap();
}

/// Makes a folder `mine` with a folder for each of two classes, 40 images of 20 x 20 in each.
pub fn two_classes() -> TempDir {
    let home = TempDir::new().unwrap();
    for (first, class) in [(0, "cat"), (1000, "owl 2")] {
        for i in 0..40 {
            save(
                home.path(),
                &format!("mine/{class}/{i}.png"),
                disc(20, 20, first + i),
            );
        }
    }
    home
}

fn data(home: &Path, arguments: &[&str]) -> Value {
    let done = run(home, &[&["data", "mine", "--json"], arguments].concat());
    assert_eq!(done.code, Some(0), "{}", done.err);
    serde_json::from_str(&done.out).unwrap()
}

pub const SHORT: [&str; 6] = ["train", "--data", "mine", "--epochs", "2", "--quiet"];

#[test]
fn a_folder_of_classes_is_trained_on_and_everything_follows() {
    let home = two_classes();
    let home = home.path();
    let found = run(home, &["data", "mine"]);
    assert_eq!(found.code, Some(0), "{}", found.err);
    for part in [
        "mine: 80 images in class folders: cat 40, owl 2 40",
        "20x20, colour; as they are: 3x20x20",
        "chosen by a hash of the pixels",
    ] {
        assert!(found.out.contains(part), "{part}: {}", found.out);
    }
    let trained = run(home, &SHORT);
    assert_eq!(trained.code, Some(0), "{}", trained.err);
    assert_eq!(trained.out.trim(), "runs/mine-1");
    let config = fs::read_to_string(home.join("runs/mine-1/config.toml")).unwrap();
    for part in [
        "size = [",
        "channels = 3",
        "fit = \"crop\"",
        "[likelihood.gaussian]",
    ] {
        assert!(config.contains(part), "{part}: {config}");
    }
    // The folder is remembered, and the same data is found without `--data`.
    let evaluated = run(home, &["eval", "mine-1"]);
    assert_eq!(evaluated.code, Some(0), "{}", evaluated.err);

    // New images have names and, if their folder is called as a class, a label.
    save(home, "new/cat/a,b.png", disc(300, 200, 5));
    save(home, "new/other/ü.png", disc(30, 60, 6));
    let done = run(
        home,
        &[
            "embed",
            "mine-1",
            "new/cat/a,b.png",
            "new/other/ü.png",
            "--out",
            "codes",
        ],
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    let csv = fs::read_to_string(home.join("codes/latents.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("index,label,path,z0,"), "{csv}");
    assert!(lines[1].starts_with("0,,\"new/cat/a,b.png\","), "{csv}");
    assert!(lines[2].starts_with("1,,new/other/ü.png,"), "{csv}");
    for command in [
        &["reconstruct", "mine-1", "new"][..],
        &["traverse", "mine-1", "new"],
        &["eval", "mine-1", "new", "--json"],
    ] {
        let done = run(home, command);
        assert_eq!(done.code, Some(0), "{command:?}: {}", done.err);
    }
    let done = run(
        home,
        &[
            "edit",
            "mine-1",
            "new",
            "--add",
            "cat",
            "--subtract",
            "owl 2",
        ],
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
}

#[test]
fn a_measurement_of_new_images_leaves_the_run_s_own_report() {
    let home = two_classes();
    let home = home.path();
    assert_eq!(run(home, &SHORT).code, Some(0));
    assert_eq!(run(home, &["eval", "mine-1"]).code, Some(0));
    let report = home.join("runs/mine-1/report.json");
    let before = fs::read(&report).unwrap();
    save(home, "new/a.png", disc(20, 20, 77));
    let done = run(home, &["eval", "mine-1", "new/a.png", "--json"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let found: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(found["images"], 1);
    assert_eq!(fs::read(&report).unwrap(), before);
    run(home, &["eval", "mine-1", "new/a.png", "--other-data"])
        .failed(2, &["--other-data", "hint:"]);
    run(home, &["embed", "mine-1", "new/a.png", "--split", "train"]).failed(2, &["--split train"]);
    run(home, &["embed", "mine-1", "new/b.png"]).failed(2, &["new/b.png: no such file"]);
    for command in [
        &["train", "--config", "smoke", "--no-cache"][..],
        &["config", "smoke", "--no-cache"],
    ] {
        run(home, command).failed(2, &["--no-cache: the data set is `", "hint:"]);
    }
    run(home, &["embed", "new/a.png"]).failed(2, &["this is an image", "name the RUN first"]);
    run(home, &["train", "--resume", "mine-1", "--size", "9"])
        .failed(2, &["--resume", "data.images.size=[9,9]"]);
}

#[test]
fn threads_the_cache_and_a_stop_change_no_byte() {
    let home = two_classes();
    let home = home.path();
    let model = |name: &str, arguments: &[&str]| {
        let done = run(home, &[&SHORT[..], &["--name", name], arguments].concat());
        assert_eq!(done.code, Some(0), "{}", done.err);
        fs::read(home.join("runs").join(name).join("model.safetensors")).unwrap()
    };
    let first = model("a", &["--threads", "1"]);
    assert!(
        first == model("b", &["--threads", "2"]),
        "with a cache and two threads"
    );
    assert!(first == model("c", &["--no-cache"]), "without a cache");
    // A cut cache, a foreign one and a missing index are made anew.
    let cache = home.join(".cache/vae/images");
    let pixels: Vec<String> = files(&cache)
        .into_iter()
        .filter(|file| file.ends_with("pixels"))
        .collect();
    assert_eq!(pixels.len(), 1, "{pixels:?}");
    let pixels = cache.join(&pixels[0]);
    let whole = fs::read(&pixels).unwrap();
    for damaged in [whole[..100].to_vec(), vec![7; whole.len()]] {
        fs::write(&pixels, damaged).unwrap();
        let done = run(home, &["eval", "a", "--json"]);
        if done.code != Some(0) {
            assert!(done.err.contains("hint:"), "{}", done.err);
            assert_eq!(run(home, &["eval", "a", "--json"]).code, Some(0));
        }
        assert!(fs::read(&pixels).unwrap() == whole);
    }
    let done = run(
        home,
        &[
            "train", "--data", "mine", "--epochs", "1", "--quiet", "--name", "d",
        ],
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    let done = run(
        home,
        &[
            "train",
            "--resume",
            "d",
            "--epochs",
            "2",
            "--quiet",
            "--set",
            "schedule.cosine.floor=0.05",
        ],
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
}

#[test]
fn data_that_changed_is_noticed() {
    let home = two_classes();
    let home = home.path();
    assert_eq!(run(home, &SHORT).code, Some(0));
    save(home, "mine/cat/new.png", disc(20, 20, 4321));
    run(home, &["eval", "mine-1"]).failed(
        2,
        &["not the data that the model was trained on", "--other-data"],
    );
    assert_eq!(run(home, &["eval", "mine-1", "--other-data"]).code, Some(0));
}

#[test]
fn a_new_image_moves_no_other_from_one_split_to_the_other() {
    let home = two_classes();
    let before = data(home.path(), &[]);
    for i in 0..20 {
        save(
            home.path(),
            &format!("mine/cat/more {i}.png"),
            disc(20, 20, 5000 + i),
        );
    }
    let after = data(home.path(), &[]);
    let count = |found: &Value, split: &str| found[split].as_u64().unwrap();
    let all = ["train", "validation", "test"].map(|split| count(&after, split));
    assert_eq!(all.iter().sum::<u64>(), 100);
    assert!(count(&after, "test") >= count(&before, "test"));
    assert!(count(&after, "train") >= count(&before, "train"));
}

#[test]
fn every_layout_is_recognised_and_said() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    let fill = |folder: &str, count: u32, first: u32| {
        for i in 0..count {
            save(home, &format!("{folder}/{i}.png"), disc(16, 16, first + i));
        }
    };
    fill("flat", 30, 0);
    fill("inside/deeper/flat", 30, 0);
    fill("split/Training/cat", 20, 0);
    fill("split/Training/dog", 20, 100);
    fill("split/valid/cat", 5, 200);
    fill("split/test/dog", 6, 300);
    fill("anomalib/good", 30, 0);
    fill("anomalib/defect", 7, 100);
    fill("mvtec/train/good", 30, 0);
    fill("mvtec/test/good", 5, 100);
    fill("mvtec/test/crack", 4, 200);
    for i in 0..4 {
        save(
            home,
            &format!("mvtec/ground_truth/crack/{i}_mask.png"),
            GrayImage::new(16, 16),
        );
    }
    fill("table/pics", 30, 0);
    let rows: String = (0..28)
        .map(|i| {
            format!(
                "pics/{i}.png,{},{}\n",
                ["b", "a"][i % 2],
                ["train", "test"][usize::from(i > 20)]
            )
        })
        .collect();
    fs::write(
        home.join("table/labels.csv"),
        format!("file_name,label,split\n{rows}"),
    )
    .unwrap();
    fill("lines", 30, 0);
    let rows: String = (0..30)
        .map(|i| format!("{{\"file_name\": \"{i}.png\", \"label\": {}}}\n", i % 3))
        .collect();
    fs::write(home.join("lines/metadata.jsonl"), rows).unwrap();
    fill("nested/latin/a", 12, 0);
    fill("nested/latin/b", 12, 100);
    fill("nested/greek/a", 12, 200);
    let look = |folder: &str, arguments: &[&str]| -> Value {
        let done = run(home, &[&["data", folder, "--json"], arguments].concat());
        assert_eq!(done.code, Some(0), "{folder}: {}", done.err);
        serde_json::from_str(&done.out).unwrap()
    };
    let counts =
        |found: &Value| ["train", "validation", "test"].map(|split| found[split].as_u64().unwrap());
    let classes = |found: &Value| -> Vec<String> {
        let classes = found["classes"].as_array().unwrap();
        classes
            .iter()
            .map(|class| class[0].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(look("flat", &[])["layout"], "files");
    assert_eq!(look("inside", &[])["layout"], "files");
    let split = look("split", &[]);
    assert_eq!(
        (&split["layout"], counts(&split)),
        (&"split folders".into(), [40, 5, 6])
    );
    assert_eq!(classes(&split), ["cat", "dog"]);
    let anomalies = look("anomalib", &[]);
    assert_eq!(anomalies["layout"], "folders of normal and abnormal images");
    assert_eq!(anomalies["config"]["fit"], "pad");
    assert!(counts(&anomalies)[2] > 7, "{anomalies}");
    let mvtec = look("mvtec", &[]);
    assert_eq!(
        (counts(&mvtec), classes(&mvtec)),
        ([20, 2, 9], vec!["crack".into(), "good".into()])
    );
    assert_eq!(mvtec["config"]["fit"], "pad");
    // Beside abnormal images, some of the normal ones are kept to calibrate on.
    assert_eq!(mvtec["calibration"], 8);
    fs::remove_dir_all(home.join("mvtec/ground_truth")).unwrap();
    let without_masks = look("mvtec", &[]);
    assert_eq!(without_masks["config"]["fit"], "pad");
    assert_eq!(without_masks["calibration"], 8);
    let table = look("table", &[]);
    assert_eq!(
        (counts(&table), classes(&table)),
        ([19, 2, 7], vec!["a".into(), "b".into()])
    );
    assert!(
        table["notes"][0]
            .as_str()
            .unwrap()
            .contains("2 images left out, for labels.csv does not name them")
    );
    assert_eq!(classes(&look("lines", &[])), ["0", "1", "2"]);
    assert_eq!(classes(&look("nested", &[])), ["greek", "latin"]);
    assert_eq!(classes(&look("nested", &["--labels", "last"])), ["a", "b"]);
    assert_eq!(
        classes(&look("nested", &["--labels", "path"])),
        ["greek/a", "latin/a", "latin/b"]
    );
    assert!(classes(&look("nested", &["--labels", "none"])).is_empty());
    assert_eq!(
        look("nested", &["--set", "data.images.layout=flat"])["layout"],
        "files"
    );
}

#[test]
fn every_format_is_read_and_what_is_special_is_said() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    let folder = home.join("mine");
    for (i, ending) in [
        "png", "JPG", "gif", "bmp", "webp", "tiff", "ppm", "qoi", "tga", "jpeg",
    ]
    .iter()
    .enumerate()
    {
        for j in 0..3_u32 {
            save(
                &folder,
                &format!("{i}-{j}.{ending}"),
                disc(40, 30, j * 100 + i as u32),
            );
        }
    }
    let deep = image::ImageBuffer::<Luma<u16>, _>::from_fn(40, 30, |x, y| {
        Luma([(x * 50 + y * 20) as u16])
    });
    save(&folder, "deep.png", DynamicImage::ImageLuma16(deep));
    let clear = RgbaImage::from_fn(40, 30, |x, _| {
        Rgba([200, 10, 10, if x < 20 { 0 } else { 255 }])
    });
    save(&folder, "clear.png", clear);
    fs::write(folder.join(".hidden.png"), "no image").unwrap();
    fs::write(folder.join("Thumbs.db"), "no image").unwrap();
    fs::create_dir(folder.join("__MACOSX")).unwrap();
    fs::write(folder.join("__MACOSX/._a.png"), "no image").unwrap();
    fs::write(folder.join("notes.txt"), "hello").unwrap();
    let photo = fs::read(folder.join("1-0.JPG")).unwrap();
    fs::write(folder.join("cut.jpg"), &photo[..photo.len() / 2]).unwrap();
    fs::write(folder.join("x.heic"), "ftypheic").unwrap();
    let found = data(home, &[]);
    assert_eq!(found["summary"]["images"], 32, "{found}");
    assert_eq!(found["summary"]["alpha"], 1);
    assert_eq!(found["summary"]["sixteen_bit"], 1);
    let skipped = found["skipped"].as_array().unwrap();
    assert_eq!(skipped.len(), 2, "{found}");
    assert!(
        skipped[0]["reason"]
            .as_str()
            .unwrap()
            .contains("broken image"),
        "{found}"
    );
    assert!(
        skipped[1]["reason"]
            .as_str()
            .unwrap()
            .contains("HEIC is not supported"),
        "{found}"
    );
    let notes = found["notes"].to_string();
    assert!(notes.contains("data.images.levels=[0,4095]"), "{notes}");
    let trained = run(home, &SHORT);
    assert_eq!(trained.code, Some(0), "{}", trained.err);
    let csv = fs::read_to_string(home.join("runs/mine-1/skipped.csv")).unwrap();
    assert!(csv.starts_with("path,reason\ncut.jpg,"), "{csv}");
}

#[test]
fn sizes_and_colours_are_chosen_and_can_be_set() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    for i in 0..30 {
        let [width, height] = [[100, 75], [200, 150], [640, 480]][i as usize % 3];
        let grey = DynamicImage::from(disc(width, height, i)).into_luma8();
        save(home, &format!("mine/{i}.png"), DynamicImage::from(grey));
    }
    assert_eq!(data(home, &[])["shape"], serde_json::json!([1, 64, 84]));
    assert_eq!(
        data(home, &["--size", "48x32"])["shape"],
        serde_json::json!([1, 48, 32])
    );
    let colour = data(home, &["--size", "20", "--set", "data.images.channels=3"]);
    assert_eq!(colour["shape"], serde_json::json!([3, 20, 20]));
    run(home, &["data", "mine", "--size", "0"]).failed(2, &["data.images.size is 0"]);
    run(home, &["data", "mine", "--size", "a"]).failed(2, &["--size a: expected"]);
    run(home, &["data", "mine", "--labels", "a"]).failed(2, &["--labels a: expected"]);
    run(home, &["data", "mine", "--set", "data.images.channels=2"]).failed(2, &["channels is 2"]);
    run(home, &["data", "mine", "--set", "data.images.levels=[9,3]"])
        .failed(2, &["levels is [9, 3]"]);
    let done = run(home, &["data", "mine", "--sheet", "sheet.png"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(home.join("sheet.png").is_file());
    // The config is what `vae config` prints, and it trains.
    let config = run(home, &["config", "--data", "mine"]);
    assert_eq!(config.code, Some(0), "{}", config.err);
    fs::write(home.join("my.toml"), &config.out).unwrap();
    let done = run(
        home,
        &[
            "train", "--config", "my.toml", "--data", "mine", "--epochs", "1", "--quiet",
        ],
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    run(home, &["train", "--config", "my.toml"])
        .failed(2, &["`images` is read from a folder of yours", "--data"]);
}

#[test]
fn what_cannot_be_trained_on_is_refused_with_a_reason() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    let refused = |parts: &[&str]| run(home, &["train", "--data", "mine"]).failed(2, parts);
    refused(&["mine: no such file or folder"]);
    fs::create_dir(home.join("mine")).unwrap();
    refused(&["mine: expected images, found no files", "hint:"]);
    fs::write(home.join("mine/a.txt"), "hello").unwrap();
    refused(&["expected images, found 1 .txt"]);
    for i in 0..19 {
        save(home, &format!("mine/{i}.png"), disc(10, 10, i));
    }
    refused(&["19 images; expected at least 20"]);
    for i in 19..100 {
        save(home, &format!("mine/{i}.png"), disc(10, 10, i));
    }
    for i in 0..11 {
        fs::write(home.join(format!("mine/bad{i:02}.png")), "no image").unwrap();
    }
    refused(&[
        "11 of 111 images cannot be read",
        "bad00.png: not an image",
        "data.images.broken=skip",
    ]);
    let done = run(home, &["data", "mine", "--set", "data.images.broken=skip"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains("skipped 11"), "{}", done.out);
    run(home, &["train", "--config", "mnist", "--data", "mine"])
        .failed(2, &["MNIST is not in this folder", "vae train --data mine"]);
    run(home, &["train", "--data", "mine/1.png"]).failed(2, &["mine/1.png", "hint:"]);

    let copy = |to: &str| copy_folder(&home.join("mine"), &home.join(to));
    copy("table");
    for i in 0..11 {
        fs::remove_file(home.join(format!("table/bad{i:02}.png"))).unwrap();
    }
    fs::write(
        home.join("table/t.csv"),
        "file_name,label\n1.png,a\nnowhere.png,b\n",
    )
    .unwrap();
    run(home, &["data", "table"]).failed(2, &["t.csv: line 3: there is no image `nowhere.png`"]);
    fs::write(home.join("table/u.csv"), "file_name,label\n1.png,a\n").unwrap();
    run(home, &["data", "table"]).failed(2, &["more than one table of images: t.csv, u.csv"]);
    fs::remove_file(home.join("table/u.csv")).unwrap();
    fs::write(home.join("table/t.csv"), "name,label\n1.png,a\n").unwrap();
    run(
        home,
        &["data", "table", "--set", "data.images.layout=table"],
    )
    .failed(2, &["no CSV or JSONL file with a column of file names"]);
    assert_eq!(run(home, &["data", "table"]).code, Some(0));

    for (class, first) in [("Cat", 0), ("cat ", 50)] {
        for i in 0..15 {
            save(
                home,
                &format!("same/{class}/{i}.png"),
                disc(10, 10, first + i),
            );
        }
    }
    run(home, &["data", "same"]).failed(2, &["`Cat`", "`cat `", "differ in case or spaces alone"]);
    for i in 0..25 {
        save(home, &format!("masked/test/crack/{i}.png"), disc(10, 10, i));
        save(
            home,
            &format!("masked/train/good/{i}.png"),
            disc(10, 10, 100 + i),
        );
    }
    save(
        home,
        "masked/ground_truth/crack/99_mask.png",
        GrayImage::new(10, 10),
    );
    run(home, &["data", "masked"]).failed(2, &["99_mask.png: a mask without an image"]);
    for i in 0..25 {
        save(home, &format!("only/test/{i}.png"), disc(10, 10, i));
    }
    run(home, &["data", "only"]).failed(2, &["0 images to train on"]);
}
