//! Finds and opens a GPU, with an error if a driver, an adapter or the device itself is missing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::{Device, Tensor};

use super::adapter::{Adapter, AdapterKind};
use super::backend::Backend;
use super::selected::SelectedDevice;
use crate::panics::{gpu_is_in_use, quietly};

/// The GPUs of a backend.
#[derive(Clone, Copy)]
pub struct Gpus<'a> {
    /// The name of the backend in `--device`.
    pub name: &'a str,
    pub backend: &'a dyn Backend,
}

/// The reason why there is no device, and what to do.
#[derive(Clone, Debug)]
pub struct NoDevice {
    pub what: String,
    pub hint: String,
}

impl Gpus<'_> {
    /// Opens the device of number `index`, or the best there is.
    pub fn select(self, index: Option<usize>) -> Result<SelectedDevice, NoDevice> {
        let adapters = self.adapters()?;
        let best = || by_preference(&adapters, process()).first().copied();
        match index.or_else(best) {
            Some(index) if index < adapters.len() => self.open(index, &adapters[index]),
            Some(index) if !adapters.is_empty() => {
                let names: Vec<String> = (0..adapters.len())
                    .map(|index| format!("{}:{index}", self.name))
                    .collect();
                Err(NoDevice {
                    what: format!(
                        "there is no number {index}; this machine has {}",
                        names.join(", ")
                    ),
                    hint: "`vae devices` says what they are: pass one of them".into(),
                })
            }
            _ => {
                let missing = self.backend.missing();
                Err(NoDevice {
                    what: missing.what.into(),
                    hint: missing.install.into(),
                })
            }
        }
    }

    /// Opens the best device that works and is not software. Returns `None` if there is no such device, and the reason
    /// of the best one if none works.
    pub fn select_real(self) -> Result<Option<SelectedDevice>, NoDevice> {
        let adapters = self.adapters()?;
        let order = by_preference(&adapters, process()).into_iter();
        let real = order.filter(|&index| adapters[index].kind != AdapterKind::Software);
        let mut first = None;
        for index in real {
            match self.open(index, &adapters[index]) {
                Ok(selected) => return Ok(Some(selected)),
                Err(fault) => first = first.or(Some(fault)),
            }
        }
        first.map_or(Ok(None), Err)
    }

    /// Returns whether there is an adapter, software included.
    pub fn has_any(self) -> bool {
        self.adapters().is_ok_and(|adapters| !adapters.is_empty())
    }

    /// Describes every adapter: the name that `--device` takes, and what it is.
    pub fn describe(self) -> Vec<(String, String)> {
        let none = |why: &str| vec![(self.name.to_owned(), format!("none: {why}"))];
        let adapters = match self.adapters() {
            Ok(adapters) if !adapters.is_empty() => adapters,
            Ok(_) => return none(self.backend.missing().what),
            Err(fault) => return none(&fault.what),
        };
        let line = |(index, adapter): (usize, &Adapter)| {
            let name = match &adapter.name {
                Some(name) => name.clone(),
                None => match self.open(index, adapter) {
                    Ok(selected) => selected.model.unwrap_or_else(|| "without a name".into()),
                    Err(fault) => fault.what,
                },
            };
            let parts = [name.as_str(), adapter.kind.name(), &adapter.driver];
            let about: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            (format!("{}:{index}", self.name), about.join("; "))
        };
        adapters.iter().enumerate().map(line).collect()
    }

    fn adapters(self) -> Result<Vec<Adapter>, NoDevice> {
        quietly(|| Ok(self.backend.adapters())).map_err(|why| NoDevice {
            what: format!("the driver fails: {why}"),
            hint: self.backend.missing().install.into(),
        })
    }

    /// Opens a device, once: every later call for it returns the same answer.
    fn open(self, index: usize, adapter: &Adapter) -> Result<SelectedDevice, NoDevice> {
        let name = format!("{}:{index}", self.name);
        let mut tried = tried();
        if let Some((_, answer)) = tried.iter().find(|(other, _)| *other == name) {
            return answer.clone();
        }
        let opened = quietly(|| {
            let device = self.backend.open(index)?;
            try_out(&device)?;
            let model = self.backend.model(&device);
            Ok((device, model))
        });
        let title = adapter.name.as_ref().unwrap_or(&name);
        let answer = opened
            .map_err(|why| NoDevice {
                what: format!("{title} does not work: {why}"),
                hint: self.backend.missing().install.into(),
            })
            .map(|(device, model)| SelectedDevice {
                device,
                name: name.clone(),
                model: adapter.name.clone().or(model),
                remark: None,
            });
        if answer.is_ok() {
            gpu_is_in_use();
        }
        tried.push((name, answer.clone()));
        answer
    }
}

/// The number of this process among those on this machine, which divide its GPUs.
static PROCESS: AtomicUsize = AtomicUsize::new(0);

/// Says which of the processes on this machine this one is, from 0: of GPUs that are equally good, each takes another one.
pub fn be_process(number: usize) {
    PROCESS.store(number, Ordering::Relaxed);
}

fn process() -> usize {
    PROCESS.load(Ordering::Relaxed)
}

/// Returns the numbers of the adapters in the order in which a process of this number takes them: the best first, and among
/// equally good ones its own.
fn by_preference(adapters: &[Adapter], process: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..adapters.len()).collect();
    order.sort_by_key(|&index| adapters[index].kind);
    for equals in order.chunk_by_mut(|&a, &b| adapters[a].kind == adapters[b].kind) {
        equals.rotate_left(process % equals.len());
    }
    order
}

