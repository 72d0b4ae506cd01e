//! Selects the device that `--device` names. Only this module and `ops` name a backend.

mod adapter;
mod backend;
mod backends;
#[cfg(feature = "cpu")]
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod gpu;
mod guard;
#[cfg(feature = "cpu")]
mod instructions;
#[cfg(feature = "ndarray")]
mod ndarray;
mod select;
mod selected;
mod threads;
#[cfg(feature = "wgpu")]
mod wgpu;

pub use adapter::{Adapter, AdapterKind};
pub use backend::KernelInstructions;
pub use backends::{build_command, built_in, kernel_instructions, not_built_in};
pub use gpu::be_process;
pub use guard::guarded;
pub use select::{on_this_machine, select};
pub use selected::SelectedDevice;
pub use threads::{start_threads, threads};
