//! Finding and opening a GPU, with an error where a driver, an adapter or the device itself is missing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::Device;

use super::Chosen;
use super::panics::quietly;
use crate::error::Result;

/// What the machine has of a backend's.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// What it calls itself; nothing where it has to be opened to be asked.
    pub name: Option<String>,
    pub kind: Kind,
    /// Name and version; empty where it does not say.
    pub driver: String,
}

/// The best first.
#[cfg_attr(not(feature = "wgpu"), expect(dead_code, reason = "NVIDIA's driver names no kinds"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Discrete,
    Integrated,
    Virtual,
    Other,
    /// The processor in a GPU's place: llvmpipe, SwiftShader, WARP.
    Software,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Discrete => "discrete GPU",
            Self::Integrated => "integrated GPU",
            Self::Virtual => "virtual GPU",
            Self::Other => "GPU",
            Self::Software => "software, on the processor",
        }
    }
}

/// A backend of GPUs.
#[derive(Clone, Copy)]
pub struct Gpu {
    /// What the machine has, in the order of their numbers. Opens none of them.
    pub adapters: fn() -> Vec<Adapter>,
    /// The device of that number; why not, where it cannot be opened. It is called once for each.
    pub open: fn(usize) -> Result<Device, String>,
    /// What is missing where there is no adapter, and what to install then.
    pub missing: [&'static str; 2],
}

/// Why there is no device, and what to do.
pub struct Fault {
    pub what: String,
    pub hint: String,
}

impl Gpu {
    /// The device of number `index`, or the best there is.
    pub fn choose(self, backend: &str, index: Option<usize>) -> Result<Chosen, Fault> {
        let adapters = self.adapters()?;
        let best = || (0..adapters.len()).min_by_key(|&index| adapters[index].kind);
        match index.or_else(best) {
            Some(index) if index < adapters.len() => self.open(backend, index, &adapters[index]),
            Some(index) if !adapters.is_empty() => {
                let names: Vec<String> = (0..adapters.len()).map(|index| format!("{backend}:{index}")).collect();
                Err(Fault {
                    what: format!("there is no number {index}; this machine has {}", names.join(", ")),
                    hint: "`vae devices` says what they are: pass one of them".into(),
                })
            }
            _ => Err(Fault { what: self.missing[0].into(), hint: self.missing[1].into() }),
        }
    }

    /// The best device that is not software, where there is one.
    pub fn choose_real(self, backend: &str) -> Result<Option<Chosen>, Fault> {
        let adapters = self.adapters()?;
        let real = (0..adapters.len()).filter(|&index| adapters[index].kind != Kind::Software);
        let best = real.min_by_key(|&index| adapters[index].kind);
        best.map(|index| self.open(backend, index, &adapters[index])).transpose()
    }

    /// Whether there is an adapter, software counted.
    pub fn has_any(self) -> bool {
        self.adapters().is_ok_and(|adapters| !adapters.is_empty())
    }

    /// Every adapter: as `--device` takes it, and what it is.
    pub fn describe(self, backend: &str) -> Vec<(String, String)> {
        let adapters = match self.adapters() {
            Ok(adapters) if !adapters.is_empty() => adapters,
            Ok(_) => return vec![(backend.to_owned(), format!("none: {}", self.missing[0]))],
            Err(fault) => return vec![(backend.to_owned(), format!("none: {}", fault.what))],
        };
        let line = |(index, adapter): (usize, &Adapter)| {
            let name = match &adapter.name {
                Some(name) => name.clone(),
                None => match self.open(backend, index, adapter) {
                    Ok(chosen) => chosen.model.unwrap_or_else(|| "without a name".into()),
                    Err(fault) => fault.what,
                },
            };
            let parts = [name.as_str(), adapter.kind.name(), &adapter.driver];
            let about: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            (format!("{backend}:{index}"), about.join("; "))
        };
        adapters.iter().enumerate().map(line).collect()
    }

    fn adapters(self) -> Result<Vec<Adapter>, Fault> {
        quietly(|| Ok((self.adapters)()))
            .map_err(|why| Fault { what: format!("the driver fails: {why}"), hint: self.missing[1].into() })
    }

    /// A device is opened once; who asks again is given the same.
    fn open(self, backend: &str, index: usize, adapter: &Adapter) -> Result<Chosen, Fault> {
        let mut opened = opened();
        let name = format!("{backend}:{index}");
        if let Some(chosen) = opened.iter().find(|chosen| chosen.name == name) {
            return Ok(chosen.clone());
        }
        let tried = quietly(|| {
            let device = (self.open)(index)?;
            let model = try_out(&device)?;
            Ok((device, model))
        });
        let (device, model) = tried.map_err(|why| Fault {
            what: format!("{} does not work: {why}", adapter.name.as_ref().unwrap_or(&name)),
            hint: self.missing[1].into(),
        })?;
        let chosen = Chosen { device, name, model: adapter.name.clone().or(model), remark: None };
        opened.push(chosen.clone());
        Ok(chosen)
    }
}

/// One addition, read back: a device starts, compiles and answers at the first operation only. What it calls itself.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn try_out(device: &Device) -> Result<Option<String>, String> {
    let sum: f32 = (burn::tensor::Tensor::<1>::ones([1], device) + 1.0).into_scalar();
    if sum != 2.0 {
        return Err(format!("1 + 1 is {sum} there"));
    }
    Ok(device.identity().map(|identity| identity.name))
}

#[cfg(not(any(feature = "wgpu", feature = "cuda")))]
fn try_out(_: &Device) -> Result<Option<String>, String> {
    Ok(None)
}

/// The GPUs that were opened.
pub fn opened() -> MutexGuard<'static, Vec<Chosen>> {
    static OPENED: Mutex<Vec<Chosen>> = Mutex::new(Vec::new());
    OPENED.lock().unwrap_or_else(PoisonError::into_inner)
}
