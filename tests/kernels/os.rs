//! What the kernels need of `src/os`.

#[path = "../../src/os/threads.rs"]
mod threads;

pub use threads::start;
