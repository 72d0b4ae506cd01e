//! The values of a graph, computed with the plain definitions, are those of the model: for every kind of layer, network,
//! condition and likelihood.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};

use super::*;
use crate::model::{
    Condition, ConditionMode, ContinuousBernoulli, Conv, DiscretisedLogistic, Hierarchical,
    ImageDistribution, Laplace, Likelihood, Mlp, ModelKind, NamedTensor, Network, OutputMap, Prior,
    Resnet, Vae, export, import,
};
use crate::ops::{Convolution, Normalisation, Resampling, plain};
use crate::rng::Rng;

/// Returns the values of a graph's outputs.
fn values(
    graph: &Graph,
    given: &HashMap<&str, Tensor<2>>,
    weights: &[NamedTensor],
    device: &Device,
) -> HashMap<&'static str, Tensor<2>> {
    let weight = |layer: &str, name: &str| {
        let name = format!("{layer}.{name}");
        let found = weights.iter().find(|tensor| tensor.name == name).unwrap();
        TensorData::new(found.values.clone(), found.shape.clone())
    };
    let bias = |layer: &str| Tensor::<1>::from_data(weight(layer, "bias"), device);
    let kernel = |layer: &str| Tensor::<4>::from_data(weight(layer, "weight"), device);
    let map = |shape: Features| match shape {
        Features::Map(map) => map,
        Features::Flat(_) => unreachable!("this operation is for maps"),
    };
    let mut all: Vec<Tensor<2>> = Vec::new();
    for node in &graph.nodes {
        let x = || all[node.inputs[0]].clone();
        let input = || graph.shape(node.inputs[0]);
        let convolution = |window: Window| Convolution {
            input: map(input()),
            output: map(node.output),
            window,
            activation: Activation::None,
            layouts: Default::default(),
        };
        let resampling = |big, small, factor| Resampling {
            big: map(big),
            small: map(small),
            factor,
            layouts: Default::default(),
        };
        let y = match &node.operation {
            Operation::Input(name) => given[name].clone(),
            Operation::Dense { layer } => {
                let matrix = Tensor::<2>::from_data(weight(layer, "weight"), device);
                plain::dense(x(), matrix.transpose(), bias(layer), Activation::None)
            }
            Operation::Convolution { layer, window } => {
                plain::convolve(x(), kernel(layer), bias(layer), convolution(*window))
            }
            Operation::Transposed { layer, window } => {
                plain::convolve_transposed(x(), kernel(layer), bias(layer), convolution(*window))
            }
            Operation::GroupNorm { layer, groups } => {
                let normalisation = Normalisation {
                    map: map(input()),
                    groups: *groups,
                    activation: Activation::None,
                    layouts: Default::default(),
                };
                let scale = Tensor::<1>::from_data(weight(layer, "weight"), device);
                plain::normalise(x(), scale, bias(layer), normalisation)
            }
            Operation::Activation(activation) => plain::activate(x(), *activation),
            Operation::Upsample { factor } => {
                plain::upsample(x(), resampling(node.output, input(), *factor))
            }
            Operation::AveragePool { factor } => {
                plain::average_pool(x(), resampling(input(), node.output, *factor))
            }
            Operation::Add => x() + all[node.inputs[1]].clone(),
            Operation::Concat => Tensor::cat(vec![x(), all[node.inputs[1]].clone()], 1),
            Operation::Reshape => {
                assert_ne!(input(), node.output, "a change of shape changes nothing");
                x()
            }
            Operation::ContinuousBernoulliMean => ContinuousBernoulli {}.mean(x()),
            &Operation::LogisticMixtureMean { components } => {
                DiscretisedLogistic { components }.mean(x())
            }
        };
        assert_eq!(y.dims()[1], node.output.count(), "{node:?}");
        all.push(y);
    }
    let outputs = graph.outputs.iter();
    outputs.map(|&(name, id)| (name, all[id].clone())).collect()
}

/// Returns the networks, with a name each. Together they have every kind of layer but the toy.
fn networks() -> Vec<(&'static str, Network)> {
    let every_layer: Conv = toml::from_str(
        r#"
        latent = 3
        activation = "elu"
        latent_activation = "tanh"
        encoder = [
            { conv = 4, stride = 2, activation = "leaky-relu" },
            { norm = 2, activation = "silu" },
            { residual = 6, activation = "gelu" },
            { dropout = 0.1 },
            { pool = 2 },
            { dense = 5, activation = "softplus" },
            { norm = 1 },
        ]
        decoder = [
            { dense = 24, shape = [6, 2, 2], activation = "sigmoid" },
            { residual = 6 },
            { upsample = 3, size = [5, 5] },
            { transposed = 4, kernel = 3, stride = 2, padding = 1 },
            { conv = 1, kernel = 2, activation = "none" },
        ]
        "#,
    )
    .unwrap();
    let mlp = Mlp {
        latent: 4,
        hidden: vec![7, 6],
        dropout: 0.2,
        ..Mlp::default()
    };
    let resnet = Resnet {
        latent: 5,
        channels: vec![4, 8],
        ..Resnet::default()
    };
    vec![
        ("mlp", mlp.network([3, 4, 5]).unwrap()),
        ("conv", Conv::default().network([1, 28, 28]).unwrap()),
        ("every layer", every_layer.network([1, 9, 9]).unwrap()),
        ("resnet", resnet.network([3, 9, 8]).unwrap()),
    ]
}

