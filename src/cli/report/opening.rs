//! Opens a page in the system's browser.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// The time in which a program that cannot open the page says so. One that shows the page may run until it is closed.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens the file with the program that the system opens such files with.
///
/// # Errors
/// Returns an error if there is no such program, or if it fails at once.
pub fn show_in_browser(page: &Path) -> Result<()> {
    let path = page.canonicalize().unwrap_or_else(|_| page.to_path_buf());
    let started = Instant::now();
    let opening = open::that_in_background(path);
    while !opening.is_finished() && started.elapsed() < PATIENCE {
        sleep(Duration::from_millis(20));
    }
    if !opening.is_finished() {
        return Ok(());
    }
    // The library's errors name a program and a number, which say nothing more to a person.
    let ended = opening.join().unwrap_or(Ok(()));
    ended.map_err(|_| {
        Error::failed("the page was written, but no browser opened it").with_hint(format!(
            "open {} by hand, or copy it to a machine with a browser",
            page.display()
        ))
    })
}