/// Returns the table of the GPUs that were opened so far, each with the result.
fn tried() -> MutexGuard<'static, Vec<(String, Result<SelectedDevice, NoDevice>)>> {
    static TRIED: Mutex<Vec<(String, Result<SelectedDevice, NoDevice>)>> = Mutex::new(Vec::new());
    TRIED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the GPU that was opened first.
pub fn first_opened() -> Option<SelectedDevice> {
    tried()
        .iter()
        .find_map(|(_, answer)| answer.as_ref().ok().cloned())
}

/// Computes a product and an exponential and reads them back.
///
/// A device starts, compiles and answers at the first operation only, and CUDA looks for its library of functions at
/// the first exponential.
fn try_out(device: &Device) -> Result<(), String> {
    let ones = Tensor::<2>::ones([2, 2], device);
    let sum: f32 = (ones.clone().matmul(ones).exp().log() + 1.0)
        .sum()
        .into_scalar();
    if (sum - 12.0).abs() > 0.01 {
        return Err(format!("4 (2 + 1) is {sum} there"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::backend::Missing;
    use super::super::backends::processor;
    use super::*;

    #[test]
    fn the_processes_of_a_machine_take_a_gpu_each() {
        let kinds = [
            AdapterKind::Software,
            AdapterKind::DiscreteGpu,
            AdapterKind::IntegratedGpu,
            AdapterKind::DiscreteGpu,
        ];
        let adapters = kinds.map(|kind| Adapter {
            kind,
            ..Adapter::processor()
        });
        assert_eq!(by_preference(&adapters, 0), [1, 3, 2, 0]);
        assert_eq!(by_preference(&adapters, 1), [3, 1, 2, 0]);
        assert_eq!(by_preference(&adapters, 2), [1, 3, 2, 0]);
    }

    /// A machine with three adapters; the processor is behind those that work.
    struct Machine {
        adapters: fn() -> Vec<Adapter>,
        broken: Option<usize>,
        panics: bool,
    }

    impl Backend for Machine {
        fn adapters(&self) -> Vec<Adapter> {
            (self.adapters)()
        }

        fn open(&self, index: usize) -> Result<Device, String> {
            assert!(!self.panics, "no driver");
            if self.broken == Some(index) {
                return Err("no memory".into());
            }
            let (_, backend) = processor().ok_or("nothing is built in")?;
            backend.open(0)
        }

        fn missing(&self) -> Missing {
            Missing {
                what: "none",
                install: "install one",
            }
        }
    }

    fn adapter(name: &str, kind: AdapterKind) -> Adapter {
        Adapter {
            name: Some(name.to_owned()),
            kind,
            driver: String::new(),
        }
    }

    fn three() -> Vec<Adapter> {
        vec![
            adapter("small", AdapterKind::IntegratedGpu),
            adapter("soft", AdapterKind::Software),
            adapter("large", AdapterKind::DiscreteGpu),
        ]
    }

    const WORKS: Machine = Machine {
        adapters: three,
        broken: None,
        panics: false,
    };

    fn gpus<'a>(name: &'a str, backend: &'a dyn Backend) -> Gpus<'a> {
        Gpus { name, backend }
    }

    fn name(selected: Result<SelectedDevice, NoDevice>) -> String {
        selected.map_or_else(|fault| fault.what, |selected| selected.name)
    }

    #[test]
    fn the_best_is_taken_unless_another_is_named() {
        let gpus = gpus("a", &WORKS);
        assert_eq!(name(gpus.select(None)), "a:2");
        assert_eq!(name(gpus.select(Some(1))), "a:1");
        assert_eq!(
            name(gpus.select(Some(3))),
            "there is no number 3; this machine has a:0, a:1, a:2"
        );
        let real = gpus.select_real().unwrap().unwrap();
        assert_eq!(real.title(), "a:2 (large)");
        let soft = (
            "a:1".to_owned(),
            "soft; software, on the processor".to_owned(),
        );
        assert_eq!(gpus.describe()[1], soft);
    }

    #[test]
    fn where_the_best_does_not_work_the_next_is_taken_but_no_software() {
        let machine = Machine {
            broken: Some(2),
            ..WORKS
        };
        let real = gpus("b", &machine).select_real().unwrap().unwrap();
        assert_eq!(real.name, "b:0");
        assert_eq!(
            name(gpus("b", &machine).select(None)),
            "large does not work: no memory"
        );
        let machine = Machine {
            panics: true,
            ..WORKS
        };
        let fault = gpus("c", &machine).select_real().unwrap_err();
        assert_eq!(fault.what, "large does not work: no driver");
        let machine = Machine {
            adapters: || vec![adapter("soft", AdapterKind::Software)],
            ..WORKS
        };
        let gpus = gpus("d", &machine);
        assert!(matches!(gpus.select_real(), Ok(None)) && gpus.has_any());
    }

    #[test]
    fn without_an_adapter_it_says_what_to_install() {
        let machine = Machine {
            adapters: Vec::new,
            ..WORKS
        };
        let fault = gpus("e", &machine).select(None).unwrap_err();
        assert_eq!(
            (fault.what.as_str(), fault.hint.as_str()),
            ("none", "install one")
        );
        assert_eq!(
            gpus("e", &machine).describe(),
            [("e".to_owned(), "none: none".to_owned())]
        );
        let machine = Machine {
            adapters: || panic!("broken"),
            ..WORKS
        };
        assert_eq!(
            name(gpus("f", &machine).select(None)),
            "the driver fails: broken"
        );
    }
}
