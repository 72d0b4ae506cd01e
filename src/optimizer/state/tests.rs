//! Tests of skipped steps and of the weights' average.

use burn::tensor::{Device, TensorData};

use super::*;
use crate::model::{Likelihood, Mlp, Model, export};
use crate::rng::Rng;

fn vae() -> Vae {
    let mlp = Mlp {
        latent: 2,
        hidden: vec![3],
        ..Mlp::default()
    };
    let network = Model::Mlp(mlp).kind().network([1, 2, 2]).unwrap();
    let device = crate::device::select("cpu").unwrap().device.autodiff();
    Vae::new(&network, &Likelihood::default(), Rng::new(1), &device)
}

fn gradients(vae: &Vae, step: u64, scale: f32) -> Vec<Tensor<1>> {
    let weights = flat_weights(vae).into_iter().enumerate();
    weights
        .map(|(place, weight)| {
            let mut values = vec![0.0; weight.shape().num_elements()];
            let rng = Rng::new(2).at(step).at(place as u64);
            rng.fill_normal(&mut values);
            values.iter_mut().for_each(|value| *value *= scale);
            let shape = [values.len()];
            Tensor::from_data(TensorData::new(values, shape), &weight.device())
        })
        .collect()
}

fn numbers(tensor: &Tensor<1>) -> Vec<f32> {
    tensor.clone().into_data().iter().collect()
}

fn all_slots(state: &OptimizerState) -> Vec<f32> {
    state.slots.iter().flatten().flat_map(numbers).collect()
}

fn whole(gradients: Vec<Tensor<1>>) -> StepGradients {
    StepGradients {
        tensors: gradients,
        pieces: None,
    }
}

fn taken(is_taken: bool, device: &Device) -> Option<Tensor<1, Bool>> {
    Some(Tensor::<1>::full([1], f32::from(u8::from(is_taken)), device).greater_elem(0.5))
}

#[test]
fn a_skipped_step_changes_neither_a_weight_nor_a_slot_on_the_host_and_by_a_mask() {
    for rule in Optimizer::every() {
        let mut vae = vae();
        let mut state = OptimizerState::new(rule, None, &vae)
            .averaging(Some(0.9), &vae)
            .skipping(Some(1e6));
        let first = gradients(&vae, 1, 1.0);
        let mut twin = state.clone();
        let twin_vae = vae.clone();
        (vae, _) = state.apply(vae, whole(first.clone()), 1, 1e-2);
        let mask = taken(true, &first[0].device());
        let by_mask = twin.apply_if(mask, twin_vae, whole(first), 1, 1e-2);
        assert_eq!(export(&vae), export(&by_mask));
        assert_eq!(all_slots(&state), all_slots(&twin));

        let (weights, slots) = (export(&vae), all_slots(&state));
        for scale in [1e12, f32::NAN, f32::INFINITY] {
            let huge = gradients(&vae, 2, scale);
            let norm;
            (vae, norm) = state.apply(vae, whole(huge.clone()), 2, 1e-2);
            assert!(is_skipped(norm.unwrap().into_scalar(), 1e6));
            assert_eq!(export(&vae), weights);
            assert_eq!(all_slots(&state), slots);
            let mask = taken(false, &huge[0].device());
            vae = state.apply_if(mask, vae, whole(huge), 2, 1e-2);
            assert_eq!(export(&vae), weights);
            assert_eq!(all_slots(&state), slots);
        }
    }
}

#[test]
fn the_average_is_that_of_the_weights_after_each_step() {
    let mut vae = vae();
    let mut state = OptimizerState::new(Optimizer::default(), None, &vae);
    state = state.averaging(Some(0.5), &vae);
    let values = |vae: &Vae| -> Vec<f64> {
        let tensors = export(vae).into_iter();
        let values = tensors.flat_map(|tensor| tensor.values);
        values.map(f64::from).collect()
    };
    assert_eq!(values(&state.averaged(&vae).unwrap()), values(&vae));
    let mut expected = values(&vae);
    for step in 1..=20 {
        let next = gradients(&vae, step, 1.0);
        vae = state.apply(vae, whole(next), step, 1e-2).0;
        let share = averaging_rate(0.5, step);
        for (average, weight) in expected.iter_mut().zip(values(&vae)) {
            *average += share * (weight - *average);
        }
    }
    let averaged = values(&state.averaged(&vae).unwrap());
    for (found, expected) in averaged.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} and {expected}");
    }
    assert_ne!(averaged, values(&vae));
}

#[test]
fn neither_an_average_nor_a_limit_that_is_not_reached_changes_a_weight() {
    let start = vae();
    let plain = OptimizerState::new(Optimizer::default(), Some(1.0), &start);
    let both = plain.clone().averaging(Some(0.9), &start);
    let after = [plain, both.skipping(Some(1e6))].map(|mut state| {
        let mut vae = start.clone();
        for step in 1..=5 {
            let next = gradients(&vae, step, 1.0);
            vae = state.apply(vae, whole(next), step, 1e-2).0;
        }
        export(&vae)
    });
    assert_eq!(after[0], after[1]);
}
