//! Tests that the fast steps of the optimizers equal their plain definitions, also in steps that set vanished means to
//! 0.

use burn::tensor::{Device, Tensor};
use vae::ops::{
    self, AdamParameter, AdamStep, RmsPropMoments, RmsPropStep, SgdStep, WeightDecay, adam,
    move_towards, plain, rmsprop, sgd,
};

use crate::ops::{assert_close, flat, normal};

/// More than one core takes at a time, and no multiple of the widest vectors.
const LENGTH: usize = 40_003;

/// The steps that are taken include some that set vanished means to 0.
const STEPS: [u64; 12] = [1, 2, 3, 4, 5, 62, 63, 64, 65, 127, 128, 129];

const LEARNING_RATE: f64 = 1e-2;

/// Returns the weight and `kept` tensors, zeros at first, after [`STEPS`].
///
/// A third of the weights have a gradient of next to nothing, and that at step 62 alone.
fn trained<const N: usize>(
    step: impl Fn(Tensor<1>, Tensor<1>, &mut [Tensor<1>; N], u64) -> Tensor<1>,
) -> Vec<Vec<f32>> {
    let device = Device::flex();
    let mut weight = normal("weight", [LENGTH], &device);
    let mut kept = [(); N].map(|()| Tensor::zeros([LENGTH], &device));
    let lives = normal("lives", [LENGTH], &device)
        .greater_elem(-0.5)
        .float();
    for number in STEPS {
        let scale = if number == 62 {
            Tensor::full([LENGTH], 1e-29, &device)
        } else {
            lives.clone()
        };
        let gradient = normal(&format!("gradient {number}"), [LENGTH], &device) * scale;
        weight = step(weight, gradient, &mut kept, number);
    }
    std::iter::once(weight).chain(kept).map(flat).collect()
}

#[track_caller]
fn assert_equal(what: &str, fast: &[Vec<f32>], slow: &[Vec<f32>]) {
    for (i, (fast, slow)) in fast.iter().zip(slow).enumerate() {
        assert_close(fast, slow, 1e-6, &format!("{what}, tensor {i}"));
    }
    // A mean that has vanished is 0 in both, not one of them.
    for (fast, slow) in fast.iter().zip(slow).skip(1) {
        assert!(
            fast.iter()
                .zip(slow)
                .all(|(fast, slow)| (*fast == 0.0) == (*slow == 0.0)),
            "{what}"
        );
    }
}

#[test]
fn adam_equals_its_definition_with_every_weight_decay() {
    for decay in [
        WeightDecay::NONE,
        WeightDecay::penalty(0.1),
        WeightDecay::decoupled(0.1, LEARNING_RATE),
    ] {
        let run = |adam: fn(Vec<AdamParameter<'_>>, AdamStep) -> Vec<Tensor<1>>| {
            trained(|weight, gradient, [mean, square], number| {
                let step = AdamStep {
                    decay,
                    ..AdamStep::new([0.9, 0.999, 1e-8], number, LEARNING_RATE)
                };
                let parameter = AdamParameter {
                    weight,
                    gradient,
                    mean,
                    square,
                };
                adam(vec![parameter], step).swap_remove(0)
            })
        };
        assert_equal(&format!("adam, {decay:?}"), &run(adam), &run(plain::adam));
    }
}

#[test]
fn rmsprop_equals_its_definition_centred_or_not_and_with_momentum_or_without() {
    type Step = fn(Tensor<1>, Tensor<1>, RmsPropMoments, RmsPropStep) -> Tensor<1>;
    for (centred, momentum) in [(false, 0.0), (false, 0.9), (true, 0.0), (true, 0.5)] {
        let run = |rmsprop: Step| {
            trained(|weight, gradient, [square, mean, velocity], number| {
                let moments = RmsPropMoments {
                    square,
                    mean: centred.then_some(mean),
                    velocity: (momentum > 0.0).then_some(velocity),
                };
                let step = RmsPropStep::new([0.9, 1e-7, momentum], number, LEARNING_RATE);
                rmsprop(weight, gradient, moments, step)
            })
        };
        let what = format!("rmsprop, centred {centred}, momentum {momentum}");
        assert_equal(&what, &run(rmsprop), &run(plain::rmsprop));
    }
}

#[test]
fn gradient_descent_equals_its_definition_with_every_momentum_and_weight_decay() {
    type Step = fn(Tensor<1>, Tensor<1>, Option<&mut Tensor<1>>, SgdStep) -> Tensor<1>;
    for (momentum, nesterov) in [(0.0, false), (0.5, false), (0.9, true)] {
        for decay in [WeightDecay::NONE, WeightDecay::penalty(0.1)] {
            let run = |sgd: Step| {
                trained(|weight, gradient, [velocity], number| {
                    let step = SgdStep {
                        decay,
                        ..SgdStep::new(momentum, nesterov, number, LEARNING_RATE)
                    };
                    let velocity = (momentum > 0.0).then_some(velocity);
                    sgd(weight, gradient, velocity, step)
                })
            };
            let what = format!("sgd, momentum {momentum}, nesterov {nesterov}, {decay:?}");
            assert_equal(&what, &run(sgd), &run(plain::sgd));
        }
    }
}

#[test]
fn a_velocity_that_vanishes_is_set_to_zero_before_it_becomes_denormal() {
    let device = Device::flex();
    let mut velocity = Tensor::full([5], 1e-20, &device);
    let mut weight: Tensor<1> = Tensor::zeros([5], &device);
    for number in 1..=2_000 {
        let step = SgdStep::new(0.9, false, number, LEARNING_RATE);
        let zero = Tensor::zeros([5], &device);
        weight = ops::sgd(weight, zero, Some(&mut velocity), step);
        let left = flat(velocity.clone());
        assert!(left.iter().all(|value| *value == 0.0 || value.is_normal()));
    }
    assert_eq!(flat(velocity), [0.0; 5]);
}

#[test]
fn a_step_leaves_other_owners_of_its_tensors_alone() {
    let device = Device::flex();
    let (weight, velocity): (Tensor<1>, Tensor<1>) = (
        normal("weight", [100], &device),
        normal("velocity", [100], &device),
    );
    let mut moved = velocity.clone();
    let step = SgdStep::new(0.9, false, 1, LEARNING_RATE);
    let new = ops::sgd(
        weight.clone(),
        normal("gradient", [100], &device),
        Some(&mut moved),
        step,
    );
    assert_eq!(flat(weight.clone()), flat(normal("weight", [100], &device)));
    assert_eq!(
        flat(velocity.clone()),
        flat(normal("velocity", [100], &device))
    );
    assert!(flat(new) != flat(weight) && flat(moved) != flat(velocity));
}

#[test]
fn a_moving_average_equals_its_definition_and_leaves_other_owners_alone() {
    let device = Device::flex();
    for length in [1, 7, LENGTH] {
        let start: Tensor<1> = normal("average", [length], &device);
        let [mut fast, mut slow] = [start.clone(), start.clone()];
        for (step, share) in [(1, 0.8), (2, 0.1), (3, 0.001)] {
            let value = normal(&format!("value {step}"), [length], &device);
            move_towards(&mut fast, &value, share);
            plain::move_towards(&mut slow, &value, share);
        }
        assert_close(&flat(fast), &flat(slow), 1e-6, "average");
        assert_eq!(flat(start), flat(normal("average", [length], &device)));
    }
}
