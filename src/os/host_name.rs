//! The name of this machine.

use sysinfo::System;

/// Returns the name of this machine, for the name of a file: other characters than letters, digits, `-`, `_` and `.` become
/// `-`. It is "localhost" if the system tells none.
pub fn host_name() -> String {
    let name = System::host_name().filter(|name| !name.is_empty());
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.unwrap_or_else(|| "localhost".to_owned())
        .chars()
        .map(|c| if is_plain(c) { c } else { '-' })
        .collect()
}
