//! Ctrl-C and termination signals. They are recorded, so that the current work can end cleanly.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::Result;
use crate::parallel::{self, Wishes};
use crate::{files, os, ui};

/// The number of interrupts since the program was started.
static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);

static WATCHED: AtomicBool = AtomicBool::new(false);

/// Installs the signal handler. Afterwards [`asked`] returns whether an interrupt arrived. A signal that the parent
/// process ignores is no interrupt.
///
/// # Errors
/// Returns an error if the system refuses the handler.
pub fn watch() -> Result<()> {
    if WATCHED.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    os::watch(|by_key| {
        // A second interrupt means that the user does not want to wait.
        if INTERRUPTS.fetch_add(1, Ordering::Relaxed) > 0 {
            std::process::exit(130);
        }
        // A step takes milliseconds, except for the first step on a GPU, which compiles the kernels.
        ui::note(if by_key {
            "stopping after what is under way; press Ctrl-C again to stop at once"
        } else {
            "stopping after what is under way; a second signal stops at once"
        });
    })
    .map_err(|error| files::unopenable("Ctrl-C and signals cannot be watched", &error))
}

/// Returns whether an interrupt arrived.
pub fn asked() -> bool {
    INTERRUPTS.load(Ordering::Relaxed) > 0
}

/// Returns whether an interrupt arrived, here or at another of several processes. All of them have to call it.
///
/// # Errors
/// Returns the error of a process that has failed.
pub fn asked_anywhere() -> Result<bool> {
    let wishes = Wishes {
        stop: asked(),
        save: false,
    };
    Ok(parallel::agree(wishes)?.stop)
}
