//! The constants of one step of RMSprop, and what it keeps.

use burn::tensor::Tensor;

use super::is_flushing_step;

/// The constants of one step of RMSprop (Tieleman, Hinton 2012, lecture 6.5).
#[derive(Clone, Copy, Debug)]
pub struct RmsPropStep {
    /// The fraction of the running means that is kept.
    pub alpha: f64,
    /// The constant added to the root.
    pub epsilon: f64,
    /// The fraction of the velocity that is kept, if there is one.
    pub momentum: f64,
    pub learning_rate: f64,
    /// Whether running means far below epsilon are set to 0 first.
    pub flush: bool,
}

impl RmsPropStep {
    /// Returns the constants of step `step`, which counts from 1.
    pub fn new([alpha, epsilon, momentum]: [f64; 3], step: u64, learning_rate: f64) -> Self {
        Self {
            alpha,
            epsilon,
            momentum,
            learning_rate,
            flush: is_flushing_step(step),
        }
    }
}

/// The state of RMSprop for one parameter.
///
/// # Shapes
/// All: `[n]`.
#[derive(Debug)]
pub struct RmsPropMoments<'a> {
    /// The running mean of the gradient's square.
    pub square: &'a mut Tensor<1>,
    /// The running mean of the gradient. With it the gradient is divided by its standard deviation (Graves 2013).
    pub mean: Option<&'a mut Tensor<1>>,
    /// The sum of earlier steps, with momentum.
    pub velocity: Option<&'a mut Tensor<1>>,
}
