//! Prints: data on stdout, lines for people and progress bars on stderr. No other file prints.

use std::fmt::Display;
use std::io::{BufRead, ErrorKind, IsTerminal, Write, stderr, stdin, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressDrawTarget, ProgressStyle};

pub use indicatif::ProgressBar;

use crate::error::{Error, Result};
use crate::os;

static QUIET: AtomicBool = AtomicBool::new(false);

/// The time between two drawings of a bar whose work does not move it.
const TICK: Duration = Duration::from_millis(500);

/// Silences everything on stderr except errors, for `--quiet`.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

static SILENT: AtomicBool = AtomicBool::new(false);

/// Silences everything, errors and data too, except [`urgent_line`]: another process prints for this one.
pub fn be_silent() {
    be_quiet();
    SILENT.store(true, Ordering::Relaxed);
}

fn is_silent() -> bool {
    SILENT.load(Ordering::Relaxed)
}

/// Returns whether [`note`] is silenced.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// The bar of the work that [`working`] shows, so that a line printed meanwhile does not end up in its middle.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Prints a line for people on stderr.
pub fn note(text: impl Display) {
    if is_quiet() {
        return;
    }
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match shown {
        Some(bar) => bar.suspend(|| error_line(text)),
        None => error_line(text),
    }
}

/// Prints a line on stderr that `--quiet` does not silence.
pub fn error_line(text: impl Display) {
    if !is_silent() {
        urgent_line(text);
    }
}

/// Prints a line on stderr in any case.
pub fn urgent_line(text: impl Display) {
    // If stderr is closed, the error cannot be reported anywhere.
    let _ = writeln!(stderr().lock(), "{text}");
}

/// Asks a question on the terminal, and returns whether the answer is yes; `None` if there is no terminal to ask on. The
/// question is printed even if [`be_quiet`] was called.
pub fn confirm(question: impl Display) -> Option<bool> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return None;
    }
    let mut err = stderr().lock();
    let mut answer = String::new();
    let asked = write!(err, "{question}").and_then(|()| err.flush());
    let answered = asked.and_then(|()| stdin().lock().read_line(&mut answer));
    let answer = answer.trim().to_lowercase();
    Some(answered.is_ok() && ["y", "yes"].contains(&answer.as_str()))
}

/// Prints a line of data on stdout.
///
/// # Errors
/// Returns an error if the line cannot be written, for instance to a full disk. A reader that stops early (`vae list |
/// head -1`) is not an error.
pub fn data(text: impl Display) -> Result<()> {
    if is_silent() {
        return Ok(());
    }
    match writeln!(stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::failed(format!(
            "the result cannot be written to stdout: {error}"
        ))),
        _ => Ok(()),
    }
}

/// Makes a bar on stderr, hidden when quiet or when stderr is not a terminal.
///
/// It replaces the bar of [`working`], if there is one: two bars would overwrite each other.
fn bar(length: Option<u64>, template: &str) -> ProgressBar {
    if let Some(replaced) = show(None) {
        replaced.finish_and_clear();
    }
    let target = if is_quiet() || !stderr().is_terminal() {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr_with_hz(5)
    };
    let bar = ProgressBar::with_draw_target(length, target);
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("=> "));
    bar
}

/// Lets a bar move while nothing is counted. A hidden bar needs no thread for it, and without memory for one a bar stands still:
/// indicatif would panic.
fn tick(bar: &ProgressBar) {
    if !bar.is_hidden() && os::has_room_for_thread() {
        bar.enable_steady_tick(TICK);
    }
}

/// Makes a bar for a download of `bytes`, or `None` if the server does not report the size.
pub fn download_bar(name: &str, bytes: Option<u64>) -> ProgressBar {
    let template = match bytes {
        Some(_) => "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        None => "{msg} {spinner} {bytes}, {bytes_per_sec}",
    };
    let bar = bar(bytes, template);
    bar.set_message(name.to_owned());
    bar
}

/// Makes a bar over `count` images.
pub fn image_bar(what: &str, count: usize) -> ProgressBar {
    let bar = bar(
        Some(count as u64),
        "{msg} [{bar:30}] {pos} of {len} images, {eta} left",
    );
    bar.set_message(what.to_owned());
    bar
}

/// Makes a counter of images whose number is not known.
pub fn uncounted_image_bar(what: &str) -> ProgressBar {
    let bar = bar(None, "{msg} {spinner} {pos} images, {elapsed}");
    bar.set_message(what.to_owned());
    bar
}

/// Makes a bar over `count` samples of latents.
pub fn sample_bar(count: u64) -> ProgressBar {
    bar(
        Some(count),
        "estimating log p(x) [{bar:30}] {human_pos} of {human_len} latents, {eta} left",
    )
}

/// Shows `what` and the time that it has taken while `work` runs: for a step that can take seconds and whose parts cannot
/// be counted.
pub fn working<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let bar = bar(None, "{msg} {spinner} {elapsed}");
    bar.set_message(what.to_owned());
    tick(&bar);
    show(Some(bar.clone()));
    let result = work();
    show(None);
    bar.finish_and_clear();
    result
}

/// Replaces the bar that is shown, and returns the one before.
fn show(bar: Option<ProgressBar>) -> Option<ProgressBar> {
    let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::replace(&mut *shown, bar)
}

/// Makes a bar over `count` steps of different kinds, whose message is the current step.
pub fn step_bar(count: usize) -> ProgressBar {
    let bar = bar(
        Some(count as u64),
        "{msg} [{bar:30}] {pos} of {len} steps, {elapsed}",
    );
    tick(&bar);
    bar
}

/// Makes a bar over the steps of a whole training, whose message shows the current numbers.
pub fn train_bar(steps: u64) -> ProgressBar {
    let bar = bar(Some(steps), "{prefix} [{bar:20}] {msg}, {eta} left");
    tick(&bar);
    bar
}

/// Prints a line above `bar`, or on its own if the bar is hidden.
pub fn line_above(bar: &ProgressBar, text: impl Display) {
    bar.suspend(|| note(text));
}
