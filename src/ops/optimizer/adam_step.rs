//! The constants of one step of Adam.

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
