//! Adapters of Vulkan, Metal and DirectX 12. OpenGL, which burn would also take, is left out: asking for it makes Mesa
//! print on stderr, and a GPU that has nothing newer is too old for this.

use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use burn::tensor::wgpu::WgpuBackend as Api;
use burn::tensor::wgpu::wgpu::{
    AdapterInfo, Backend as WgpuApi, DeviceType, Instance, InstanceDescriptor,
};
use burn::tensor::{Device, DeviceKind};

use super::adapter::{Adapter, AdapterKind};
use super::backend::{Backend, Missing};

pub struct Wgpu;

impl Backend for Wgpu {
    fn adapters(&self) -> Vec<Adapter> {
        let found = enumerate().iter().flat_map(|(_, found)| found);
        found
            .map(|info| Adapter {
                name: Some(info.name.clone()),
                kind: match info.device_type {
                    DeviceType::DiscreteGpu => AdapterKind::DiscreteGpu,
                    DeviceType::IntegratedGpu => AdapterKind::IntegratedGpu,
                    DeviceType::VirtualGpu => AdapterKind::VirtualGpu,
                    DeviceType::Other => AdapterKind::OtherGpu,
                    DeviceType::Cpu => AdapterKind::Software,
                },
                driver: format!("{} {} ({})", info.driver, info.driver_info, info.backend)
                    .trim_start()
                    .to_owned(),
            })
            .collect()
    }

    fn open(&self, index: usize) -> Result<Device, String> {
        let gone = || "it is gone".to_owned();
        let (api, found) = enumerate().as_ref().ok_or_else(gone)?;
        let kind = found.get(index).ok_or_else(gone)?.device_type;
        // burn numbers the adapters of each kind separately, and knows one software adapter.
        let rank = found[..index]
            .iter()
            .filter(|info| info.device_type == kind)
            .count();
        let kind = match kind {
            DeviceType::DiscreteGpu => DeviceKind::DiscreteGpu(rank),
            DeviceType::IntegratedGpu => DeviceKind::IntegratedGpu(rank),
            DeviceType::VirtualGpu => DeviceKind::VirtualGpu(rank),
            DeviceType::Cpu if rank == 0 => DeviceKind::Cpu,
            DeviceType::Cpu => return Err("burn opens the first software adapter only".into()),
            DeviceType::Other => {
                // `DeviceKind` has no kind for it.
                let devices = Device::enumerate(burn::tensor::DeviceType::Wgpu);
                return devices.into_iter().nth(index).ok_or_else(gone);
            }
        };
        Device::wgpu_options()
            .device_kind(kind)
            .graphics_api(*api)
            .init()
            .map_err(|error| error.to_string())
    }

    fn model(&self, device: &Device) -> Option<String> {
        device.identity().map(|identity| identity.name)
    }

    fn missing(&self) -> Missing {
        Missing {
            what: "this machine has no adapter for Vulkan, Metal or DirectX 12",
            install: if cfg!(target_os = "linux") {
                "install the graphics card's driver with its Vulkan part and the loader (Debian, Ubuntu: libvulkan1, \
                 mesa-vulkan-drivers, which also has a software adapter)"
            } else {
                "install the graphics card's driver"
            },
        }
    }
}

/// The APIs in burn's order (cubecl-wgpu, `AutoGraphicsApi::chain`), without OpenGL.
const APIS: [(WgpuApi, Api); 3] = [
    (WgpuApi::Vulkan, Api::Vulkan),
    (WgpuApi::Metal, Api::Metal),
    (WgpuApi::Dx12, Api::Dx12),
];

/// Returns the adapters of the first API that has a GPU, or else of the first that has any adapter. The drivers are
/// asked only once, because some print on stderr what they cannot find.
fn enumerate() -> &'static Option<(Api, Vec<AdapterInfo>)> {
    static FOUND: OnceLock<Option<(Api, Vec<AdapterInfo>)>> = OnceLock::new();
    FOUND.get_or_init(ask)
}

fn ask() -> Option<(Api, Vec<AdapterInfo>)> {
    let mut software = None;
    for (backend, api) in APIS {
        if !Instance::enabled_backend_features().contains(backend.into()) {
            continue;
        }
        let only = InstanceDescriptor {
            backends: backend.into(),
            ..InstanceDescriptor::new_without_display_handle()
        };
        let instance = Instance::new(only);
        let found: Vec<_> = ready(instance.enumerate_adapters(backend.into()))
            .iter()
            .map(|a| a.get_info())
            .collect();
        if found.iter().any(|info| info.device_type != DeviceType::Cpu) {
            return Some((api, found));
        }
        software = software.or_else(|| (!found.is_empty()).then_some((api, found)));
    }
    software
}

/// Waits for a future, which outside a browser is ready at once.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return value;
        }
        std::thread::yield_now();
    }
}
