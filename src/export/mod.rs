//! Runs as files for other programs: ONNX, Hugging Face, TensorBoard's events and its Embedding Projector, and tables. A model is
//! written from the graphs of its network, so a format knows elementary operations, and no layers.

mod exported_model;
pub mod huggingface;
mod measured_elbo;
pub mod metrics_csv;
mod older_records;
pub mod onnx;
pub mod projector;
mod scalars;
pub mod tensorboard;

pub use exported_model::ExportedModel;
pub use measured_elbo::MeasuredElbo;
pub use older_records::{complete, steps_per_epoch};
