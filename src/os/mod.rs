//! The operating system: the allocator, signals, access to folders, and the memory that is free. With `ops/kernels`, the
//! only unsafe code of the program is here.

#![expect(
    unsafe_code,
    reason = "the system's calls and the allocator's contract are not checked by the compiler; each block says why it is sound"
)]

mod access;
pub mod allocator;
mod free_memory;
mod host_name;
mod limits;
mod parent;
mod paths;
mod processor;
mod signals;
mod threads;

pub use access::check_access;
pub use free_memory::{FreeMemory, free_memory};
pub use host_name::host_name;
pub use limits::turn_limits_into_errors;
pub use parent::end_parent_after;
pub use paths::path;
pub use processor::processor;
pub use signals::{ignore_stops, watch};
pub use threads::{cores, has_room_for_thread, start};
