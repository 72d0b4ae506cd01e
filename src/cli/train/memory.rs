//! The check, before a training, that it fits in memory.

use crate::error::{Error, Result, shell_word};
use crate::os::free_memory;
use crate::parallel;
use crate::report::byte_size;
use crate::run::RunFolder;
use crate::train::MemoryNeed;

/// Checks that a training which needs `need` fits in the memory that is free. `resumed` is the folder of a resumed run,
/// whose batch cannot be changed.
///
/// # Errors
/// Returns an error with the largest batch that fits.
pub fn check(need: &MemoryNeed, batch: usize, resumed: Option<&RunFolder>) -> Result<()> {
    let Some(mut free) = free_memory() else {
        return Ok(());
    };
    // Several processes on this machine need as much each.
    free.bytes /= parallel::local()[1] as u64;
    if !need.exceeds(free.bytes) {
        return Ok(());
    }
    let what = format!(
        "train.batch = {batch}: this training needs about {} of memory, and {} {}",
        byte_size(need.bytes()),
        byte_size(free.bytes),
        free.limit
    );
    Err(Error::request(what).with_hint(way_out(need.batch_within(free.bytes), resumed)))
}

/// Returns what to do if a batch of `fits` images is the largest that fits.
fn way_out(fits: Option<usize>, resumed: Option<&RunFolder>) -> String {
    match (fits, resumed) {
        (Some(fits), None) => format!("a smaller batch fits: `--set train.batch={fits}`"),
        (None, None) => {
            "not even a batch of one image fits: use fewer units or channels, or another machine"
                .into()
        }
        (Some(fits), Some(folder)) => format!(
            "free memory, resume on a larger machine, or train a new run: vae train --config {} --set train.batch={fits}",
            shell_word(folder.config())
        ),
        (None, Some(_)) => "free memory, or resume on a larger machine".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::way_out;
    use crate::run::RunFolder;

    #[test]
    fn a_resumed_run_is_not_told_to_change_its_batch() {
        let folder = RunFolder {
            path: PathBuf::from("my runs/a"),
        };
        for (fits, resumed, hint) in [
            (
                Some(50),
                None,
                "a smaller batch fits: `--set train.batch=50`",
            ),
            (
                Some(50),
                Some(&folder),
                "vae train --config 'my runs/a/config.toml' --set train.batch=50",
            ),
            (None, Some(&folder), "resume on a larger machine"),
        ] {
            let found = way_out(fits, resumed);
            assert!(found.ends_with(hint), "{found}");
            assert!(
                resumed.is_none() || found.starts_with("free memory"),
                "{found}"
            );
        }
    }
}
