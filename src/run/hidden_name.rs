//! The hidden name of a run that is being removed: `.NAME.PROCESS-NUMBER.removed`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::files::is_hidden;

const ENDING: &str = ".removed";

/// Returns a hidden name beside the run's folder that nothing has yet.
pub fn hidden_name(run: &Path) -> PathBuf {
    let name = run.file_name().unwrap_or_default().to_string_lossy();
    let process = std::process::id();
    let mut number = 0_u64;
    loop {
        let hidden = run.with_file_name(format!(".{name}.{process}-{number}{ENDING}"));
        if fs::symlink_metadata(&hidden).is_err() {
            return hidden;
        }
        number += 1;
    }
}

/// Returns whether a folder with this name is a run that is being removed.
pub fn is_hidden_run(name: &str) -> bool {
    is_hidden(name, ENDING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_that_this_program_gives_is_that_of_a_removed_run() {
        let hidden = hidden_name(Path::new("runs/my.run"));
        let name = hidden.file_name().unwrap().to_string_lossy().into_owned();
        assert!(is_hidden_run(&name), "{name}");
        for name in [
            "mine",
            ".mine",
            ".mine.removed",
            ".mine.7.removed",
            "mine.7-0.removed",
        ] {
            assert!(!is_hidden_run(name), "{name}");
        }
    }
}
