//! The processor, through burn-flex and the kernels of this program.

use burn::tensor::Device;

use super::adapter::Adapter;
use super::backend::{Backend, KernelInstructions};
use super::instructions::instructions;
use crate::error::Result;

pub struct Cpu;

impl Backend for Cpu {
    fn adapters(&self) -> Vec<Adapter> {
        vec![Adapter::processor()]
    }

    fn open(&self, _: usize) -> Result<Device, String> {
        Ok(Device::flex())
    }

    fn instructions(&self) -> Result<Option<KernelInstructions>> {
        instructions().map(Some)
    }
}
