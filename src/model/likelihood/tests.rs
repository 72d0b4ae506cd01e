//! The contract of every likelihood. These tests run over the list, so they cover a new likelihood as soon as it is
//! listed.

use burn::tensor::{Device, TensorData};

use super::*;
use crate::model::{Initialisation, export};
use crate::rng::Rng;

/// The numbers of images, latents and values.
const B: usize = 3;
const K: usize = 2;
const P: usize = 5;

fn device() -> Device {
    Device::default().autodiff()
}

fn uniform<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let mut values = vec![0.0; shape.iter().product()];
    Rng::new(1).fill_uniform(&mut values);
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn module(likelihood: &Likelihood, device: &Device) -> LikelihoodModule {
    let init = Init::new(Initialisation::Pytorch, Rng::new(1), device);
    likelihood.kind().module(&init.at("likelihood"))
}

#[test]
fn every_likelihood_gives_a_finite_density_and_an_image() {
    let device = device();
    for likelihood in Likelihood::every() {
        let name = likelihood.tag();
        let module = module(&likelihood, &device);
        let outputs = P * likelihood.kind().outputs_per_value();
        let x = uniform([B, P], &device);
        let log_prob = module.kind().log_prob(x, uniform([K, B, outputs], &device));
        assert_eq!(log_prob.dims(), [K, B], "{name}");
        let values: Vec<f32> = log_prob.into_data().iter().collect();
        assert!(
            values.iter().all(|value| value.is_finite()),
            "{name}: {values:?}"
        );
        let mean = module.kind().mean(uniform([B, outputs], &device));
        assert_eq!(mean.dims(), [B, P], "{name}");
    }
}

#[test]
fn every_likelihood_has_the_parameters_that_it_says() {
    let device = device();
    for likelihood in Likelihood::every() {
        let found: Vec<ParameterShape> = export(&module(&likelihood, &device))
            .into_iter()
            .map(|tensor| ParameterShape {
                name: tensor.name,
                shape: tensor.shape,
            })
            .collect();
        assert_eq!(
            found,
            likelihood.kind().parameters(),
            "{}",
            likelihood.tag()
        );
    }
}

#[test]
fn a_fitted_likelihood_holds_its_sigma() {
    let device = device();
    for likelihood in Likelihood::every() {
        let mut module = module(&likelihood, &device);
        let before = module.kind().sigma();
        module.kind_mut().fit(0.25, &device);
        let after = module.kind().sigma();
        if likelihood.kind().is_fitted() {
            let sigma = after.unwrap();
            assert!(before.is_none(), "{}", likelihood.tag());
            assert!((sigma - 0.5).abs() < 1e-6, "{}: {sigma}", likelihood.tag());
        } else {
            assert_eq!(before, after, "{}", likelihood.tag());
        }
    }
}
