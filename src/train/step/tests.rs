//! The gradients without a graph are those of the graph.

use super::*;
use crate::data::Data;
use crate::device;
use crate::objective::{Elbo, Estimator, Objective};

/// Returns a config of dense layers on a few generated digits.
fn config(rest: &str) -> Config {
    let text = format!("[data.digits]\ntrain = 200\ntest = 10\n{rest}");
    Config::parse(&text, std::path::Path::new("test.toml")).unwrap()
}

/// Calls `check` with a model of this config, a shard of a batch of 60 images, and the number of training images.
fn with_shard(config: &Config, check: impl Fn(&Vae, usize, Shard)) {
    let Data::Digits(digits) = &config.data else {
        panic!("generated digits")
    };
    let data = digits.draw();
    let device = device::select("cpu").unwrap().device.autodiff();
    let vae = crate::train::initial_model::initial_model(config, &data, &device).unwrap();
    let image_ids: Vec<u32> = (0..43).map(|i| i * 37 % 200).collect();
    let loader = config.train_loader(&vae, data.train.len()).at_step(30);
    let batch = loader.batch(&data.train, &image_ids).unwrap();
    check(&vae, data.train.len(), (&image_ids, batch));
}

#[test]
fn gradients_without_a_graph_have_the_bytes_of_the_graph() {
    let models = [
        "[model.mlp]\nlatent = 5\nhidden = [50]",
        "[model.mlp]\nlatent = 3\nhidden = [130, 70]\nactivation = \"tanh\"\nlatent_activation = \"tanh\"",
        "[model.mlp]\nlatent = 2\nhidden = [20, 30, 40]\ndecoder = [60]",
        "[model.mlp]\nlatent = 4\nhidden = []",
        "[model.mlp]\nhidden = [40]\n[likelihood.continuous-bernoulli]",
        "[model.mlp]\nhidden = [40]\n[objective.elbo]\nbeta = 4.0\nwarmup = 20",
        "[model.mlp]\nhidden = [40]\n[objective.elbo]\nbeta = 0.0",
    ];
    for model in models {
        let config = config(model);
        with_shard(&config, |vae, count, shard| {
            let values = |(terms, gradients): (LossTerms, Vec<Tensor<1>>)| {
                let terms = [Some(terms.loss), Some(terms.reconstruction), terms.kl];
                let terms = terms.into_iter().flatten().map(Tensor::inner);
                let all = terms.chain(gradients);
                all.map(|tensor| tensor.into_data().try_to_vec::<f32>().unwrap())
                    .collect::<Vec<_>>()
            };
            let graph = values(with_graph(&config, count, vae, shard.clone(), 60, 7));
            let none = without_graph(&config, count, vae, &shard, 60, 7);
            if crate::ops::instruction_set::is_plain() {
                assert!(none.is_none());
                return;
            }
            let none = values(none.expect("dense layers have kernels"));
            assert_eq!(graph.len(), none.len(), "{model}");
            for (i, (graph, none)) in graph.iter().zip(&none).enumerate() {
                assert!(
                    graph.iter().any(|value| *value != 0.0) || i > 2,
                    "{model}: {i}"
                );
                assert_eq!(graph, none, "{model}: {i}");
            }
        });
    }
}

#[test]
fn every_other_loss_and_model_uses_the_graph() {
    let mut others = [
        "[model.mlp]\nhidden = [20]\nactivation = \"gelu\"",
        "[model.mlp]\nhidden = [20]\ndropout = 0.5",
        "[model.mlp]\nhidden = [20]\n[likelihood.gaussian]",
        "[model.mlp]\nhidden = [20]\n[condition]",
        "[model.mlp]\nhidden = [20]\n[prior.vamp]\npseudo_inputs = 3",
        "[model.mlp]\nhidden = [20]\n[objective.iwae]",
        "[model.mlp]\nhidden = [20]\n[objective.elbo]\nfree_bits = 0.1",
    ]
    .map(config)
    .to_vec();
    let mut sampled = config("[model.mlp]\nhidden = [20]");
    sampled.objective = Objective::Elbo(Elbo {
        estimator: Estimator::Sampled,
        ..Elbo::default()
    });
    others.push(sampled);
    for config in others {
        with_shard(&config, |vae, count, shard| {
            assert!(without_graph(&config, count, vae, &shard, 60, 7).is_none());
        });
    }
}
