//! NVIDIA's GPUs, in the driver's order.

use burn::tensor::{Device, DeviceType};

use super::gpu::{Adapter, Gpu, Kind};

pub const GPU: Gpu = Gpu {
    adapters,
    open,
    missing: [MISSING, INSTALL],
};

const MISSING: &str = "this machine has no NVIDIA GPU, or its driver is not installed";
const INSTALL: &str = "install NVIDIA's driver, until `nvidia-smi` lists the GPU, and the CUDA toolkit (burn looks for its \
     nvvm/libdevice/libdevice.10.bc in $CUDA_PATH and /usr/local/cuda)";

fn adapters() -> Vec<Adapter> {
    // burn asks whether there is a driver before it asks the driver.
    let devices = Device::enumerate(DeviceType::Cuda).into_iter();
    devices
        .map(|_| Adapter {
            name: None,
            kind: Kind::Other,
            driver: String::new(),
        })
        .collect()
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "other backends can say here why a device cannot be opened"
)]
fn open(index: usize) -> Result<Device, String> {
    Ok(Device::cuda(index))
}
