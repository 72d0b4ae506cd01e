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
                    let (direction, square) = step.direction(g, *v);
                    *w -= direction * step.rate;
                    *v = square;
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
                    let (direction, [square, mean]) = step.centred_direction(g, *v, *m);
                    *w -= direction * step.rate;
                    (*v, *m) = (square, mean);
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
                    let (direction, square) = step.direction(g, *v);
                    let velocity = *u * step.momentum + direction;
                    *w -= velocity * step.rate;
                    (*v, *u) = (square, velocity);
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
                    let (direction, [square, mean]) = step.centred_direction(g, *v, *m);
                    let velocity = *u * step.momentum + direction;
                    *w -= velocity * step.rate;
                    (*v, *m, *u) = (square, mean, velocity);
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
    /// Returns the gradient over its root mean square, and the mean square after `v`.
    #[inline(always)]
    fn direction(self, g: f32, v: f32) -> (f32, f32) {
        let square = v * self.alpha + g * g * self.gain;
        (g / (square.sqrt() + self.epsilon), square)
    }

    /// Returns the gradient over its standard deviation, and the mean square and the mean after `v` and `m`.
    #[inline(always)]
    fn centred_direction(self, g: f32, v: f32, m: f32) -> (f32, [f32; 2]) {
        let square = v * self.alpha + g * g * self.gain;
        let mean = m * self.alpha + g * self.gain;
        let variance = square - mean * mean;
        // Rounding can make a variance of zero negative. NaN passes.
        let variance = if variance < 0.0 { 0.0 } else { variance };
        (g / (variance.sqrt() + self.epsilon), [square, mean])
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
