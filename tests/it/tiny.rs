//! A place with two tiny trained runs on a person's own image files, in which every command takes a
//! fraction of a second.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::program::{copy_folder, run, write_idx};

/// The config of both runs.
const CONFIG: &str = "\
seed = 1
[data.mnist]
[model.mlp]
latent = 2
hidden = [8]
[likelihood.bernoulli]
[objective.elbo]
[optimizer.adam]
[train]
epochs = 2
batch = 16
learning_rate = 2e-3
";

/// Returns a folder with copies of `tiny.toml`, the data set `data`, the table `factors.csv` of its
/// 30 test images, and the finished runs `runs/mine` and `runs/other`. Both are measured, and `mine`
/// has the files of every command that draws into a run.
pub fn with_tiny_runs() -> TempDir {
    static TRAINED: OnceLock<PathBuf> = OnceLock::new();
    let trained = TRAINED.get_or_init(|| {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tiny-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("tiny.toml"), CONFIG).unwrap();
        write_idx(&folder.join("data"), 1);
        let rows = (0..30).map(|image| format!("{},{}\n", image % 4, ["a", "b", "c"][image % 3]));
        fs::write(
            folder.join("factors.csv"),
            format!("size,shape\n{}", rows.collect::<String>()),
        )
        .unwrap();
        for arguments in [
            "train -q --config tiny.toml --data data --name mine",
            "train -q --config tiny.toml --data data --name other --seed 2",
            "eval mine",
            "eval other",
            "sample mine",
            "embed mine",
            "doctor mine",
        ] {
            let done = run(&folder, &arguments.split(' ').collect::<Vec<_>>());
            assert_eq!(done.code, Some(0), "vae {arguments}: {}", done.err);
        }
        folder
    });
    let copy = TempDir::new().unwrap();
    copy_folder(trained, copy.path());
    // A run remembers the absolute path of its data. Each copy has data of its own.
    let [from, to] = [trained, copy.path()].map(|folder| folder.join("data"));
    for name in ["mine", "other"] {
        let about = copy.path().join("runs").join(name).join("about.json");
        let text = fs::read_to_string(&about).unwrap();
        let moved = text.replace(from.to_str().unwrap(), to.to_str().unwrap());
        assert_ne!(moved, text, "the run remembers its data");
        fs::write(about, moved).unwrap();
    }
    copy
}
