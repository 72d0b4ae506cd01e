//! The backends: the names in `--device`, and which of them are built in.

use super::backend::{Backend, KernelInstructions};
use crate::error::Result;

#[cfg(not(any(
    feature = "cpu",
    feature = "ndarray",
    feature = "wgpu",
    feature = "cuda"
)))]
compile_error!(
    "vae needs a device to compute on: pass `--features` with one of cpu, ndarray, wgpu, cuda"
);

/// A backend that this program knows.
pub struct KnownBackend {
    /// The name in `--device`, which is also the name of the cargo feature that builds the backend in.
    pub name: &'static str,
    pub about: &'static str,
    pub is_gpu: bool,
    /// The backend, or `None` if it is not built in.
    pub built_in: Option<&'static dyn Backend>,
}

/// All backends. `auto` tries the GPUs from the last on, and then the processor's backends from the first on.
pub const BACKENDS: [KnownBackend; 4] = [
    KnownBackend {
        name: "cpu",
        about: "burn-flex, on all cores",
        is_gpu: false,
        #[cfg(feature = "cpu")]
        built_in: Some(&super::cpu::Cpu),
        #[cfg(not(feature = "cpu"))]
        built_in: None,
    },
    KnownBackend {
        name: "ndarray",
        about: "burn-ndarray, deprecated by burn",
        is_gpu: false,
        #[cfg(feature = "ndarray")]
        built_in: Some(&super::ndarray::Ndarray),
        #[cfg(not(feature = "ndarray"))]
        built_in: None,
    },
    KnownBackend {
        name: "wgpu",
        about: "Vulkan, Metal or DirectX 12",
        is_gpu: true,
        #[cfg(feature = "wgpu")]
        built_in: Some(&super::wgpu::Wgpu),
        #[cfg(not(feature = "wgpu"))]
        built_in: None,
    },
    KnownBackend {
        name: "cuda",
        about: "NVIDIA",
        is_gpu: true,
        #[cfg(feature = "cuda")]
        built_in: Some(&super::cuda::Cuda),
        #[cfg(not(feature = "cuda"))]
        built_in: None,
    },
];

/// Returns the first built-in backend of the processor, with its name.
pub fn processor() -> Option<(&'static str, &'static dyn Backend)> {
    BACKENDS
        .iter()
        .filter(|known| !known.is_gpu)
        .find_map(|known| Some((known.name, known.built_in?)))
}

/// Returns the vector instructions of the kernels for the processor, or `None` if this binary has no such kernels.
///
/// # Errors
/// Returns an error if the environment variable `VAE_SIMD` names instructions that are not known, or that the processor does
/// not have.
pub fn kernel_instructions() -> Result<Option<KernelInstructions>> {
    let built_in = BACKENDS.iter().filter_map(|known| known.built_in);
    for backend in built_in {
        if let Some(instructions) = backend.instructions()? {
            return Ok(Some(instructions));
        }
    }
    Ok(None)
}

/// Returns the name and the description of each backend that is built in, or of each that is not.
fn listed(built_in: bool) -> Vec<(&'static str, &'static str)> {
    BACKENDS
        .iter()
        .filter(|known| known.built_in.is_some() == built_in)
        .map(|known| (known.name, known.about))
        .collect()
}

/// Returns the name and the description of each backend that this binary has.
pub fn built_in() -> Vec<(&'static str, &'static str)> {
    listed(true)
}

/// Returns the name and the description of each backend that this binary could have. The name is also the name of the
/// cargo feature.
pub fn not_built_in() -> Vec<(&'static str, &'static str)> {
    listed(false)
}

/// Returns the command that builds in the cargo feature `name`, beside the GPU backends that are built in already.
pub fn build_command(name: &str) -> String {
    let built_in = BACKENDS
        .iter()
        .filter(|known| known.is_gpu && known.built_in.is_some() && known.name != name)
        .map(|known| known.name);
    let features: Vec<&str> = built_in.chain([name]).collect();
    format!("cargo build --release --features {}", features.join(","))
}
