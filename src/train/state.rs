//! `state.safetensors`: all that a run needs to go on exactly where it stood.

use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files;
use crate::model::{FORMAT_VERSION, NamedTensor, Vae, export, import, pack, unpack};
use crate::optimizer::OptimizerState;

use super::{GradientNorms, LossSums};

/// What is saved beside the tensors. Noise, order and drawn pixels are functions of the seed and the step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateCard {
    pub format_version: u32,
    /// The effective config, as TOML.
    pub config: String,
    pub data_hash: String,
    /// Steps done since the start.
    pub step: u64,
    /// Of the epoch that runs.
    pub sums: LossSums,
    /// Of the epoch that runs. A state of an older program has none.
    #[serde(default)]
    pub gradient_norms: GradientNorms,
    /// Seconds of training in the epoch that runs, without evaluation and images.
    pub seconds: f64,
    /// The best validation score so far: of [`crate::run::Record::score`], nats.
    pub best: Option<f64>,
    /// Length of `metrics.jsonl` in bytes; what lies beyond was written after this state.
    pub metrics_length: u64,
}

impl StateCard {
    pub fn start(config: String, data_hash: String) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            config,
            data_hash,
            step: 0,
            sums: LossSums::default(),
            gradient_norms: GradientNorms::default(),
            seconds: 0.0,
            best: None,
            metrics_length: 0,
        }
    }
}

/// A state away from any device.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedState {
    pub card: StateCard,
    tensors: Vec<NamedTensor>,
}

impl SavedState {
    pub fn new(card: StateCard, vae: &Vae, updater: &OptimizerState) -> Self {
        let mut tensors = export(vae);
        let names: Vec<String> = tensors.iter().map(|tensor| tensor.name.clone()).collect();
        for (name, slots) in names.iter().zip(updater.slots()) {
            for (slot, values) in updater.slot_names().iter().zip(slots) {
                let values: Vec<f32> = values.clone().into_data().iter().collect();
                // Flat, in the order of the device: for a matrix that is [in, out], where the weight beside it is [out, in].
                tensors.push(NamedTensor {
                    name: slot_name(slot, name),
                    shape: vec![values.len()],
                    values,
                });
            }
        }
        Self { card, tensors }
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        self.tensors
            .iter()
            .all(|tensor| tensor.values.iter().all(|value| value.is_finite()))
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        files::write(path, &pack(&self.card, &self.tensors)?)
    }

    pub fn read(path: &Path) -> Result<Self> {
        let (card, tensors) = unpack(path, &files::read(path)?)?;
        Ok(Self { card, tensors })
    }

    /// The model and the optimiser's memory put back.
    ///
    /// # Errors
    /// Where the tensors are not those that the model and the optimiser have.
    pub fn restore(&self, vae: Vae, updater: &mut OptimizerState) -> Result<Vae> {
        let device = vae.device().inner();
        let mut slots = Vec::new();
        for tensor in export(&vae) {
            let mut of_parameter = Vec::new();
            for slot in updater.slot_names() {
                let name = slot_name(slot, &tensor.name);
                let Some(saved) = self.tensors.iter().find(|saved| saved.name == name) else {
                    return Err(Error::request(format!("the saved state has no `{name}`")));
                };
                if saved.values.len() != tensor.values.len() {
                    return Err(Error::request(format!(
                        "the saved state's `{name}` has another size"
                    )));
                }
                let data = TensorData::new(saved.values.clone(), [saved.values.len()]);
                of_parameter.push(Tensor::from_data(data, &device));
            }
            slots.push(of_parameter);
        }
        updater.restore(slots);
        import(vae, &self.tensors)
    }
}

fn slot_name(slot: &str, parameter: &str) -> String {
    format!("optimizer.{slot}.{parameter}")
}
