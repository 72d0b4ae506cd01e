//! The panic hook: panics of burn's runtimes and of image decoders become errors.
//!
//! burn's runtimes start on first use and on threads of their own, and have no other way to report that a library is
//! missing, that a driver refuses or that a GPU is out of memory. One hook, installed once, keeps the reason of the
//! first panic on any thread, because later panics only report that there was one.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;

/// The state of the hook: the kinds of panics that it keeps, and the reasons kept.
#[derive(Default)]
struct Listener {
    /// Whether [`quietly`] is running: every panic is kept and none is shown.
    quiet: bool,
    quiet_reason: Option<String>,
    /// Whether [`listen`] is running while a GPU is in use: the panics of other crates are kept, and shown only with
    /// `$RUST_BACKTRACE`.
    listening: bool,
    gpu_in_use: bool,
    gpu_reason: Option<String>,
}

static LISTENER: Mutex<Listener> = Mutex::new(Listener {
    quiet: false,
    quiet_reason: None,
    listening: false,
    gpu_in_use: false,
    gpu_reason: None,
});

thread_local! {
    /// Whether [`contained`] is running on this thread.
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let show = take_hook();
        set_hook(Box::new(move |info| {
            if !CONTAINED.get() && !lock(&LISTENER).keeps(info) {
                show(info);
            }
        }));
    });
}

impl Listener {
    /// Keeps the reason of a panic, and returns whether the panic should not be shown.
    fn keeps(&mut self, info: &PanicHookInfo<'_>) -> bool {
        let why = || reason(text(info.payload()));
        if self.quiet {
            self.quiet_reason.get_or_insert_with(why);
            return true;
        }
        if self.listening && self.gpu_in_use && !is_ours(info) {
            self.gpu_reason.get_or_insert_with(why);
            return std::env::var_os("RUST_BACKTRACE").is_none_or(|value| value == "0");
        }
        false
    }
}

/// Runs `work` and returns its result, or the reason of the first panic on any thread. Nothing is shown of panics.
pub fn quietly<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = lock(&TURN);
    install();
    lock(&LISTENER).quiet = true;
    let result = catch_unwind(AssertUnwindSafe(work));
    let mut listener = lock(&LISTENER);
    listener.quiet = false;
    let first = listener.quiet_reason.take();
    result.unwrap_or_else(|payload| Err(first.unwrap_or_else(|| reason(text(&*payload)))))
}

/// Runs `work` and returns its result, or the reason of its panic. Nothing is shown of a panic on this thread, and it is
/// not taken for the GPU's. Other threads are not held up.
pub fn contained<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    install();
    CONTAINED.set(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(false);
    result.map_err(|payload| reason(text(&*payload)))
}

/// Makes [`listen`] keep the panics of other crates from now on.
pub fn gpu_is_in_use() {
    lock(&LISTENER).gpu_in_use = true;
}

/// Runs `work`. Returns its result, and the reason of the first panic of another crate while a GPU was in use.
pub fn listen<T>(work: impl FnOnce() -> T) -> (thread::Result<T>, Option<String>) {
    install();
    lock(&LISTENER).listening = true;
    let result = catch_unwind(AssertUnwindSafe(work));
    let mut listener = lock(&LISTENER);
    listener.listening = false;
    (result, listener.gpu_reason.take())
}

/// Returns whether the panic is a bug in this program, which means that its location is in the source of this crate.
/// burn's own message about a failed read has such a location, because burn names its caller.
fn is_ours(info: &PanicHookInfo<'_>) -> bool {
    // The compiler writes the path of every file of the crate with the same beginning.
    let source = file!().trim_end_matches("panics.rs");
    info.location()
        .is_some_and(|location| location.file().starts_with(source))
        && !text(info.payload()).starts_with("Error while reading data")
}

fn text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("it does not say why")
}

/// Returns the innermost cause that a panic names.
fn reason(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let cause = lines
        .windows(2)
        .rev()
        .find(|pair| pair[0] == "Caused by:")
        .map(|pair| pair[1]);
    cause
        .or(lines.first().copied())
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_innermost_cause() {
        assert_eq!(reason("no CUDA\nat line 3"), "no CUDA");
        let burn = "Error while reading data\nCaused by:\n  An IO error\nCaused by:\n  no memory left\nAsked at:\nNowhere";
        assert_eq!(reason(burn), "no memory left");
        assert_eq!(
            (text(&"static"), text(&7)),
            ("static", "it does not say why")
        );
    }

    #[test]
    fn a_contained_panic_is_its_reason_and_ends_nothing() {
        let failed: Result<(), String> = contained(|| panic!("no such table"));
        assert_eq!(failed, Err("no such table".to_owned()));
        assert_eq!(contained(|| 7), Ok(7));
    }

    #[test]
    fn the_first_of_several_panics_is_the_reason() {
        let work = || -> Result<(), String> {
            let server = thread::spawn(|| panic!("no driver"));
            server.join().expect("an answer");
            Ok(())
        };
        assert_eq!(quietly(work), Err("no driver".to_owned()));
        assert_eq!(quietly(|| Ok(7)), Ok(7));
    }
}
