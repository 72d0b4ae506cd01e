//! The steps of the optimizers on one parameter, and the moving average of its values.

mod adam_step;
mod flushing;
mod rmsprop_step;
mod sgd_step;
mod weight_decay;

use burn::tensor::Tensor;

#[cfg(feature = "cpu")]
use super::kernels::flex;
use super::plain;
pub use adam_step::{AdamParameter, AdamStep};
pub use flushing::{NEGLIGIBLE_MEAN, NEGLIGIBLE_SQUARE, is_flushing_step};
pub use rmsprop_step::{RmsPropMoments, RmsPropStep};
pub use sgd_step::SgdStep;
pub use weight_decay::WeightDecay;

/// Takes one step of Adam (Kingma, Ba 2015, algorithm 1): returns the new weights and replaces the moments.
pub fn adam(parameters: Vec<AdamParameter<'_>>, step: AdamStep) -> Vec<Tensor<1>> {
    #[cfg(feature = "cpu")]
    if parameters
        .first()
        .is_some_and(|first| flex::uses_kernels(&first.weight))
    {
        return flex::adam(parameters, step);
    }
    plain::adam(parameters, step)
}

/// Takes one step of RMSprop on one parameter (Tieleman, Hinton 2012, lecture 6.5): returns the new weight and replaces
/// the moments.
///
/// # Shapes
/// `weight`, `gradient` and each moment: `[n]`, without autodiff.
pub fn rmsprop(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    moments: RmsPropMoments,
    step: RmsPropStep,
) -> Tensor<1> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&weight) {
        return flex::rmsprop(weight, gradient, moments, step);
    }
    plain::rmsprop(weight, gradient, moments, step)
}

/// Takes one step of gradient descent on one parameter, with momentum if there is a velocity: returns the new weight
/// and replaces the velocity.
///
/// # Shapes
/// `weight`, `gradient` and `velocity`: `[n]`, without autodiff.
pub fn sgd(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    velocity: Option<&mut Tensor<1>>,
    step: SgdStep,
) -> Tensor<1> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&weight) {
        return flex::sgd(weight, gradient, velocity, step);
    }
    plain::sgd(weight, gradient, velocity, step)
}

/// Returns the sum of two gradients.
///
/// # Shapes
/// Both and the result: `[n]`, without autodiff.
pub fn accumulate(sum: Tensor<1>, term: Tensor<1>) -> Tensor<1> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&sum) {
        return flex::accumulate(sum, term);
    }
    plain::accumulate(sum, term)
}

/// Moves a moving average towards a value: average + share * (value - average).
///
/// # Shapes
/// `average` and `value`: `[n]`, without autodiff.
pub fn move_towards(average: &mut Tensor<1>, value: &Tensor<1>, share: f64) {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(value) {
        return flex::move_towards(average, value, share);
    }
    plain::move_towards(average, value, share);
}
