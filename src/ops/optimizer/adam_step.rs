//! The constants of one step of Adam, and what it changes.

use burn::tensor::Tensor;

use super::{WeightDecay, is_flushing_step};

/// The constants of one step of Adam (Kingma, Ba 2015, algorithm 1).
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// learning rate / (1 - beta1^t).
    pub rate: f64,
    /// 1 / sqrt(1 - beta2^t).
    pub unbias: f64,
    pub decay: WeightDecay,
    /// Whether moments far below epsilon are set to 0 first.
    pub flush: bool,
}

impl AdamStep {
    /// Returns the constants of step `step`, which counts from 1, without weight decay.
    pub fn new([beta1, beta2, epsilon]: [f64; 3], step: u64, learning_rate: f64) -> Self {
        let flush = is_flushing_step(step);
        let step = step as f64;
        let unbias = (1.0 - beta2.powf(step)).sqrt().recip();
        Self {
            beta1,
            beta2,
            epsilon,
            rate: learning_rate / (1.0 - beta1.powf(step)),
            unbias,
            decay: WeightDecay::NONE,
            flush,
        }
    }
}

/// A parameter with its gradient and its state.
///
/// # Shapes
/// All: `[n]`, without autodiff.
#[derive(Debug)]
pub struct AdamParameter<'a> {
    pub weight: Tensor<1>,
    pub gradient: Tensor<1>,
    /// The running mean of the gradient.
    pub mean: &'a mut Tensor<1>,
    /// The running mean of its square.
    pub square: &'a mut Tensor<1>,
}
