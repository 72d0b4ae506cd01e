//! What burn's runtimes can only panic about, as errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook};

use super::Chosen;
use super::gpu::opened;
use crate::error::{Error, Result};

/// What `work` gives; where it panics, why, and nothing is printed. burn's runtimes start on first use and have no other way
/// to say that a library is missing or that a driver refuses.
pub fn quietly<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let result = catch_unwind(AssertUnwindSafe(work));
    set_hook(hook);
    result.unwrap_or_else(|payload| Err(reason(&*payload)))
}

/// What `work` gives; where a GPU was opened and burn panics, an error. burn has no other way to say that a GPU has no
/// memory left or that its driver gives up. `$RUST_BACKTRACE` shows the panic, too.
pub fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let hook = take_hook();
    let shown = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
    set_hook(Box::new(move |info| {
        if shown || opened().is_empty() {
            hook(info);
        }
    }));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let Some(title) = opened().first().map(Chosen::title) else { resume_unwind(payload) };
        Err(Error::failed(format!("{title} failed: {}", reason(&*payload))).with_hint(
            "where memory is short, a smaller batch or network needs less, and `--device cpu` has other memory; \
             `vae train --resume` goes on from what was saved last",
        ))
    })
}

/// The innermost cause that a panic names.
fn reason(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("it does not say why");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let cause = lines.windows(2).rev().find(|pair| pair[0] == "Caused by:").map(|pair| pair[1]);
    cause.or(lines.first().copied()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_innermost_cause() {
        let of = |text: &'static str| reason(&text.to_owned());
        assert_eq!(of("no CUDA\nat line 3"), "no CUDA");
        let burn =
            "Error while reading data\nCaused by:\n  An IO error\nCaused by:\n  no memory left\nAsked at:\nNowhere";
        assert_eq!(of(burn), "no memory left");
        assert_eq!(reason(&"static"), "static");
        assert_eq!(reason(&7), "it does not say why");
    }
}
