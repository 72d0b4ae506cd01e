//! The process that started this one.

/// Asks the parent process to end, if its name is one of `names`. Where the system does not tell the name, nothing happens.
#[cfg(target_os = "linux")]
pub fn end_parent(names: &[&str]) {
    let parent = std::os::unix::process::parent_id();
    let name = std::fs::read_to_string(format!("/proc/{parent}/comm")).unwrap_or_default();
    let (true, Ok(parent)) = (names.contains(&name.trim()), i32::try_from(parent)) else {
        return;
    };
    // SAFETY: the call sends a signal, and touches no memory of this process.
    unsafe {
        libc::kill(parent, libc::SIGTERM);
    }
}

#[cfg(not(target_os = "linux"))]
pub fn end_parent(_names: &[&str]) {}
