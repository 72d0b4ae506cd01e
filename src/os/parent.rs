//! The process that started this one.

/// Asks the parent process to end, if its name is one of `names` and it is still there after `seconds`. A shell of its own does
/// so, because the parent may kill this process before. Where the system does not tell the name, nothing happens.
#[cfg(target_os = "linux")]
pub fn end_parent_after(seconds: u64, names: &[&str]) {
    use std::os::unix::process::{CommandExt, parent_id};
    use std::process::{Command, Stdio};

    let parent = parent_id();
    let name_file = format!("/proc/{parent}/comm");
    let name = std::fs::read_to_string(&name_file).unwrap_or_default();
    let name = name.trim();
    if !names.contains(&name) {
        return;
    }
    let script = format!(
        r#"exec >/dev/null 2>&1; sleep {seconds}; if [ "$(cat {name_file})" = {name} ]; then kill -TERM {parent}; fi"#
    );
    // Without a shell the parent goes on as it would have.
    let _ = Command::new("sh")
        .args(["-c", &script])
        .process_group(0)
        .stdin(Stdio::null())
        .spawn();
}

#[cfg(not(target_os = "linux"))]
pub fn end_parent_after(_seconds: u64, _names: &[&str]) {}
