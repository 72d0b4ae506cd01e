//! Finding and opening a GPU, with an error where a driver, an adapter or the device itself is missing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::Device;

use super::SelectedDevice;
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
#[cfg_attr(
    not(feature = "wgpu"),
    expect(dead_code, reason = "NVIDIA's driver names no kinds")
)]
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
#[derive(Clone, Debug)]
pub struct Fault {
    pub what: String,
    pub hint: String,
}

impl Gpu {
    /// The device of number `index`, or the best there is.
    pub fn choose(self, backend: &str, index: Option<usize>) -> Result<SelectedDevice, Fault> {
        let adapters = self.adapters()?;
        let best = || (0..adapters.len()).min_by_key(|&index| adapters[index].kind);
        match index.or_else(best) {
            Some(index) if index < adapters.len() => self.open(backend, index, &adapters[index]),
            Some(index) if !adapters.is_empty() => {
                let names: Vec<String> = (0..adapters.len())
                    .map(|index| format!("{backend}:{index}"))
                    .collect();
                Err(Fault {
                    what: format!(
                        "there is no number {index}; this machine has {}",
                        names.join(", ")
                    ),
                    hint: "`vae devices` says what they are: pass one of them".into(),
                })
            }
            _ => Err(Fault {
                what: self.missing[0].into(),
                hint: self.missing[1].into(),
            }),
        }
    }

    /// The best device that is not software and that works, where there is one; why the best does not, where none does.
    pub fn choose_real(self, backend: &str) -> Result<Option<SelectedDevice>, Fault> {
        let adapters = self.adapters()?;
        let mut real: Vec<_> = adapters
            .iter()
            .enumerate()
            .filter(|(_, it)| it.kind != Kind::Software)
            .collect();
        real.sort_by_key(|(_, adapter)| adapter.kind);
        let mut first = None;
        for (index, adapter) in real {
            match self.open(backend, index, adapter) {
                Ok(chosen) => return Ok(Some(chosen)),
                Err(fault) => first = first.or(Some(fault)),
            }
        }
        first.map_or(Ok(None), Err)
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
            let pass = [name.as_str(), adapter.kind.name(), &adapter.driver];
            let about: Vec<&str> = pass.into_iter().filter(|part| !part.is_empty()).collect();
            (format!("{backend}:{index}"), about.join("; "))
        };
        adapters.iter().enumerate().map(line).collect()
    }

    fn adapters(self) -> Result<Vec<Adapter>, Fault> {
        quietly(|| Ok((self.adapters)())).map_err(|why| Fault {
            what: format!("the driver fails: {why}"),
            hint: self.missing[1].into(),
        })
    }

    /// A device is opened once; who asks again is given the same answer.
    fn open(self, backend: &str, index: usize, adapter: &Adapter) -> Result<SelectedDevice, Fault> {
        let name = format!("{backend}:{index}");
        let mut tried = tried();
        if let Some((_, answer)) = tried.iter().find(|(of, _)| *of == name) {
            return answer.clone();
        }
        let opened = quietly(|| {
            let device = (self.open)(index)?;
            let model = try_out(&device)?;
            Ok((device, model))
        });
        let title = adapter.name.as_ref().unwrap_or(&name);
        let answer = opened
            .map_err(|why| Fault {
                what: format!("{title} does not work: {why}"),
                hint: self.missing[1].into(),
            })
            .map(|(device, model)| SelectedDevice {
                device,
                name: name.clone(),
                model: adapter.name.clone().or(model),
                remark: None,
            });
        tried.push((name, answer.clone()));
        answer
    }
}

/// The GPUs that were asked for, and what came of it.
fn tried() -> MutexGuard<'static, Vec<(String, Result<SelectedDevice, Fault>)>> {
    static TRIED: Mutex<Vec<(String, Result<SelectedDevice, Fault>)>> = Mutex::new(Vec::new());
    TRIED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The GPU that was opened first.
pub fn first_opened() -> Option<SelectedDevice> {
    tried()
        .iter()
        .find_map(|(_, answer)| answer.as_ref().ok().cloned())
}

