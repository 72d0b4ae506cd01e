//! The files that `vae export` and `vae embed --projector` leave in the run's folder, each format in a folder of its own.

/// The start of the names of figures of new images.
pub const NEW: &str = "new-";

/// The folder of the files for TensorBoard's Embedding Projector.
pub const PROJECTOR: &str = "projector";

/// The files of each format whose folder has no folders.
const FORMATS: &[(&str, &[&str])] = &[
    (
        "onnx",
        &[
            "encoder.onnx",
            "decoder.onnx",
            "score.onnx",
            "prior.npy",
            "use.py",
        ],
    ),
    (
        "huggingface",
        &[
            "README.md",
            "config.json",
            "model.safetensors",
            "modeling.py",
            "samples.png",
        ],
    ),
    ("csv", &["metrics.csv"]),
    (
        PROJECTOR,
        &[
            "projector_config.pbtxt",
            "tensors.tsv",
            "metadata.tsv",
            "sprite.png",
        ],
    ),
];

/// Returns whether a folder with this name, inside that of the events, has the events of a split.
pub fn is_split_folder(name: &str) -> bool {
    ["train", "test", "validation"].contains(&name)
}

/// Returns whether a file with this name has events that this program wrote.
pub fn is_event_file(name: &str) -> bool {
    name.starts_with("events.out.tfevents.") && name.ends_with(".vae")
}

/// Returns whether a path in the run's folder, in its parts, is such a folder.
pub fn is_export_folder(parts: &[&str]) -> bool {
    match parts {
        ["tensorboard"] => true,
        ["tensorboard", split] => is_split_folder(split),
        [folder] => files_of(folder).is_some(),
        _ => false,
    }
}

/// Returns whether a path in the run's folder, in its parts, is such a file.
pub fn is_export_file(parts: &[&str]) -> bool {
    match parts {
        ["tensorboard", split, name] => is_split_folder(split) && is_event_file(name),
        [folder, name] => files_of(folder).is_some_and(|files| files.contains(name)),
        _ => false,
    }
}

/// Returns the names of a format's files that are not among `written`.
pub fn unwritten_exports(format: &str, written: &[&str]) -> Vec<&'static str> {
    let files = files_of(format).unwrap_or_default().iter().copied();
    files.filter(|name| !written.contains(name)).collect()
}

/// Returns the names of the files in a folder of exports that has no folders. The projector has one for new images too.
fn files_of(folder: &str) -> Option<&'static [&'static str]> {
    let format = match folder.strip_prefix(NEW) {
        Some(PROJECTOR) => PROJECTOR,
        _ => folder,
    };
    let known = FORMATS.iter().find(|(name, _)| *name == format);
    known.map(|(_, files)| *files)
}
