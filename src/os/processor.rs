//! The name of the processor.

use sysinfo::{CpuRefreshKind, System};

/// Returns the name that the processor gives itself, or `None` if the system does not tell it.
pub fn processor() -> Option<String> {
    let mut system = System::new();
    system.refresh_cpu_list(CpuRefreshKind::nothing());
    let name = system.cpus().first()?.brand().trim();
    (!name.is_empty()).then(|| name.to_owned())
}