/// A product and an exponential, read back: a device starts, compiles and answers at the first operation only, and CUDA
/// looks for its library of functions at the first of those. What it calls itself.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn try_out(device: &Device) -> Result<Option<String>, String> {
    use burn::tensor::Tensor;
    let ones = Tensor::<2>::ones([2, 2], device);
    let sum: f32 = (ones.clone().matmul(ones).exp().log() + 1.0)
        .sum()
        .into_scalar();
    if (sum - 12.0).abs() > 0.01 {
        return Err(format!("4 (2 + 1) is {sum} there"));
    }
    Ok(device.identity().map(|identity| identity.name))
}

#[cfg(not(any(feature = "wgpu", feature = "cuda")))]
fn try_out(_: &Device) -> Result<Option<String>, String> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::hosts;
    use super::*;

    fn adapter(name: &str, kind: Kind) -> Adapter {
        Adapter {
            name: Some(name.to_owned()),
            kind,
            driver: String::new(),
        }
    }

    fn three() -> Vec<Adapter> {
        vec![
            adapter("small", Kind::Integrated),
            adapter("soft", Kind::Software),
            adapter("large", Kind::Discrete),
        ]
    }

    /// The processor in a GPU's place.
    fn works(_: usize) -> Result<Device, String> {
        hosts()
            .next()
            .map(|(_, device)| device())
            .ok_or_else(|| "nothing is built in".into())
    }

    const WORKS: Gpu = Gpu {
        adapters: three,
        open: works,
        missing: ["none", "install one"],
    };

    fn name(chosen: Result<SelectedDevice, Fault>) -> String {
        chosen.map_or_else(|fault| fault.what, |chosen| chosen.name)
    }

    #[test]
    fn the_best_is_taken_unless_another_is_named() {
        assert_eq!(name(WORKS.choose("a", None)), "a:2");
        assert_eq!(name(WORKS.choose("a", Some(1))), "a:1");
        assert_eq!(
            name(WORKS.choose("a", Some(3))),
            "there is no number 3; this machine has a:0, a:1, a:2"
        );
        assert_eq!(
            WORKS
                .choose_real("a")
                .unwrap_or(None)
                .map(|chosen| chosen.title()),
            Some("a:2 (large)".into())
        );
        let lines = WORKS.describe("a");
        assert_eq!(
            lines[1],
            (
                "a:1".to_owned(),
                "soft; software, on the processor".to_owned()
            )
        );
    }

    #[test]
    fn where_the_best_does_not_work_the_next_is_taken_but_no_software() {
        let open = |index| {
            if index == 2 {
                Err("no memory".into())
            } else {
                works(index)
            }
        };
        let gpu = Gpu { open, ..WORKS };
        assert_eq!(
            gpu.choose_real("b")
                .unwrap_or(None)
                .map(|chosen| chosen.name),
            Some("b:0".into())
        );
        assert_eq!(
            name(gpu.choose("b", None)),
            "large does not work: no memory"
        );
        let gpu = Gpu {
            open: |_| panic!("no driver"),
            ..WORKS
        };
        assert_eq!(
            gpu.choose_real("c").err().map(|fault| fault.what),
            Some("large does not work: no driver".into())
        );
        let gpu = Gpu {
            adapters: || vec![adapter("soft", Kind::Software)],
            ..WORKS
        };
        assert!(matches!(gpu.choose_real("d"), Ok(None)) && gpu.has_any());
    }

    #[test]
    fn without_an_adapter_it_says_what_to_install() {
        let gpu = Gpu {
            adapters: Vec::new,
            ..WORKS
        };
        let fault = gpu.choose("e", None).unwrap_err();
        assert_eq!(
            (fault.what.as_str(), fault.hint.as_str()),
            ("none", "install one")
        );
        assert_eq!(
            gpu.describe("e"),
            [("e".to_owned(), "none: none".to_owned())]
        );
        let gpu = Gpu {
            adapters: || panic!("broken"),
            ..WORKS
        };
        assert_eq!(name(gpu.choose("f", None)), "the driver fails: broken");
    }
}
