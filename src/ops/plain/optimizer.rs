//! The plain definitions of the optimizers' steps.

use burn::tensor::Tensor;

use crate::ops::optimizer::{
    AdamParameter, AdamStep, NEGLIGIBLE_MEAN, NEGLIGIBLE_SQUARE, RmsPropMoments, RmsPropStep,
    SgdStep, WeightDecay,
};

pub fn adam(parameters: Vec<AdamParameter<'_>>, step: AdamStep) -> Vec<Tensor<1>> {
    let parameters = parameters.into_iter();
    parameters.map(|one| adam_on_one(one, step)).collect()
}

fn adam_on_one(parameter: AdamParameter<'_>, step: AdamStep) -> Tensor<1> {
    let AdamParameter {
        weight,
        gradient,
        mean,
        square,
    } = parameter;
    if step.flush {
        let tiny = mean.clone().abs().lower_elem(NEGLIGIBLE_MEAN);
        let both = tiny
            .clone()
            .bool_and(square.clone().lower_elem(NEGLIGIBLE_SQUARE));
        (*mean, *square) = (
            mean.clone().mask_fill(tiny, 0.0),
            square.clone().mask_fill(both, 0.0),
        );
    }
    let (weight, gradient) = decayed(weight, gradient, step.decay);
    *mean = running(mean, gradient.clone(), step.beta1);
    *square = running(square, gradient.square(), step.beta2);
    let root = square.clone().sqrt() * step.unbias + step.epsilon;
    weight - mean.clone() / root * step.rate
}

pub fn rmsprop(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    moments: RmsPropMoments,
    step: RmsPropStep,
) -> Tensor<1> {
    let RmsPropMoments {
        square,
        mut mean,
        mut velocity,
    } = moments;
    if step.flush {
        flush(square, NEGLIGIBLE_SQUARE);
        for moment in [&mut mean, &mut velocity].into_iter().flatten() {
            flush(moment, NEGLIGIBLE_MEAN);
        }
    }
    *square = running(square, gradient.clone().square(), step.alpha);
    let variance = match mean {
        Some(mean) => {
            *mean = running(mean, gradient.clone(), step.alpha);
            // Rounding can make a variance of zero negative.
            (square.clone() - mean.clone().square()).clamp_min(0.0)
        }
        None => square.clone(),
    };
    let direction = gradient / (variance.sqrt() + step.epsilon);
    match velocity {
        Some(velocity) => {
            *velocity = velocity.clone() * step.momentum + direction;
            weight - velocity.clone() * step.learning_rate
        }
        None => weight - direction * step.learning_rate,
    }
}

pub fn sgd(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    velocity: Option<&mut Tensor<1>>,
    step: SgdStep,
) -> Tensor<1> {
    let (weight, gradient) = decayed(weight, gradient, step.decay);
    let Some(velocity) = velocity else {
        return weight - gradient * step.learning_rate;
    };
    if step.flush {
        flush(velocity, NEGLIGIBLE_MEAN);
    }
    *velocity = velocity.clone() * step.momentum + gradient.clone();
    let direction = if step.nesterov {
        gradient + velocity.clone() * step.momentum
    } else {
        velocity.clone()
    };
    weight - direction * step.learning_rate
}

pub fn accumulate(sum: Tensor<1>, term: Tensor<1>) -> Tensor<1> {
    sum + term
}

pub fn move_towards(average: &mut Tensor<1>, value: &Tensor<1>, share: f64) {
    *average = average.clone() + (value.clone() - average.clone()) * share;
}

/// Returns `keep * old + (1 - keep) * new`.
fn running(old: &Tensor<1>, new: Tensor<1>, keep: f64) -> Tensor<1> {
    old.clone() * keep + new * (1.0 - keep)
}

/// Sets numbers to 0 that are nearer to 0 than `limit`.
fn flush(values: &mut Tensor<1>, limit: f32) {
    let tiny = values.clone().abs().lower_elem(limit);
    *values = values.clone().mask_fill(tiny, 0.0);
}

/// Returns the weight and the gradient with the decay of the weight. Nothing is computed for a decay of zero.
fn decayed(weight: Tensor<1>, gradient: Tensor<1>, decay: WeightDecay) -> (Tensor<1>, Tensor<1>) {
    let gradient = if decay.penalty > 0.0 {
        gradient + weight.clone() * decay.penalty
    } else {
        gradient
    };
    let weight = if decay.keep == 1.0 {
        weight
    } else {
        weight * decay.keep
    };
    (weight, gradient)
}
