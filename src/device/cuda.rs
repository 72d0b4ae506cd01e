//! NVIDIA's GPUs, in the order of the driver.

use burn::tensor::{Device, DeviceType};

use super::adapter::{Adapter, AdapterKind};
use super::backend::{Backend, Missing};

pub struct Cuda;

impl Backend for Cuda {
    fn adapters(&self) -> Vec<Adapter> {
        // burn checks that there is a driver before it asks the driver.
        let devices = Device::enumerate(DeviceType::Cuda).into_iter();
        devices
            .map(|_| Adapter {
                name: None,
                kind: AdapterKind::OtherGpu,
                driver: String::new(),
            })
            .collect()
    }

    fn open(&self, index: usize) -> Result<Device, String> {
        Ok(Device::cuda(index))
    }

    fn model(&self, device: &Device) -> Option<String> {
        device.identity().map(|identity| identity.name)
    }

    fn missing(&self) -> Missing {
        Missing {
            what: "this machine has no NVIDIA GPU, or its driver is not installed",
            install: "install NVIDIA's driver, until `nvidia-smi` lists the GPU, and the CUDA toolkit (burn looks for its \
                      nvvm/libdevice/libdevice.10.bc in $CUDA_PATH and /usr/local/cuda)",
        }
    }
}
