//! Every parser of bytes that a person may hand to the program, each as a function that takes any bytes. None may panic, hang, or
//! allocate more than the bytes can hold. cargo-fuzz and an ordinary test both call them.

use std::path::{Path, PathBuf};

use vae::config::{Config, SweepPlan};
use vae::data::images::{ArrangeOptions, FileEntry, FileTree, LabelsFrom, Layout};
use vae::data::{amat, factors, idx, image_file, images};
use vae::model::Features;
use vae::report::comparison::{self, EvaluatedRun, MeasuredModel};
use vae::run::parse_metrics;
use vae::train::{Checkpoint, ModelFile};

/// A parser by the name of its fuzzing target.
pub type Parser = (&'static str, fn(&[u8]));

/// Every parser.
pub const PARSERS: [Parser; 13] = [
    ("amat", amat),
    ("archive", archive),
    ("arrays", arrays),
    ("config", config),
    ("csv", csv),
    ("gz", gz),
    ("idx", idx),
    ("image", image),
    ("metrics", metrics),
    ("model", model),
    ("plan", plan),
    ("report", report),
    ("tables", tables),
];

/// Binary images as text: two images of four values.
pub fn amat(bytes: &[u8]) {
    let _ = amat::parse(bytes, 2, [1, 2, 2]);
}

/// A zip or tar archive of files.
pub fn archive(bytes: &[u8]) {
    own_data("fuzz.zip", bytes);
}

/// Images in NumPy's arrays.
pub fn arrays(bytes: &[u8]) {
    own_data("fuzz.npz", bytes);
}

fn own_data(name: &str, bytes: &[u8]) {
    // What is too large for memory would be unpacked here, and no input of a fuzzer is.
    let scratch = std::env::temp_dir().join("vae-fuzz");
    let _ = images::read_all(Path::new(name), bytes.to_vec(), &scratch);
}

/// The TOML of a config. What is accepted is written and read again.
pub fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(config) = Config::parse(&text, Path::new("fuzz.toml")) else {
        return;
    };
    if config.check().is_ok() {
        let written = config
            .to_toml()
            .expect("a config that is accepted can be written");
        let again = Config::parse(&written, Path::new("written.toml"));
        assert_eq!(again.expect("a config that is written can be read"), config);
    }
}

/// A table of factors.
pub fn csv(bytes: &[u8]) {
    let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
    let _ = factors::parse(
        bytes,
        lines.saturating_sub(1),
        Path::new("fuzz.csv"),
        "images",
    );
}

/// Compressed data files.
pub fn gz(bytes: &[u8]) {
    idx(bytes);
    amat(bytes);
}

/// The images and labels of MNIST's format.
pub fn idx(bytes: &[u8]) {
    let _ = idx::parse_images(bytes);
    let _ = idx::parse_labels(bytes);
}

/// An image file of any kind.
pub fn image(bytes: &[u8]) {
    let _ = image_file::parse(
        Path::new("fuzz.png"),
        bytes,
        &image_file::Fit::whole([3, 8, 8]),
    );
}

/// The records of a run.
pub fn metrics(bytes: &[u8]) {
    let _ = parse_metrics(Path::new("metrics.jsonl"), bytes);
}

/// A model and the state of a training. A model that is accepted is built.
pub fn model(bytes: &[u8]) {
    let _ = Checkpoint::parse(Path::new("state.safetensors"), bytes);
    if let Ok(file) = ModelFile::parse(Path::new("model.safetensors"), bytes)
        && Features::Map(file.card.image_shape).check().is_ok()
    {
        let _ = file.build(&vae::device::select("cpu").expect("the processor").device);
    }
}

/// The lines of a sweep's plan. What is accepted is written and read again.
pub fn plan(bytes: &[u8]) {
    let (text, place) = (String::from_utf8_lossy(bytes), Path::new("fuzz.jsonl"));
    let Ok(plan) = SweepPlan::parse(&text, place) else {
        return;
    };
    for task in &plan.tasks {
        let _ = task.config(place);
    }
    let written = plan
        .to_lines()
        .expect("a plan that is accepted can be written");
    let again = SweepPlan::parse(&written, place);
    assert_eq!(again.expect("a plan that is written can be read"), plan);
}

/// The report of an evaluation, as `vae compare` reads it, beside itself.
pub fn report(bytes: &[u8]) {
    if let Ok(report) = serde_json::from_slice(bytes) {
        let run = EvaluatedRun {
            name: "fuzz".to_owned(),
            report,
            folder: "runs/fuzz".to_owned(),
            model: MeasuredModel::Unknown,
        };
        let compared = comparison::report(&[run.clone(), run]);
        let _ = (compared.text(), compared.json());
    }
}

/// The names of files in a folder, a line each, and behind an empty line the content of the first of them, which may be a
/// table of the others.
pub fn tables(bytes: &[u8]) {
    let (names, content) = match bytes.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&bytes[..end], &bytes[end + 2..]),
        None => (bytes, &b""[..]),
    };
    let names = String::from_utf8_lossy(names);
    let mut paths: Vec<&str> = names.lines().collect();
    let Some(&table) = paths.first() else {
        return;
    };
    paths.sort_unstable();
    paths.dedup();
    let file = |path: &str| FileEntry {
        path: path.to_owned(),
        length: content.len() as u64,
        modified: 0,
    };
    let tree = Listed {
        root: PathBuf::from("fuzz"),
        table: table.to_owned(),
        content: content.to_vec(),
        files: paths.into_iter().map(file).collect(),
    };
    for layout in [
        Layout::Auto,
        Layout::Flat,
        Layout::Classes,
        Layout::Splits,
        Layout::Anomaly,
        Layout::Table,
    ] {
        for (labels, skips_missing) in [
            (LabelsFrom::First, false),
            (LabelsFrom::Last, true),
            (LabelsFrom::Path, true),
        ] {
            let options = ArrangeOptions {
                layout,
                labels,
                skips_missing,
            };
            if let Ok(found) = images::arrange(&tree, options) {
                assert_eq!(found.entries.len(), found.files.len());
            }
        }
    }
}

/// A folder of files. One of them is not empty.
#[derive(Debug)]
struct Listed {
    root: PathBuf,
    table: String,
    content: Vec<u8>,
    files: Vec<FileEntry>,
}

impl FileTree for Listed {
    fn root(&self) -> &Path {
        &self.root
    }

    fn files(&self) -> &[FileEntry] {
        &self.files
    }

    fn read(&self, index: usize) -> vae::error::Result<Vec<u8>> {
        let is_table = self.files[index].path == self.table;
        Ok(if is_table {
            self.content.clone()
        } else {
            Vec::new()
        })
    }
}
