//! The run that the processes train. The error about a process that does not answer names it, so that it can be resumed.

use std::sync::{Mutex, PoisonError};

/// The run as a word of a command; `None` before the first training.
static RUN: Mutex<Option<String>> = Mutex::new(None);

/// Sets the run that is trained now, as a word of a command.
pub fn name_run(word: String) {
    *RUN.lock().unwrap_or_else(PoisonError::into_inner) = Some(word);
}

/// Returns what to do once this job has ended.
#[cfg(feature = "mpi")]
pub fn advice() -> String {
    match &*RUN.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(run) => {
            format!("the training goes on from its last saved state: vae train --resume {run}")
        }
        None => "start the command again".to_owned(),
    }
}
