//! Training: the loop, the optimiser, the state that is saved.

mod guard;
mod job;
mod state;
mod step;
mod trainer;

pub use job::Job;
pub use state::{SavedState, StateCard};
pub use step::{GradientNorms, LossSums, train_step};
pub use trainer::{Flow, Observer, Progress, Trainer};
