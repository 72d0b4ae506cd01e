//! The processor, through burn-ndarray.

use burn::tensor::Device;

use super::adapter::Adapter;
use super::backend::Backend;

pub struct Ndarray;

impl Backend for Ndarray {
    fn adapters(&self) -> Vec<Adapter> {
        vec![Adapter::processor()]
    }

    fn open(&self, _: usize) -> Result<Device, String> {
        #[expect(
            deprecated,
            reason = "burn deprecates this backend for burn-flex, which it is compared with here"
        )]
        let device = Device::ndarray();
        Ok(device)
    }
}
