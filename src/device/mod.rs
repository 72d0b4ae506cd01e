//! `--device` -> a burn device. The only place, with `ops/`, that names a backend.

#[cfg(feature = "cuda")]
mod cuda;
mod gpu;
mod panics;
#[cfg(feature = "wgpu")]
mod wgpu;

use burn::tensor::Device;

use crate::error::{Error, Result, did_you_mean};

use gpu::Gpu;

pub use panics::guarded;

#[cfg(not(any(
    feature = "cpu",
    feature = "ndarray",
    feature = "wgpu",
    feature = "cuda"
)))]
compile_error!(
    "vae needs a device to compute on: pass `--features` with one of cpu, ndarray, wgpu, cuda"
);

/// A backend: its name in `--device`, which is also that of the cargo feature that builds it in.
struct Backend {
    name: &'static str,
    about: &'static str,
    access: Access,
}

/// How a backend's devices are reached.
#[derive(Clone, Copy)]
enum Access {
    #[cfg_attr(
        all(
            feature = "cpu",
            feature = "ndarray",
            feature = "wgpu",
            feature = "cuda"
        ),
        expect(dead_code, reason = "which of these there are depends on the features")
    )]
    NotBuiltIn,
    /// The processor and its memory: there is one.
    #[cfg_attr(
        not(any(feature = "cpu", feature = "ndarray")),
        expect(dead_code, reason = "which of these there are depends on the features")
    )]
    Host(fn() -> Device),
    #[cfg_attr(
        not(any(feature = "wgpu", feature = "cuda")),
        expect(dead_code, reason = "which of these there are depends on the features")
    )]
    Gpu(Gpu),
}

/// `$access` where the feature is on.
macro_rules! where_built_in {
    ($feature:literal, $access:expr) => {{
        #[cfg(feature = $feature)]
        const ACCESS: Access = $access;
        #[cfg(not(feature = $feature))]
        const ACCESS: Access = Access::NotBuiltIn;
        ACCESS
    }};
}

/// `auto` asks the GPUs from the last on, and then the processor's from the first on.
const BACKENDS: [Backend; 4] = [
    Backend {
        name: "cpu",
        about: "burn-flex, on all cores",
        access: where_built_in!("cpu", Access::Host(Device::flex)),
    },
    Backend {
        name: "ndarray",
        about: "burn-ndarray, deprecated by burn",
        access: where_built_in!("ndarray", Access::Host(ndarray)),
    },
    Backend {
        name: "wgpu",
        about: "Vulkan, Metal or DirectX 12",
        access: where_built_in!("wgpu", Access::Gpu(wgpu::GPU)),
    },
    Backend {
        name: "cuda",
        about: "NVIDIA",
        access: where_built_in!("cuda", Access::Gpu(cuda::GPU)),
    },
];

#[cfg(feature = "ndarray")]
fn ndarray() -> Device {
    #[expect(
        deprecated,
        reason = "burn-ndarray is what the owner named; burn deprecates it for Flex"
    )]
    let device = Device::ndarray();
    device
}

/// Name and description of each backend that this binary has.
pub fn built_in() -> Vec<(&'static str, &'static str)> {
    listed(true)
}

/// Name and description of each backend that this binary could have. The name is that of the cargo feature.
pub fn not_built_in() -> Vec<(&'static str, &'static str)> {
    listed(false)
}

fn listed(built_in: bool) -> Vec<(&'static str, &'static str)> {
    let some = BACKENDS
        .iter()
        .filter(|backend| matches!(backend.access, Access::NotBuiltIn) != built_in);
    some.map(|backend| (backend.name, backend.about)).collect()
}

/// What builds in `name` beside the GPUs that are.
pub fn build_command(name: &str) -> String {
    let wanted = BACKENDS
        .iter()
        .filter(|other| matches!(other.access, Access::Gpu(_)) || other.name == name);
    let features: Vec<&str> = wanted.map(|backend| backend.name).collect();
    format!("cargo build --release --features {}", features.join(","))
}

/// What this machine has for the backends that are built in: each device as `--device` takes it, and what it is.
pub fn on_this_machine() -> Vec<(String, String)> {
    let of = |backend: &Backend| match backend.access {
        Access::NotBuiltIn => Vec::new(),
        Access::Host(_) => vec![(backend.name.to_owned(), "the processor".to_owned())],
        Access::Gpu(gpu) => gpu.describe(backend.name),
    };
    BACKENDS.iter().flat_map(of).collect()
}

/// A device that was chosen, and what to call it in a report.
#[derive(Clone, Debug)]
pub struct SelectedDevice {
    pub device: Device,
    /// As `--device` takes it, with `auto` resolved and with a GPU's number.
    pub name: String,
    /// What a GPU calls itself.
    pub model: Option<String>,
    /// Why `auto` took no GPU, where one could have been taken.
    pub remark: Option<String>,
}

impl SelectedDevice {
    fn host(name: &str, device: Device) -> Self {
        Self {
            device,
            name: name.to_owned(),
            model: None,
            remark: None,
        }
    }

