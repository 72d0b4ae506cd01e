//! The device that a command runs on.

use burn::tensor::Device;

/// A selected device, and what to call it in a report.
#[derive(Clone, Debug)]
pub struct SelectedDevice {
    pub device: Device,
    /// The name that `--device` takes, with `auto` resolved and with the number of a GPU.
    pub name: String,
    /// The name that a GPU gives itself.
    pub model: Option<String>,
    /// The reason why `auto` took no GPU, if it could have taken one.
    pub remark: Option<String>,
}

impl SelectedDevice {
    /// Returns the name for people: with the model if it is known.
    pub fn title(&self) -> String {
        self.model.as_ref().map_or_else(
            || self.name.clone(),
            |model| format!("{} ({model})", self.name),
        )
    }
}
