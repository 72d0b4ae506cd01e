//! The decay of weights.

/// The decay of the weights in one step of an optimizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightDecay {
    /// The number that multiplies the weight before the step.
    pub keep: f64,
    /// The weight of an L2 penalty: `penalty * weight` is added to the gradient.
    pub penalty: f64,
}

impl WeightDecay {
    pub const NONE: Self = Self {
        keep: 1.0,
        penalty: 0.0,
    };

    /// Returns the decay by an L2 penalty, which passes through the moments of the gradient.
    pub fn penalty(weight_decay: f64) -> Self {
        Self {
            penalty: weight_decay,
            ..Self::NONE
        }
    }

    /// Returns the decay that is decoupled from the gradient (Loshchilov, Hutter 2019, algorithm 2).
    pub fn decoupled(weight_decay: f64, learning_rate: f64) -> Self {
        Self {
            keep: 1.0 - learning_rate * weight_decay,
            ..Self::NONE
        }
    }
}
