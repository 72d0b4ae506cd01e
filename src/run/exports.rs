//! The files that `vae export` and `vae embed --projector` leave in the run's folder, each format in a folder of its own.

/// The start of the names of figures of new images.
pub const NEW: &str = "new-";

/// The folder of the files for TensorBoard's Embedding Projector.
pub const PROJECTOR: &str = "projector";

const PROJECTOR_FILES: &[&str] = &[
    "projector_config.pbtxt",
    "tensors.tsv",
    "metadata.tsv",
    "sprite.png",
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
        ["tensorboard" | "csv"] => true,
        ["tensorboard", split] => is_split_folder(split),
        [folder] => is_projector(folder),
        _ => false,
    }
}

/// Returns whether a path in the run's folder, in its parts, is such a file.
pub fn is_export_file(parts: &[&str]) -> bool {
    match parts {
        ["csv", "metrics.csv"] => true,
        ["tensorboard", split, name] => is_split_folder(split) && is_event_file(name),
        [folder, name] => is_projector(folder) && PROJECTOR_FILES.contains(name),
        _ => false,
    }
}

fn is_projector(folder: &str) -> bool {
    folder.strip_prefix(NEW).unwrap_or(folder) == PROJECTOR
}
