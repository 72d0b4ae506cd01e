//! Ctrl-C and the signals that ask a program to end.

use std::io;

/// Calls `heard`, on a thread for this purpose, with whether a key was pressed, for each Ctrl-C, SIGTERM, SIGHUP and SIGXCPU (`ulimit -t`). A signal that
/// the parent process ignores stays ignored: `nohup` ignores SIGHUP, and a script's shell ignores Ctrl-C for its background
/// jobs.
///
/// # Errors
/// Returns an error if the system refuses the handler or the thread.
#[cfg(unix)]
pub fn watch(heard: impl Fn(bool) + Send + 'static) -> io::Result<()> {
    let signals = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGXCPU];
    let heeded = signals.into_iter().filter(|signal| !is_ignored(*signal));
    let mut signals = signal_hook::iterator::Signals::new(heeded)?;
    let listen = move || {
        signals
            .forever()
            .for_each(|signal| heard(signal == libc::SIGINT));
    };
    super::threads::start("signals", None, listen).map(drop)
}

/// Calls `heard`, on a thread for this purpose, for each Ctrl-C, with `true`: a key was pressed.
///
/// # Errors
/// Returns an error if the system refuses the handler.
#[cfg(not(unix))]
pub fn watch(heard: impl Fn(bool) + Send + 'static) -> io::Result<()> {
    ctrlc::set_handler(move || heard(true)).map_err(io::Error::other)
}

/// Makes this process ignore Ctrl-C, SIGTERM and SIGHUP from here on.
#[cfg(unix)]
pub fn ignore_stops() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the signals exist, and to ignore them needs no handler.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Makes this process ignore Ctrl-C from here on. If the system refuses, Ctrl-C ends the process as before.
#[cfg(not(unix))]
pub fn ignore_stops() {
    let _ = ctrlc::set_handler(|| {});
}

/// Returns whether the process ignores `signal`, as it does if its parent ignored it.
#[cfg(unix)]
fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action, the call only writes the present one to `action`, which is large enough. All zeros
    // are a valid `sigaction`, so `action` is initialised even if the call fails.
    let action = unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}
