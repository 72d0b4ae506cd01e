//! New threads under a limit on memory.

use std::io;
use std::sync::mpsc::channel;
use std::thread::{Builder, JoinHandle};

/// The bytes of a thread's stack unless it asks for more: Rust's own choice.
const STACK: usize = 2 << 20;

/// The bytes that a thread needs besides its stack: the stack for its signals, and its local values.
const BESIDES: usize = 1 << 20;

/// Starts a thread, and returns once it runs.
///
/// A thread allocates a stack for its signals when it starts, and Rust aborts the program if there is no memory for it. So
/// the memory is tried first, and whatever this thread allocates meanwhile must not take the last of it. Other threads still
/// can.
///
/// # Errors
/// Returns an error if the system has no memory for the thread, or refuses it.
pub fn start<T: Send + 'static>(
    name: &str,
    stack: Option<usize>,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let stack = stack.unwrap_or(STACK);
    if !has_room_for(stack) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let (up, started) = channel();
    let thread = Builder::new()
        .name(name.to_owned())
        .stack_size(stack)
        .spawn(move || {
            let _ = up.send(());
            work()
        })?;
    let _ = started.recv();
    Ok(thread)
}

/// Returns whether there is memory for a thread that a library starts, with a stack of the usual size.
pub fn has_room_for_thread() -> bool {
    has_room_for(STACK)
}

/// Returns the number of cores of this machine, also those that this process may not use; `None` if the system does not tell.
#[cfg(unix)]
pub fn cores() -> Option<usize> {
    // SAFETY: the call only returns a number.
    let cores = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    usize::try_from(cores).ok().filter(|&cores| cores > 0)
}

#[cfg(not(unix))]
pub fn cores() -> Option<usize> {
    None
}

fn has_room_for(stack: usize) -> bool {
    is_room_for(stack.saturating_add(BESIDES))
}

/// Returns whether the system can give this process `bytes` more bytes of memory.
#[cfg(unix)]
fn is_room_for(bytes: usize) -> bool {
    let (protection, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
    );
    // SAFETY: the system chooses the place of the new memory, which nothing else uses, and which is given back at once.
    unsafe {
        let memory = libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0);
        memory != libc::MAP_FAILED && libc::munmap(memory, bytes) == 0
    }
}

#[cfg(not(unix))]
fn is_room_for(_bytes: usize) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_finds_no_memory_is_an_error() {
        assert_eq!(start("small", None, || 7).unwrap().join().unwrap(), 7);
        // More than any processor addresses.
        let error = start("huge", Some(1 << 60), || ()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
    }
}
