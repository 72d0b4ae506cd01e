//! `--device` -> a burn device. The only file, with `ops/`, that names a backend.

use burn::tensor::Device;

use crate::error::{Error, Result, did_you_mean};

#[cfg(not(any(feature = "cpu", feature = "ndarray", feature = "wgpu", feature = "cuda")))]
compile_error!("vae needs a device to compute on: pass `--features` with one of cpu, ndarray, wgpu, cuda");

/// A backend: its name in `--device`, the cargo feature that builds it in, and whether this binary has it.
struct Backend {
    name: &'static str,
    built_in: bool,
    about: &'static str,
}

const BACKENDS: [Backend; 4] = [
    Backend { name: "cpu", built_in: cfg!(feature = "cpu"), about: "burn-flex, on all cores" },
    Backend { name: "ndarray", built_in: cfg!(feature = "ndarray"), about: "burn-ndarray, deprecated by burn" },
    Backend { name: "wgpu", built_in: cfg!(feature = "wgpu"), about: "Vulkan, Metal or DirectX 12" },
    Backend { name: "cuda", built_in: cfg!(feature = "cuda"), about: "NVIDIA" },
];

/// Name and description of each backend that this binary has.
pub fn built_in() -> Vec<(&'static str, &'static str)> {
    BACKENDS.iter().filter(|backend| backend.built_in).map(|backend| (backend.name, backend.about)).collect()
}

/// A device that was chosen, and what to call it in a report.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub device: Device,
    pub name: String,
}

/// `auto`, `cpu`, `ndarray`, `wgpu`, `wgpu:1`, `cuda:0`, ... -> a device without autodiff.
///
/// # Errors
/// For a name that no backend has, and for a backend that is not built in: the message says how to build it.
pub fn choose(wanted: &str) -> Result<Chosen> {
    let (name, index) = match wanted.split_once(':') {
        Some((name, index)) => {
            let index = index.parse().map_err(|_| {
                Error::request(format!("--device {wanted}: expected the device's number after the colon"))
                    .with_hint("for instance `--device wgpu:0`")
            })?;
            (name, Some(index))
        }
        None => (wanted, None),
    };
    let name = if name == "auto" { first_built_in()? } else { name };
    let Some(backend) = BACKENDS.iter().find(|backend| backend.name == name) else {
        let names = || BACKENDS.iter().map(|backend| backend.name).chain(["auto"]);
        let error = Error::request(format!(
            "--device {wanted}: no such device; expected one of {}",
            names().collect::<Vec<_>>().join(", ")
        ));
        return Err(match did_you_mean(name, names()) {
            Some(near) => error.with_hint(format!("did you mean `{near}`?")),
            None => error,
        });
    };
    if !backend.built_in {
        return Err(Error::request(format!("--device {wanted}: this binary was built without `{name}`"))
            .with_hint(format!("build it in with `cargo build --release --features {name}`")));
    }
    if index.is_some() && matches!(name, "cpu" | "ndarray") {
        return Err(Error::request(format!("--device {wanted}: there is one `{name}` only"))
            .with_hint(format!("use `--device {name}`")));
    }
    Ok(Chosen { device: open(name, index.unwrap_or(0)), name: wanted.replace("auto", name) })
}

fn first_built_in() -> Result<&'static str> {
    BACKENDS.iter().find(|backend| backend.built_in).map(|backend| backend.name).ok_or_else(|| {
        Error::request("this binary was built without any device")
            .with_hint("build it with one of the features cpu, ndarray, wgpu, cuda")
    })
}

#[expect(clippy::allow_attributes, reason = "which arms exist depends on the features")]
#[allow(unused_variables, reason = "only GPU backends have an index")]
fn open(name: &str, index: usize) -> Device {
    match name {
        #[cfg(feature = "cpu")]
        "cpu" => Device::flex(),
        #[cfg(feature = "ndarray")]
        "ndarray" => {
            #[expect(deprecated, reason = "burn-ndarray is what the owner named; burn deprecates it for Flex")]
            let device = Device::ndarray();
            device
        }
        #[cfg(feature = "wgpu")]
        "wgpu" => Device::wgpu(if index == 0 {
            burn::tensor::DeviceKind::DefaultDevice
        } else {
            burn::tensor::DeviceKind::DiscreteGpu(index)
        }),
        #[cfg(feature = "cuda")]
        "cuda" => Device::cuda(index),
        _ => unreachable!("`choose` only passes the names of backends that are built in"),
    }
}

/// Uses `threads` threads for everything that runs on the CPU. Results do not depend on it.
///
/// # Errors
/// For 0 threads, and when called twice.
pub fn set_threads(threads: usize) -> Result<()> {
    crate::check::count("--threads", threads, 1024)?;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().map_err(Error::failed)
}

/// Threads that CPU work is spread over.
pub fn threads() -> usize {
    rayon::current_num_threads()
}
