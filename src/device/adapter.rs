//! The adapters of a backend: the devices that a machine has, before one is opened.

/// A device that a backend has on this machine.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// The name that the device gives itself; `None` if it has to be opened first.
    pub name: Option<String>,
    pub kind: AdapterKind,
    /// The name and version of the driver; empty if the driver does not report them.
    pub driver: String,
}

/// The kinds of adapters, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterKind {
    DiscreteGpu,
    IntegratedGpu,
    VirtualGpu,
    OtherGpu,
    /// A driver that computes on the processor: llvmpipe, SwiftShader, WARP.
    Software,
    Processor,
}

impl Adapter {
    pub fn processor() -> Self {
        Self {
            name: None,
            kind: AdapterKind::Processor,
            driver: String::new(),
        }
    }
}

impl AdapterKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::DiscreteGpu => "discrete GPU",
            Self::IntegratedGpu => "integrated GPU",
            Self::VirtualGpu => "virtual GPU",
            Self::OtherGpu => "GPU",
            Self::Software => "software, on the processor",
            Self::Processor => "the processor",
        }
    }
}
