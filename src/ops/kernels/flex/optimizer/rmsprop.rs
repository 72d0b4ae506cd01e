//! A step of RMSprop in one pass over the weights, the gradients and the moments.

use burn::tensor::Tensor;

use super::pass::{flush, update};
use crate::ops::optimizer::{NEGLIGIBLE_MEAN, NEGLIGIBLE_SQUARE, RmsPropMoments, RmsPropStep};

/// The fast form of [`crate::ops::rmsprop`].
pub fn rmsprop(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    moments: RmsPropMoments,
    step: RmsPropStep,
) -> Tensor<1> {
    let RmsPropMoments {
        square,
        mean,
        velocity,
    } = moments;
    let step = RmsPropNumbers::from(step);
    match (mean, velocity) {
        (None, None) => update(
            weight,
            gradient,
            [square],
            #[inline(always)]
            |w, g, [v]| {
                step.flush(v, []);
                for ((w, &g), v) in w.iter_mut().zip(g).zip(v) {
                    *w -= step.direction(g, v) * step.rate;
                }
            },
        ),
        (Some(mean), None) => update(
            weight,
            gradient,
            [square, mean],
            #[inline(always)]
            |w, g, [v, m]| {
                step.flush(v, [m]);
                for (((w, &g), v), m) in w.iter_mut().zip(g).zip(v).zip(m) {
                    *w -= step.centred_direction(g, v, m) * step.rate;
                }
            },
        ),
        (None, Some(velocity)) => update(
            weight,
            gradient,
            [square, velocity],
            #[inline(always)]
            |w, g, [v, u]| {
                step.flush(v, [u]);
                for (((w, &g), v), u) in w.iter_mut().zip(g).zip(v).zip(u) {
                    *u = *u * step.momentum + step.direction(g, v);
                    *w -= *u * step.rate;
                }
            },
        ),
        (Some(mean), Some(velocity)) => update(
            weight,
            gradient,
            [square, mean, velocity],
            #[inline(always)]
            |w, g, [v, m, u]| {
                step.flush(v, [m, u]);
                for ((((w, &g), v), m), u) in w.iter_mut().zip(g).zip(v).zip(m).zip(u) {
                    *u = *u * step.momentum + step.centred_direction(g, v, m);
                    *w -= *u * step.rate;
                }
            },
        ),
    }
}

/// The constants of [`RmsPropStep`] in the precision of the weights.
#[derive(Clone, Copy)]
struct RmsPropNumbers {
    alpha: f32,
    gain: f32,
    epsilon: f32,
    momentum: f32,
    rate: f32,
    flush: bool,
}

impl From<RmsPropStep> for RmsPropNumbers {
    fn from(step: RmsPropStep) -> Self {
        Self {
            alpha: step.alpha as f32,
            gain: (1.0 - step.alpha) as f32,
            epsilon: step.epsilon as f32,
            momentum: step.momentum as f32,
            rate: step.learning_rate as f32,
            flush: step.flush,
        }
    }
}

impl RmsPropNumbers {
    /// Returns the gradient over its root mean square, and moves the mean square `v`.
    #[inline(always)]
    fn direction(self, g: f32, v: &mut f32) -> f32 {
        *v = *v * self.alpha + g * g * self.gain;
        g / (v.sqrt() + self.epsilon)
    }

    /// Returns the gradient over its standard deviation, and moves the mean square `v` and the mean `m`.
    #[inline(always)]
    fn centred_direction(self, g: f32, v: &mut f32, m: &mut f32) -> f32 {
        *v = *v * self.alpha + g * g * self.gain;
        *m = *m * self.alpha + g * self.gain;
        let variance = *v - *m * *m;
        // Rounding can make a variance of zero negative. NaN passes.
        let variance = if variance < 0.0 { 0.0 } else { variance };
        g / (variance.sqrt() + self.epsilon)
    }

    /// Sets negligible mean squares and `others` to 0.
    #[inline(always)]
    fn flush<const N: usize>(self, squares: &mut [f32], others: [&mut [f32]; N]) {
        if self.flush {
            flush(squares, NEGLIGIBLE_SQUARE);
            for values in others {
                flush(values, NEGLIGIBLE_MEAN);
            }
        }
    }
}
