//! Ctrl-C and termination signals: asked for, so that what is under way can end well.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::{Error, Result};
use crate::ui;

/// Since the start.
static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);

static WATCHED: AtomicBool = AtomicBool::new(false);

/// From now on [`asked`] tells.
///
/// # Errors
/// Where the system has no such signals.
pub fn watch() -> Result<()> {
    if WATCHED.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    ctrlc::set_handler(|| {
        // The second one is for somebody who cannot wait.
        if INTERRUPTS.fetch_add(1, Ordering::Relaxed) > 0 {
            std::process::exit(130);
        }
        // A step lasts milliseconds, but a GPU's first one, with its kernels to compile.
        ui::note("stopping after what is under way; press again to stop at once");
    })
    .map_err(|error| Error::failed(format!("cannot watch for Ctrl-C: {error}")))
}

/// Whether somebody asked to stop.
pub fn asked() -> bool {
    INTERRUPTS.load(Ordering::Relaxed) > 0
}