    /// For people: the name, and the model where it is known.
    pub fn title(&self) -> String {
        self.model.as_ref().map_or_else(
            || self.name.clone(),
            |model| format!("{} ({model})", self.name),
        )
    }
}

/// `auto`, `cpu`, `ndarray`, `wgpu`, `wgpu:1`, `cuda:0`, ... -> a device without autodiff, tried out where it is a GPU. A
/// GPU's number is that of [`on_this_machine`]; without one it is the backend's best. `auto` is the first GPU that works,
/// or else the processor: a software adapter is taken by its name only.
///
/// # Errors
/// For a name that no backend has, for a backend that is not built in, and for a device that the machine does not have or
/// that does not work. The message says what to build, install or pass.
pub fn choose(wanted: &str) -> Result<SelectedDevice> {
    if wanted == "auto" {
        return automatic();
    }
    let (name, number) = wanted
        .split_once(':')
        .map_or((wanted, None), |(name, number)| (name, Some(number)));
    let Some(backend) = BACKENDS.iter().find(|backend| backend.name == name) else {
        return Err(unknown(wanted, name));
    };
    match backend.access {
        Access::NotBuiltIn => Err(Error::request(format!(
            "--device {wanted}: this binary was built without `{name}`"
        ))
        .with_hint(format!("build it in with `{}`", build_command(name)))),
        Access::Host(_) if number.is_some() => Err(Error::request(format!(
            "--device {wanted}: there is one `{name}` only"
        ))
        .with_hint(format!("use `--device {name}`"))),
        Access::Host(device) => Ok(SelectedDevice::host(name, device())),
        Access::Gpu(gpu) => {
            let index = number.map(str::parse).transpose().map_err(|_| {
                Error::request(format!(
                    "--device {wanted}: expected the device's number after the colon"
                ))
                .with_hint(format!(
                    "for instance `--device {name}:0`; `vae devices` lists them"
                ))
            })?;
            gpu.choose(name, index).map_err(|fault| {
                let hint = match hosts().next() {
                    Some((host, _)) => format!("{}, or use `--device {host}`", fault.hint),
                    None => fault.hint,
                };
                Error::request(format!("--device {wanted}: {}", fault.what)).with_hint(hint)
            })
        }
    }
}

fn unknown(wanted: &str, name: &str) -> Error {
    let names = || BACKENDS.iter().map(|backend| backend.name).chain(["auto"]);
    if name == "auto" {
        return Error::request(format!("--device {wanted}: `auto` takes no number"))
            .with_hint("`vae devices` lists what can be named");
    }
    let list = names().collect::<Vec<_>>().join(", ");
    let error = Error::request(format!(
        "--device {wanted}: no such device; expected one of {list}"
    ));
    let name = name.to_lowercase();
    let meant = match name.as_str() {
        "gpu" => Some("auto"),
        "vulkan" | "metal" | "dx12" | "amd" | "intel" => Some("wgpu"),
        "nvidia" => Some("cuda"),
        _ => did_you_mean(&name, names()),
    };
    match meant {
        Some(meant) => error.with_hint(format!(
            "did you mean `{meant}`? `vae devices` lists what can be named"
        )),
        None => error.with_hint("`vae devices` lists what can be named"),
    }
}

fn hosts() -> impl Iterator<Item = (&'static str, fn() -> Device)> {
    BACKENDS.iter().filter_map(|backend| match backend.access {
        Access::Host(device) => Some((backend.name, device)),
        _ => None,
    })
}

fn automatic() -> Result<SelectedDevice> {
    let mut remark = None;
    for backend in BACKENDS.iter().rev() {
        let Access::Gpu(gpu) = backend.access else {
            continue;
        };
        match gpu.choose_real(backend.name) {
            Ok(Some(chosen)) => return Ok(chosen),
            Ok(None) if gpu.has_any() => {
                let name = backend.name;
                remark = Some(format!(
                    "no GPU was found, only software in its place (`{name}`, taken by its name alone)"
                ));
            }
            Ok(None) => {
                remark.get_or_insert_with(|| "no GPU was found".to_owned());
            }
            Err(fault) => remark = Some(format!("{}: {}", backend.name, fault.what)),
        }
    }
    match hosts().next() {
        Some((name, device)) => Ok(SelectedDevice { remark, ..SelectedDevice::host(name, device()) }),
        None => Err(Error::request(format!(
            "--device auto: {}, and this binary has no backend for the processor",
            remark.unwrap_or_default()
        ))
        .with_hint("`vae devices` lists what can be named; `cargo build --release --features cpu` adds the processor")),
    }
}

/// Uses `threads` threads for everything that runs on the CPU. Results do not depend on it.
///
/// # Errors
/// For 0 threads, and when called twice.
pub fn set_threads(threads: usize) -> Result<()> {
    crate::check::count("--threads", threads, 1024)?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(Error::failed)
}

/// Threads that CPU work is spread over.
pub fn threads() -> usize {
    rayon::current_num_threads()
}
