//! What burn's runtimes can only panic about, as errors: they start on first use, on threads of their own, and have no other
//! way to say that a library is missing, that a driver refuses or that a GPU has no memory left.

use std::any::Any;
use std::panic::{
    AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind, set_hook, take_hook,
};
use std::sync::{Arc, Mutex, PoisonError};

use super::gpu::first_opened;
use super::hosts;
use crate::error::{Error, Result};

/// Of the panics on all threads the first: those that follow only say that there was one.
#[derive(Clone, Default)]
struct FirstPanic(Arc<Mutex<Option<String>>>);

impl FirstPanic {
    fn keep(&self, info: &PanicHookInfo<'_>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| reason(text(info.payload())));
    }

    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What `work` gives; where it panics, why, and nothing is printed: nor of panics on other threads meanwhile.
pub fn quietly<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let heard = FirstPanic::default();
    let hook = take_hook();
    let ear = heard.clone();
    set_hook(Box::new(move |info| ear.keep(info)));
    let result = catch_unwind(AssertUnwindSafe(work));
    set_hook(hook);
    result.unwrap_or_else(|payload| Err(heard.take().unwrap_or_else(|| reason(text(&*payload)))))
}

/// What `work` gives; where a GPU was opened and burn panics, an error. `$RUST_BACKTRACE` shows the panic, too.
pub fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let heard = FirstPanic::default();
    let hook = take_hook();
    let ear = heard.clone();
    let shown = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
    set_hook(Box::new(move |info| {
        let of_gpu = !is_ours(info) && first_opened().is_some();
        if of_gpu {
            ear.keep(info);
        }
        if shown || !of_gpu {
            hook(info);
        }
    }));
    let result = catch_unwind(AssertUnwindSafe(work));
    match (result, heard.take()) {
        (Err(_), Some(why)) => Err(failed(&why)),
        (Err(payload), None) => resume_unwind(payload),
        // After an error of its own, wgpu goes on with whatever its buffers held.
        (Ok(Ok(_)), Some(why)) if why.starts_with("wgpu error") => Err(failed(&why)),
        (Ok(result), _) => result,
    }
}

/// Whether the panic is a mistake in this program. burn's complaints about reading have our place, and its words.
fn is_ours(info: &PanicHookInfo<'_>) -> bool {
    let here = info
        .location()
        .is_some_and(|location| !std::path::Path::new(location.file()).is_absolute());
    here && !text(info.payload()).starts_with("Error while reading data")
}

fn failed(why: &str) -> Error {
    let title = first_opened().map_or_else(|| "the GPU".to_owned(), |chosen| chosen.title());
    let other = hosts()
        .next()
        .map(|(host, _)| format!(", and `--device {host}` has other memory"))
        .unwrap_or_default();
    Error::failed(format!("{title} failed: {why}")).with_hint(format!(
        "where memory is short, a smaller batch or network needs less{other}; a run goes on from what was saved last by \
         `vae train --resume`"
    ))
}

fn text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("it does not say why")
}

/// The innermost cause that a panic names.
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
    fn of_panics_on_several_threads_the_first_says_why() {
        let work = || -> Result<(), String> {
            let server = std::thread::spawn(|| panic!("no driver"));
            server.join().expect("an answer");
            Ok(())
        };
        assert_eq!(quietly(work), Err("no driver".to_owned()));
        assert_eq!(quietly(|| Ok(7)), Ok(7));
    }
}
