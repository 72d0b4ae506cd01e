//! A step of gradient descent in one pass over the weights, the gradients and the velocity, if there is one.

use burn::tensor::Tensor;

use super::pass::{Decay, flush, update};
use crate::ops::optimizer::{NEGLIGIBLE_MEAN, SgdStep};

/// The fast form of [`crate::ops::sgd`].
pub fn sgd(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    velocity: Option<&mut Tensor<1>>,
    step: SgdStep,
) -> Tensor<1> {
    let decay = Decay::from(step.decay);
    let (momentum, rate) = (step.momentum as f32, step.learning_rate as f32);
    let Some(velocity) = velocity else {
        return update(
            weight,
            gradient,
            [],
            #[inline(always)]
            |w, g, []| {
                for (w, &g) in w.iter_mut().zip(g) {
                    let (weight, g) = decay.apply(*w, g);
                    *w = weight - g * rate;
                }
            },
        );
    };
    update(
        weight,
        gradient,
        [velocity],
        #[inline(always)]
        |w, g, [u]| {
            if step.flush {
                flush(u, NEGLIGIBLE_MEAN);
            }
            for ((w, &g), u) in w.iter_mut().zip(g).zip(u) {
                let (weight, g) = decay.apply(*w, g);
                let velocity = *u * momentum + g;
                let direction = if step.nesterov {
                    g + velocity * momentum
                } else {
                    velocity
                };
                *w = weight - direction * rate;
                *u = velocity;
            }
        },
    )
}
