//! Ctrl-C and termination signals, noted so that work under way can end well.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::{Error, Result};
use crate::ui;

/// The number of interrupts since the program was started.
static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);

static WATCHED: AtomicBool = AtomicBool::new(false);

/// Installs the signal handler; afterwards [`asked`] reports whether an interrupt arrived.
///
/// # Errors
/// The system has no such signals.
pub fn watch() -> Result<()> {
    if WATCHED.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    ctrlc::set_handler(|| {
        // The second interrupt is for somebody who cannot wait.
        if INTERRUPTS.fetch_add(1, Ordering::Relaxed) > 0 {
            std::process::exit(130);
        }
        // A step lasts milliseconds, except for a GPU's first one, whose kernels are compiled.
        ui::note("stopping after what is under way; press again to stop at once");
    })
    .map_err(|error| Error::failed(format!("cannot watch for Ctrl-C: {error}")))
}

/// Returns whether an interrupt arrived.
pub fn asked() -> bool {
    INTERRUPTS.load(Ordering::Relaxed) > 0
}
