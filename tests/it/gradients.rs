//! Tests every gradient of every model, likelihood and objective against finite differences.

use burn::tensor::Device;
use vae::model::{
    Activation, Conv, ConvolutionConfig, DenseConfig, Hierarchical, LayerConfig, Likelihood, Mlp,
    ModelKind, Network, Prior, TransposedConfig, Vae, Vamp, export,
};
use vae::objective::{Elbo, Iwae, Objective, ObjectiveKind};
use vae::rng::Rng;

use crate::contract::{likelihood_variants, objective_variants};
use crate::models::{
    at, autodiff_device, found_gradients, largest, numbers, plain_device, random_batch, wide,
};

/// Checks every number of every gradient against finite differences of the loss.
///
/// The loss is up to 50 nats per image in float32, so a difference of two losses is accurate to
/// about 4e-6, and over a step of 0.1 to 4e-5; the five-point formula adds h^4 / 30 times the fifth
/// derivative. The largest error measured is 7e-5. A wrong factor in any gradient would be a
/// hundred times that.
fn assert_gradients(
    model: &dyn ModelKind,
    image_shape: [usize; 3],
    likelihood: &Likelihood,
    objective: &dyn ObjectiveKind,
    tolerance: f64,
) {
    let network = model
        .network(image_shape)
        .unwrap()
        .with_outputs(likelihood.kind().outputs_per_value())
        .unwrap();
    assert_gradients_of(&network, likelihood, objective, tolerance);
}

fn assert_gradients_of(
    network: &Network,
    likelihood: &Likelihood,
    objective: &dyn ObjectiveKind,
    tolerance: f64,
) {
    const H: f32 = 0.05;
    let of_device =
        |device: &Device| Vae::new(network, likelihood, Rng::new(4).stream("weights"), device);
    let weights = export(&of_device(&plain_device()));
    let vae = of_device(&autodiff_device());
    // At this epoch every term of a loss is active, and the context has image ids for the whole
    // batch.
    let context = at(1.0);

    let draw = |vae: &Vae| {
        let (mut batch, noise) = random_batch(vae, 3, 2, 6);
        if likelihood.tag() == "laplace" {
            // The pixels lie where the mean never reaches them, because |x - m| has a kink at m.
            batch.x = (batch.x - 0.5).sign() * 1.5;
        }
        (batch, noise)
    };
    let (batch, noise) = draw(&vae);
    let loss = objective.terms(&vae, &batch, noise, context).loss.mean();
    let gradients = found_gradients(&vae, &loss.backward());

    let plain = plain_device();
    let mut other = of_device(&plain);
    let (batch, noise) = draw(&other);
    let mut loss_at = |tensor: usize, place: usize, shift: f32| {
        let mut weights = weights.clone();
        weights[tensor].values[place] += shift;
        // The step after rounding to float32.
        let step = f64::from(weights[tensor].values[place]);
        other = vae::model::import(other.clone(), &weights).unwrap();
        let each = numbers(objective.terms(&other, &batch, noise.clone(), context).loss);
        (step, each.iter().sum::<f64>() / each.len() as f64)
    };
    for (t, (name, gradient)) in gradients.iter().enumerate() {
        let Some(gradient) = gradient else {
            assert!(
                name.starts_with("log_var") && !objective.latent_mode().is_sampled(),
                "`{name}` has no gradient"
            );
            continue;
        };
        for (place, &ours) in gradient.values.iter().enumerate() {
            let mut slope = |h: f32| {
                let ((right, high), (left, low)) = (loss_at(t, place, h), loss_at(t, place, -h));
                (high - low) / (right - left)
            };
            let finite = (4.0 * slope(H) - slope(2.0 * H)) / 3.0;
            let error = (f64::from(ours) - finite).abs();
            assert!(
                error < tolerance,
                "`{}` {place}: the gradient is {ours}, differences say {finite}",
                gradient.name
            );
        }
        assert!(
            largest(wide(&gradient.values)) > 5e-3,
            "`{}`: nothing to compare",
            gradient.name
        );
    }
}

// All models use tanh, because a finite difference across the kink of a ReLU means nothing.

fn tiny_mlp() -> Mlp {
    Mlp {
        latent: 2,
        hidden: vec![5],
        activation: Activation::Tanh,
        ..Mlp::default()
    }
}

#[test]
fn gradients_of_a_dense_vae_are_those_of_finite_differences() {
    let objective = Elbo {
        beta: 0.7,
        ..Elbo::default()
    };
    assert_gradients(
        &tiny_mlp(),
        [1, 3, 3],
        &Likelihood::default(),
        &objective,
        1.5e-4,
    );
}

/// Compares the plain density of a mixture with matrix products.
#[test]
fn gradients_of_every_prior_are_those_of_finite_differences() {
    for prior in [
        Prior::Vamp(Vamp { pseudo_inputs: 3 }),
        Prior::Hierarchical(Hierarchical {
            latent: 2,
            hidden: vec![3],
            ..Hierarchical::default()
        }),
    ] {
        let network = tiny_mlp()
            .network([1, 3, 3])
            .unwrap()
            .with_prior(&prior)
            .unwrap();
        for objective in [Objective::default(), Objective::Iwae(Iwae { samples: 2 })] {
            assert_gradients_of(&network, &Likelihood::default(), objective.kind(), 3e-4);
        }
    }
}

/// Returns a network with two channels and a padding that differs between the two sides.
fn tiny_conv() -> Conv {
    let conv = LayerConfig::from(ConvolutionConfig {
        conv: 2,
        stride: Some(2),
        ..ConvolutionConfig::default()
    });
    let dense = LayerConfig::from(DenseConfig {
        dense: 18,
        shape: Some([2, 3, 3]),
        ..DenseConfig::default()
    });
    let transposed = LayerConfig::from(TransposedConfig {
        transposed: 2,
        stride: Some(2),
        ..TransposedConfig::default()
    });
    Conv {
        latent: 2,
        activation: Activation::Tanh,
        encoder: vec![conv],
        decoder: vec![dense, transposed],
        ..Conv::default()
    }
}

#[test]
fn gradients_of_a_convolutional_vae_are_those_of_finite_differences() {
    let objective = Elbo {
        beta: 0.7,
        ..Elbo::default()
    };
    assert_gradients(
        &tiny_conv(),
        [2, 6, 6],
        &Likelihood::default(),
        &objective,
        1.5e-4,
    );
}

#[test]
fn gradients_of_every_objective_are_those_of_finite_differences() {
    for objective in Objective::every().into_iter().chain(objective_variants()) {
        // The encoder gradient of `dreg` is another estimate of the same mean, not the derivative
        // of its value; importance.rs tests it.
        if objective.tag() == "dreg" {
            continue;
        }
        // By default these objectives multiply a distance by a thousand, and with it the error of
        // its difference.
        let tolerance = if ["capacity", "info"].contains(&objective.tag()) {
            5e-2
        } else {
            2e-4
        };
        assert_gradients(
            &tiny_mlp(),
            [1, 3, 3],
            &Likelihood::default(),
            objective.kind(),
            tolerance,
        );
    }
}

#[test]
fn gradients_of_every_likelihood_are_those_of_finite_differences() {
    let objective = Elbo {
        beta: 0.7,
        ..Elbo::default()
    };
    for likelihood in Likelihood::every().into_iter().chain(likelihood_variants()) {
        assert_gradients(&tiny_mlp(), [1, 3, 3], &likelihood, &objective, 2e-4);
    }
}