fn likelihoods() -> Vec<Likelihood> {
    let linear = Laplace {
        mean: OutputMap::Linear,
        ..Laplace::default()
    };
    let every = Likelihood::every();
    let real = every.into_iter().filter(|kind| kind.tag() != "toy");
    real.chain([
        Likelihood::DiscretisedLogistic(DiscretisedLogistic { components: 3 }),
        Likelihood::Laplace(linear),
    ])
    .collect()
}

fn close(name: &str, found: &Tensor<2>, expected: &Tensor<2>) {
    assert_eq!(found.dims(), expected.dims(), "{name}");
    let error: f32 = (found.clone() - expected.clone()).abs().max().into_scalar();
    assert!(error < 1e-4, "{name}: {error}");
}

/// Checks both graphs of a model whose parameters are all moved from their first values, which are often 0 or 1.
fn agree(name: &str, network: &Network, likelihood: &Likelihood) {
    let device = Device::default();
    let outputs = likelihood.kind().outputs_per_value();
    let network = network.clone().with_outputs(outputs).unwrap();
    let vae = Vae::new(&network, likelihood, Rng::new(1), &device);
    let mut weights = export(&vae);
    for (i, tensor) in weights.iter_mut().enumerate() {
        let mut moves = vec![0.0; tensor.values.len()];
        Rng::new(2).at(i as u64).fill_normal(&mut moves);
        let values = tensor.values.iter_mut().zip(moves);
        values.for_each(|(value, by)| *value += 0.2 * by);
    }
    let vae = import(vae, &weights).unwrap();
    let normal = |seed: u64, count: usize| {
        let mut values = vec![0.0; 3 * count];
        Rng::new(seed).fill_normal(&mut values);
        Tensor::<2>::from_data(TensorData::new(values, [3, count]), &device)
    };
    let image = normal(3, network.image_shape.iter().product());
    let z = normal(4, network.latent);
    let labels = vae.labels(&[1, 0, 2]);
    let mut given = HashMap::from([("image", image.clone()), ("z", z.clone())]);
    given.extend(labels.clone().map(|labels| ("label", labels)));

    let encoder = values(&network.encoder_graph(), &given, &weights, &device);
    let posterior = vae.encode(image, labels.clone());
    close(name, &encoder["mean"], &posterior.mean);
    close(name, &encoder["log_var"], &posterior.log_var);
    let decoder = network.decoder_graph(likelihood);
    assert_eq!(
        decoder.shape(decoder.outputs[0].1),
        Features::Map(network.image_shape)
    );
    let decoder = values(&decoder, &given, &weights, &device);
    let expected = vae.decode_mean(z, labels);
    close(name, &decoder["image"], &expected);

    // One head alone, and the decoder in two parts.
    let whole = network.encoder_graph().nodes.len();
    let head = network.encoder_graph().only(&["mean"]);
    assert!(head.nodes.len() < whole);
    let head = values(&head, &given, &weights, &device);
    close(name, &head["mean"], &posterior.mean);
    let outputs = values(
        &network.outputs_graph(likelihood),
        &given,
        &weights,
        &device,
    );
    let image = values(&network.mean_graph(likelihood), &outputs, &weights, &device);
    close(name, &image["image"], &expected);
}

#[test]
fn a_graph_computes_what_the_model_computes() {
    for (name, network) in networks() {
        for likelihood in likelihoods() {
            let name = format!("{name}, {}", likelihood.tag());
            agree(&name, &network, &likelihood);
        }
    }
}

#[test]
fn the_graph_of_a_conditional_model_reads_the_label_where_the_model_does() {
    for (name, network) in networks() {
        for decoder in [ConditionMode::Add, ConditionMode::Concat] {
            for encoder in [false, true] {
                let condition = Condition { decoder, encoder };
                let network = condition.apply(network.clone(), 3).unwrap();
                let names =
                    |graph: &Graph| graph.inputs().map(|(name, _)| name).collect::<Vec<_>>();
                let encoder_inputs = names(&network.encoder_graph());
                assert_eq!(encoder_inputs.contains(&"label"), encoder, "{name}");
                let name = format!("{name}, {condition:?}");
                agree(&name, &network, &Likelihood::default());
            }
        }
    }
}

#[test]
fn a_prior_with_a_layer_of_its_own_has_a_graph_each_way() {
    let hierarchical = Hierarchical {
        latent: 2,
        hidden: vec![6, 5],
        ..Hierarchical::default()
    };
    let network = Mlp::default().network([1, 4, 4]).unwrap();
    assert_eq!(network.prior_graphs(), None);
    let latent = network.latent;
    let network = network
        .with_prior(&Prior::Hierarchical(hierarchical))
        .unwrap();
    let mut layers = Vec::new();
    for (graph, [from, to]) in network
        .prior_graphs()
        .unwrap()
        .iter()
        .zip([[latent, 2], [2, latent]])
    {
        assert_eq!(graph.inputs().next().unwrap().1, Features::Flat(from));
        for (name, (output, id)) in ["mean", "log_var"].iter().zip(&graph.outputs) {
            assert_eq!((name, graph.shape(*id)), (output, Features::Flat(to)));
        }
        layers.extend(graph.nodes.iter().filter_map(|node| match &node.operation {
            Operation::Dense { layer } => Some(layer.clone()),
            _ => None,
        }));
    }
    let all = network.layers().into_iter().map(|(name, _)| name);
    let expected: Vec<String> = all.filter(|name| name.starts_with("prior.")).collect();
    assert_eq!(layers, expected);
}
