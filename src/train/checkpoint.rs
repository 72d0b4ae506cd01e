//! `state.safetensors`: everything that a run needs to continue exactly where it stopped.

use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::{Progress, TrainState};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::files;
use crate::model::{FORMAT_VERSION, NamedTensor, export, import, pack, unpack};
use crate::run::RunFolder;

/// The state of a training in host memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    pub config: Config,
    pub data_hash: String,
    pub progress: Progress,
    tensors: Vec<NamedTensor>,
}

/// The file's metadata.
#[derive(Serialize, Deserialize)]
struct CheckpointMetadata {
    format_version: u32,
    /// The effective config, as TOML.
    config: String,
    data_hash: String,
    #[serde(flatten)]
    progress: Progress,
}

impl Checkpoint {
    /// Copies `state` from its device. If several processes divide the optimizer's slots, all of them have to call it.
    pub fn new(config: &Config, data_hash: &str, state: &TrainState) -> Self {
        let mut tensors = export(&state.vae);
        let names: Vec<String> = tensors.iter().map(|tensor| tensor.name.clone()).collect();
        for (name, slots) in names.iter().zip(state.optimizer.whole_slots()) {
            for (slot, values) in state.optimizer.slot_names().iter().zip(slots) {
                let values: Vec<f32> = values.clone().into_data().iter().collect();
                // The slots are flat and in the device's order, [in, out] for a matrix, although the weight is saved as
                // [out, in].
                tensors.push(NamedTensor {
                    name: slot_name(slot, name),
                    shape: vec![values.len()],
                    values,
                });
            }
        }
        Self {
            config: config.clone(),
            data_hash: data_hash.to_owned(),
            progress: state.progress.clone(),
            tensors,
        }
    }

    /// Returns whether every number is finite.
    pub fn is_finite(&self) -> bool {
        self.tensors.iter().all(NamedTensor::is_finite)
    }

    /// Writes the file to `path`.
    pub fn write(&self, path: &Path) -> Result<()> {
        let metadata = CheckpointMetadata {
            format_version: FORMAT_VERSION,
            config: self.config.to_toml()?,
            data_hash: self.data_hash.clone(),
            progress: self.progress.clone(),
        };
        RunFolder::of_file(path).write(path, &pack(&metadata, &self.tensors)?)
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// Returns an error if the file is missing or damaged, was not written by `vae train`, or has another version of
    /// the format, and with exit code 1 if a number is not finite: no state is saved with such numbers.
    pub fn read(path: &Path) -> Result<Self> {
        let checkpoint = Self::parse(path, &files::read(path)?)?;
        match checkpoint.tensors.iter().find(|tensor| !tensor.is_finite()) {
            None => Ok(checkpoint),
            Some(broken) => {
                let what = format!("{}: its {} is not finite", path.display(), broken.name);
                Err(Error::failed(what).with_hint(
                    "the file was damaged after it was saved: copy it again, or train a new run",
                ))
            }
        }
    }

    /// Reads a file from its bytes; `path` is only used in messages.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let (metadata, tensors) = unpack::<CheckpointMetadata>(path, bytes)?;
        Ok(Self {
            config: Config::parse(&metadata.config, path)?,
            data_hash: metadata.data_hash,
            progress: metadata.progress,
            tensors,
        })
    }

    /// Returns `state` with its weights, its optimizer's slots and its progress replaced by the saved ones.
    ///
    /// # Errors
    /// Returns an error if the saved tensors do not fit the model and the optimizer.
    pub fn restore(&self, mut state: TrainState) -> Result<TrainState> {
        let device = state.vae.device().inner();
        let mut slots = Vec::new();
        for tensor in export(&state.vae) {
            let mut slots_of_parameter = Vec::new();
            for slot in state.optimizer.slot_names() {
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
                slots_of_parameter.push(Tensor::from_data(data, &device));
            }
            slots.push(slots_of_parameter);
        }
        state.optimizer.restore(slots);
        Ok(TrainState {
            vae: import(state.vae, &self.tensors)?,
            optimizer: state.optimizer,
            progress: self.progress.clone(),
        })
    }
}

fn slot_name(slot: &str, parameter: &str) -> String {
    format!("optimizer.{slot}.{parameter}")
}
