//! The files that `vae export` and `vae embed --projector` leave in the run's folder, each format in a folder of its own.

/// The start of the names of figures of new images.
pub const NEW: &str = "new-";

/// The folders of the formats.
pub const ONNX: &str = "onnx";
pub const HUGGINGFACE: &str = "huggingface";
pub const TENSORBOARD: &str = "tensorboard";
pub const CSV: &str = "csv";
pub const PROJECTOR: &str = "projector";

/// The folder of the projector's files for new images: they name each other, so it is the folder that has another name.
pub const NEW_PROJECTOR: &str = "new-projector";

/// The files of ONNX.
pub const ENCODER: &str = "encoder.onnx";
pub const DECODER: &str = "decoder.onnx";
pub const SCORE: &str = "score.onnx";
pub const PRIOR: &str = "prior.npy";
pub const USE: &str = "use.py";

/// The files of Hugging Face.
pub const CARD: &str = "README.md";
pub const CONFIG: &str = "config.json";
pub const WEIGHTS: &str = "model.safetensors";
pub const MODELING: &str = "modeling.py";
pub const SAMPLES: &str = "samples.png";

/// The table of every epoch's numbers.
pub const METRICS: &str = "metrics.csv";

/// The files of the projector. The first one names the others.
pub const PROJECTOR_CONFIG: &str = "projector_config.pbtxt";
pub const TENSORS: &str = "tensors.tsv";
pub const METADATA: &str = "metadata.tsv";
pub const SPRITE: &str = "sprite.png";

/// The start of the names of files of events, which TensorBoard looks for, and the end of those that this program writes.
pub const EVENTS: &str = "events.out.tfevents.";
pub const EVENTS_END: &str = ".vae";

/// The files of each format whose folder has no folders.
const FORMATS: &[(&str, &[&str])] = &[
    (ONNX, &[ENCODER, DECODER, SCORE, PRIOR, USE]),
    (HUGGINGFACE, &[CARD, CONFIG, WEIGHTS, MODELING, SAMPLES]),
    (CSV, &[METRICS]),
    (PROJECTOR, &[PROJECTOR_CONFIG, TENSORS, METADATA, SPRITE]),
    (
        NEW_PROJECTOR,
        &[PROJECTOR_CONFIG, TENSORS, METADATA, SPRITE],
    ),
];

/// Returns whether a folder with this name, inside that of the events, has the events of a split.
pub fn is_split_folder(name: &str) -> bool {
    ["train", "test", "validation"].contains(&name)
}

/// Returns whether a file with this name has events that this program wrote.
pub fn is_event_file(name: &str) -> bool {
    name.starts_with(EVENTS) && name.ends_with(EVENTS_END)
}

/// Returns whether a path in the run's folder, in its parts, is such a folder.
pub fn is_export_folder(parts: &[&str]) -> bool {
    match parts {
        [TENSORBOARD] => true,
        [TENSORBOARD, split] => is_split_folder(split),
        [folder] => files_of(folder).is_some(),
        _ => false,
    }
}

/// Returns whether a path in the run's folder, in its parts, is such a file.
pub fn is_export_file(parts: &[&str]) -> bool {
    match parts {
        [TENSORBOARD, split, name] => is_split_folder(split) && is_event_file(name),
        [folder, name] => files_of(folder).is_some_and(|files| files.contains(name)),
        _ => false,
    }
}

/// Returns the names of a format's files that are not among `written`.
pub fn unwritten_exports(format: &str, written: &[&str]) -> Vec<&'static str> {
    let files = files_of(format).unwrap_or_default().iter().copied();
    files.filter(|name| !written.contains(name)).collect()
}

/// Returns the names of the files in a folder of exports that has no folders.
fn files_of(folder: &str) -> Option<&'static [&'static str]> {
    let known = FORMATS.iter().find(|(name, _)| *name == folder);
    known.map(|(_, files)| *files)
}
