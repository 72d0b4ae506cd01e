//! The trait of the backends.

use burn::tensor::Device;

use super::adapter::Adapter;

/// A backend of burn that is built in.
pub trait Backend: Sync {
    /// Returns the devices of this machine, in the order of their numbers, and opens none of them.
    fn adapters(&self) -> Vec<Adapter>;

    /// Opens the device of number `index`, or returns why that is impossible. It is called once for each device.
    fn open(&self, index: usize) -> Result<Device, String>;

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

/// The message for a machine without adapters: what it lacks, and what to install.
#[derive(Clone, Copy, Debug)]
pub struct Missing {
    pub what: &'static str,
    pub install: &'static str,
}
