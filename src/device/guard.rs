//! Runs a command so that a failure of the GPU ends in an error.

use std::panic::resume_unwind;

use super::backends::processor;
use super::gpu::first_opened;
use crate::error::{Error, Result};
use crate::panics::listen;

/// Runs `work`. If a GPU was opened and burn panics, it returns an error; `$RUST_BACKTRACE` shows the panic, too.
pub fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    match listen(work) {
        (Err(_), Some(why)) => Err(failed(&why)),
        (Err(payload), None) => resume_unwind(payload),
        // After an internal error wgpu continues with stale buffers, so the result is wrong.
        (Ok(Ok(_)), Some(why)) if why.starts_with("wgpu error") => Err(failed(&why)),
        (Ok(result), _) => result,
    }
}

fn failed(why: &str) -> Error {
    let title = first_opened().map_or_else(|| "the GPU".to_owned(), |selected| selected.title());
    let other = processor()
        .map(|(name, _)| format!(", and `--device {name}` has other memory"))
        .unwrap_or_default();
    Error::failed(format!("{title} failed: {why}")).with_hint(format!(
        "where memory is short, a smaller batch or network needs less{other}; a run goes on from what was saved last by \
         `vae train --resume`"
    ))
}
