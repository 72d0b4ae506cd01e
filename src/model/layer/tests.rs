//! The contract of every kind of layer. These tests run over the list, so they cover a new kind as soon as it is
//! listed.

use burn::tensor::{Device, Tensor, TensorData};

use super::*;
use crate::model::{Initialisation, export, import, layer_parameters};
use crate::rng::Rng;

const INPUT: Features = Features::Map([2, 4, 4]);

fn device() -> Device {
    Device::default().autodiff()
}

/// Returns a small layer of each kind that reads a map, with its weights.
fn every(device: &Device) -> Vec<(String, LayerSpec, Layer)> {
    let built = |config: LayerConfig| {
        let spec = config.kind().spec(INPUT, Activation::Tanh).unwrap();
        let init = Init::new(Initialisation::Pytorch, Rng::new(1), device);
        let layer = spec.kind().layer(&init.at("encoder").at(0));
        (format!("{config:?}"), spec, layer)
    };
    LayerConfig::every().into_iter().map(built).collect()
}

fn input(device: &Device) -> Tensor<2> {
    let mut x = vec![0.0; 3 * INPUT.count()];
    Rng::new(2).fill_normal(&mut x);
    Tensor::from_data(TensorData::new(x, [3, INPUT.count()]), device)
}

#[test]
fn every_layer_gives_what_its_spec_says() {
    let device = device();
    for (name, spec, layer) in every(&device) {
        let output = layer.forward(input(&device));
        assert_eq!(output.dims(), [3, spec.kind().output().count()], "{name}");
        assert_eq!(spec.kind().input(), INPUT, "{name}");
        let found: Vec<ParameterShape> = export(&layer)
            .into_iter()
            .map(|tensor| ParameterShape {
                name: tensor.name,
                shape: tensor.shape,
            })
            .collect();
        assert_eq!(found, spec.kind().parameters(), "{name}");
        let weights = found.iter().filter(|found| {
            let name = found.name.rsplit('.').next();
            name == Some("weight")
        });
        let count = weights.count();
        assert_eq!(layer_parameters(&vec![layer]).len(), count, "{name}");
        assert_eq!(count == 0, found.is_empty(), "{name}");
    }
}

#[test]
fn every_parameter_of_a_layer_gets_a_gradient() {
    use burn::module::ModuleVisitor;
    use burn::tensor::Gradients;
    struct Found<'a>(&'a Gradients, Vec<bool>);
    impl ModuleVisitor for Found<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.1.push(param.val().grad(self.0).is_some());
        }
    }
    let device = device();
    for (name, _, layer) in every(&device) {
        let x = input(&device).require_grad();
        let gradients = layer.forward(x).square().sum().backward();
        let mut found = Found(&gradients, Vec::new());
        layer.visit(&mut found);
        assert!(found.1.iter().all(|found| *found), "{name}: {:?}", found.1);
    }
}

#[test]
fn weights_are_read_back_as_they_were_written() {
    let device = device();
    for (name, _, layer) in every(&device) {
        let changed: Vec<_> = export(&layer)
            .into_iter()
            .map(|mut tensor| {
                tensor.values.iter_mut().for_each(|value| *value += 1.0);
                tensor
            })
            .collect();
        let read = import(layer, &changed).unwrap();
        assert_eq!(export(&read), changed, "{name}");
    }
}

#[test]
fn a_config_reads_back_as_it_was_written() {
    for layer in LayerConfig::every() {
        let text = toml::to_string(&layer).unwrap();
        assert_eq!(toml::from_str::<LayerConfig>(&text).unwrap(), layer);
    }
    let error = toml::from_str::<LayerConfig>("conv = 8\ndense = 8").unwrap_err();
    assert!(
        error
            .message()
            .starts_with("a layer needs exactly one of `dense`, `conv`")
    );
    let error = toml::from_str::<LayerConfig>("dense = 8\nstride = 2").unwrap_err();
    assert!(error.message().starts_with("unknown field `stride`"));
}

#[test]
fn a_network_can_be_made_of_every_layer() {
    let device = device();
    for config in LayerConfig::every() {
        let model = crate::model::Conv {
            encoder: vec![config.clone()],
            decoder: vec![
                DenseConfig {
                    dense: 32,
                    ..DenseConfig::default()
                }
                .into(),
            ],
            ..crate::model::Conv::default()
        };
        let network = crate::model::ModelKind::network(&model, [2, 4, 4]).unwrap();
        let likelihood = crate::model::Likelihood::default();
        let vae = crate::model::Vae::new(&network, &likelihood, Rng::new(1), &device);
        let names: Vec<String> = export(&vae).into_iter().map(|tensor| tensor.name).collect();
        let expected = network.parameters().into_iter();
        let expected: Vec<String> = expected.map(|parameter| parameter.name).collect();
        assert_eq!(names, expected, "{config:?}");
        assert!(names.contains(&"mean.weight".to_owned()), "{config:?}");
    }
}
