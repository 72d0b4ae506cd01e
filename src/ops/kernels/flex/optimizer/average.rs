//! A step of a moving average in one pass, in place.

use burn::tensor::{Device, Tensor};

use super::pass::update;

/// The fast form of [`crate::ops::move_towards`].
pub fn move_towards(average: &mut Tensor<1>, value: &Tensor<1>, share: f64) {
    let share = share as f32;
    // The tensor is taken, not cloned, because a tensor without other owners is changed in place.
    let taken = std::mem::replace(average, Tensor::empty([0], &Device::flex()));
    *average = update(
        taken,
        value.clone(),
        [],
        #[inline(always)]
        |average, value, []| {
            for (average, value) in average.iter_mut().zip(value) {
                *average += (value - *average) * share;
            }
        },
    );
}
