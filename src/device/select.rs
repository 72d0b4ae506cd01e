//! Selects a device by its name in `--device`.

use super::backend::Backend;
use super::backends::{BACKENDS, KnownBackend, build_command, processor};
use super::gpu::Gpus;
use super::selected::SelectedDevice;
use crate::error::{Error, Result, did_you_mean};

/// Returns the GPUs of a backend that is built in.
fn gpus(known: &KnownBackend) -> Option<Gpus<'_>> {
    let backend = known.built_in.filter(|_| known.is_gpu)?;
    Some(Gpus {
        name: known.name,
        backend,
    })
}

/// Returns the devices of this machine for the backends that are built in: the name of each in `--device`, and a
/// description.
pub fn on_this_machine() -> Vec<(String, String)> {
    let devices = |known: &KnownBackend| match gpus(known) {
        Some(gpus) => gpus.describe(),
        None => known
            .built_in
            .iter()
            .flat_map(|backend| backend.adapters())
            .map(|adapter| (known.name.to_owned(), adapter.kind.name().to_owned()))
            .collect(),
    };
    BACKENDS.iter().flat_map(devices).collect()
}

/// Selects the device `wanted`: `auto`, `cpu`, `ndarray`, `wgpu`, `wgpu:1`, `cuda:0`, ... The device is without
/// autodiff, and a GPU is tried out.
///
/// [`on_this_machine`] lists the numbers of the GPUs; without a number the best GPU of the backend is taken. `auto`
/// takes the first GPU that works, or else the processor. It takes no software adapter, which has to be named.
///
/// # Errors
/// Returns an error for a name that no backend has, for a backend that is not built in, and for a device that the
/// machine does not have or that does not work. The message says what to build, install or pass.
pub fn select(wanted: &str) -> Result<SelectedDevice> {
    if wanted == "auto" {
        return automatic();
    }
    let (name, number) = wanted
        .split_once(':')
        .map_or((wanted, None), |(name, number)| (name, Some(number)));
    let Some(known) = BACKENDS.iter().find(|known| known.name == name) else {
        return Err(unknown(wanted, name));
    };
    let Some(backend) = known.built_in else {
        return Err(Error::request(format!(
            "--device {wanted}: this binary was built without `{name}`"
        ))
        .with_hint(format!("build it in with `{}`", build_command(name))));
    };
    if known.is_gpu {
        return select_gpu(wanted, Gpus { name, backend }, number);
    }
    if number.is_some() {
        return Err(
            Error::request(format!("--device {wanted}: there is only one `{name}`"))
                .with_hint(format!("use `--device {name}`")),
        );
    }
    select_processor(name, backend)
}

fn select_processor(name: &str, backend: &dyn Backend) -> Result<SelectedDevice> {
    Ok(SelectedDevice {
        device: backend.open(0).map_err(Error::failed)?,
        name: name.to_owned(),
        model: None,
        remark: None,
    })
}

fn select_gpu(wanted: &str, gpus: Gpus<'_>, number: Option<&str>) -> Result<SelectedDevice> {
    let index = number.map(str::parse).transpose().map_err(|_| {
        Error::request(format!(
            "--device {wanted}: expected the device's number after the colon"
        ))
        .with_hint(format!(
            "for instance `--device {}:0`; `vae devices` lists them",
            gpus.name
        ))
    })?;
    gpus.select(index).map_err(|fault| {
        let hint = match processor() {
            Some((name, _)) => format!("{}, or use `--device {name}`", fault.hint),
            None => fault.hint,
        };
        Error::request(format!("--device {wanted}: {}", fault.what)).with_hint(hint)
    })
}

fn unknown(wanted: &str, name: &str) -> Error {
    let names = || BACKENDS.iter().map(|known| known.name).chain(["auto"]);
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

fn automatic() -> Result<SelectedDevice> {
    let mut remark = None;
    for gpus in BACKENDS.iter().rev().filter_map(gpus) {
        match gpus.select_real() {
            Ok(Some(selected)) => return Ok(selected),
            Ok(None) if gpus.has_any() => {
                let name = gpus.name;
                remark = Some(format!(
                    "no GPU was found, only software in its place (`{name}`, taken by its name alone)"
                ));
            }
            Ok(None) => {
                remark.get_or_insert_with(|| "no GPU was found".to_owned());
            }
            Err(fault) => remark = Some(format!("{}: {}", gpus.name, fault.what)),
        }
    }
    let Some((name, backend)) = processor() else {
        return Err(Error::request(format!(
            "--device auto: {}, and this binary has no backend for the processor",
            remark.unwrap_or_default()
        ))
        .with_hint(
            "`vae devices` lists what can be named; `cargo build --release --features cpu` adds the processor",
        ));
    };
    Ok(SelectedDevice {
        remark,
        ..select_processor(name, backend)?
    })
}
