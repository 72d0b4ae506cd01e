//! The memory that this process can still use.

use sysinfo::{MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};

/// A number of bytes that the process can still allocate, and what limits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeMemory {
    pub bytes: u64,
    /// The limit, as part of a sentence: "are free on this machine".
    pub limit: &'static str,
}

/// Returns the smallest of the limits on the memory of this process: the machine's free memory, that of its container
/// or control group, and `ulimit -v`. Returns `None` if the system tells none of them.
pub fn free_memory() -> Option<FreeMemory> {
    let mut system = System::new();
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram().with_swap());
    let machine = system.available_memory() + system.free_swap();
    let machine = (machine > 0).then_some((machine, "are free on this machine"));
    let process = get_current_pid().ok().and_then(|pid| {
        let what = ProcessRefreshKind::nothing().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
        system.process(pid)
    });
    let group = process.and_then(sysinfo::Process::cgroup_limits);
    let group = group.map(|group| {
        (
            group.free_memory,
            "are free in this container or control group",
        )
    });
    // Not the virtual memory: the allocator reserves much of it in advance, and gives it out later.
    let used = process.map_or(0, sysinfo::Process::memory);
    let limit =
        address_space().map(|limit| (limit.saturating_sub(used), "are left of `ulimit -v`"));
    [machine, group, limit]
        .into_iter()
        .flatten()
        .min()
        .map(|(bytes, limit)| FreeMemory { bytes, limit })
}

/// Returns the largest address space of this process in bytes, or `None` if it is unlimited.
#[cfg(unix)]
fn address_space() -> Option<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the call writes the limit to `limit`, and nothing else.
    unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) };
    (limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

#[cfg(not(unix))]
fn address_space() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_free_memory() {
        let free = free_memory().unwrap();
        assert!(free.bytes > 1 << 20, "{free:?}");
    }
}
