//! Training. [`Training`] is the single entry point from a config and a data set to a trained model in a run's folder.
//!
//! Read `training_loop.rs` for the loop and `step.rs` for the computation of a step. Training neither prints nor draws
//! anything; it calls an [`Observer`] instead.

mod checkpoint;
mod chosen_model;
mod ending;
mod guard;
mod initial_model;
mod measure;
mod memory;
mod model_file;
mod observer;
mod progress;
mod resumable;
mod same_weights;
mod skipped;
mod state;
mod step;
mod training;
mod training_loop;
mod unread;

pub use checkpoint::Checkpoint;
pub use chosen_model::chosen_model;
pub use ending::Ending;
pub use memory::MemoryNeed;
pub use model_file::{ModelCard, ModelFile};
pub use observer::{EpochReport, Observer};
pub use progress::{GradientNorms, LossSums, Progress};
pub use resumable::{check_resumable, check_same_architecture, unchangeable};
pub use skipped::SkippedSteps;
pub use state::TrainState;
pub use step::{epoch_order, gradients, loss_sums};
pub use training::Training;
pub use training_loop::TrainedModel;
