//! Training: the loop, the optimiser, the state that is saved.

mod guard;
mod job;
mod optimizer;
mod state;
mod step;
mod trainer;

pub use job::{Job, Settings};
pub use optimizer::{Adam, AdamW, Optimizer, RmsProp, Rule, Sgd, Updater};
pub use state::{Saved, StateCard};
pub use step::{GradientNorms, Sums, train_step};
pub use trainer::{Flow, Observer, Progress, Trainer};
