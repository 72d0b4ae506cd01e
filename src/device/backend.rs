//! The trait of the backends.

use burn::tensor::Device;

use super::adapter::Adapter;
use crate::error::Result;

/// A backend of burn that is built in.
pub trait Backend: Sync {
    /// Returns the devices of this machine, in the order of their numbers, and opens none of them.
    fn adapters(&self) -> Vec<Adapter>;

    /// Opens the device of number `index`, or returns why that is impossible. It is called once for each device.
    fn open(&self, index: usize) -> Result<Device, String>;

    /// Returns the vector instructions of the backend's kernels, or `None` if they are not this program's.
    ///
    /// # Errors
    /// Returns an error if the environment asks for instructions that cannot be used.
    fn instructions(&self) -> Result<Option<KernelInstructions>> {
        Ok(None)
    }

    /// Returns the name that an open device gives itself.
    fn model(&self, _: &Device) -> Option<String> {
        None
    }

    /// Returns the message for a machine without adapters. Every machine has a processor.
    fn missing(&self) -> Missing {
        Missing {
            what: "this machine has no processor",
            install: "",
        }
    }
}

/// The vector instructions of the kernels.
#[derive(Clone, Debug)]
pub struct KernelInstructions {
    /// The name of the instruction set that the kernels use, or `plain` if burn's own operations run instead.
    pub used: &'static str,
    /// The name of the widest one that the processor has.
    pub widest: &'static str,
    /// A clause that says why that set is used.
    pub reason: String,
}

impl KernelInstructions {
    /// Returns what the kernels' results depend on, up to rounding: all vector instructions give the same bytes.
    pub fn rounding(&self) -> &'static str {
        match self.used {
            "scalar" | "plain" => self.used,
            _ => "vector instructions",
        }
    }
}

/// The message for a machine without adapters: what it lacks, and what to install.
#[derive(Clone, Copy, Debug)]
pub struct Missing {
    pub what: &'static str,
    pub install: &'static str,
}
