//! Small models and helpers that several tests share.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use vae::config::{Config, find_preset, set};
use vae::data::{Batch, Data, Dataset, Digits, Pixels, Split};
use vae::device;
use vae::loader::Loader;
use vae::model::{
    Condition, ConditionMode, Init, Initialisation, Likelihood, LikelihoodKind, LikelihoodModule,
    Model, ModelKind, NamedTensor, Network, Resnet, Vae, export, import,
};
use vae::objective::{Context, Time};
use vae::ops::noise;
use vae::rng::Rng;
use vae::train::Training;

/// Returns a small model of each kind, without the one that only chooses between the others.
pub fn every_model() -> Vec<Model> {
    let small = |model: Model| match model {
        Model::Resnet(resnet) => Model::Resnet(Resnet {
            latent: 8,
            channels: vec![8, 12],
            stem: 4,
            ..resnet
        }),
        other => other,
    };
    let every = Model::every().into_iter();
    every
        .filter(|model| !matches!(model, Model::Auto(_)))
        .map(small)
        .collect()
}

/// Returns the device in `$VAE_TEST_DEVICE`, or else the one that `auto` takes. With `wgpu` the
/// contracts hold on a software adapter as well, but slowly.
pub fn plain_device() -> Device {
    device::select(&std::env::var("VAE_TEST_DEVICE").unwrap_or("auto".into()))
        .unwrap()
        .device
}

pub fn autodiff_device() -> Device {
    plain_device().autodiff()
}

pub fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

pub fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f32>().map(f64::from).collect()
}

/// Returns a model with random weights.
pub fn drawn(model: &dyn ModelKind, image_shape: [usize; 3], seed: u64, device: &Device) -> Vae {
    blank(&model.network(image_shape).unwrap(), seed, device)
}

pub fn blank(network: &Network, seed: u64, device: &Device) -> Vae {
    Vae::new(
        network,
        &Likelihood::default(),
        Rng::new(seed).stream("weights"),
        device,
    )
}

/// Returns a model of the network with these weights, on another device.
pub fn with_weights(network: &Network, weights: &[NamedTensor], device: &Device) -> Vae {
    import(blank(network, 1, device), weights).unwrap()
}

/// Returns the likelihood's module with its initial parameters.
pub fn module(likelihood: &dyn LikelihoodKind) -> LikelihoodModule {
    let device = plain_device();
    likelihood.module(&Init::new(Initialisation::default(), Rng::new(0), &device))
}

/// Returns the module with another standard deviation. Panics unless that is a parameter.
pub fn with_log_sigma(likelihood: LikelihoodModule, sigma: f64) -> LikelihoodModule {
    let log_sigma = NamedTensor {
        name: "log_sigma".into(),
        shape: vec![1],
        values: vec![sigma.ln() as f32],
    };
    import(likelihood, &[log_sigma]).unwrap()
}

/// Returns every way to tell a model the class.
pub fn conditions() -> [Condition; 4] {
    let of = |decoder, encoder| Condition { decoder, encoder };
    let [add, concat] = [ConditionMode::Add, ConditionMode::Concat];
    [
        of(add, false),
        of(concat, false),
        of(add, true),
        of(concat, true),
    ]
}

/// Returns the first `count` built-in digits.
pub fn digits(count: usize) -> Split {
    Digits {
        train: count,
        test: 1,
        ..Digits::default()
    }
    .draw()
    .train
}

/// Loads images as one batch, labelled if `class_count` is given.
pub fn load_batch(
    pixels: Pixels,
    images: &Split,
    ids: &[u32],
    class_count: Option<usize>,
    rng: Rng,
    device: &Device,
) -> Batch {
    let loader = Loader {
        pixels,
        class_count,
        pixel_rng: rng,
        ..Loader::plain(device)
    };
    loader.batch(images, ids).unwrap()
}

/// Returns grey images of random pixels, and standard normal noise `[K, B, D]` for them.
pub fn random_batch(vae: &Vae, count: usize, samples: usize, seed: u64) -> (Batch, Tensor<3>) {
    let device = vae.device();
    let values: usize = vae.network().image_shape.iter().product();
    let mut x = vec![0.0; count * values];
    Rng::new(seed).stream("x").fill_uniform(&mut x);
    (
        Batch::new(tensor(x, [count, values], &device)),
        draw_noise(vae, count, samples, seed),
    )
}

/// Returns standard normal noise `[K, B, D]`.
pub fn draw_noise(vae: &Vae, count: usize, samples: usize, seed: u64) -> Tensor<3> {
    let image_ids: Vec<u32> = (0..count as u32).collect();
    noise::latents(
        Rng::new(seed).stream("noise"),
        &image_ids,
        samples,
        vae.network().noise(),
        &vae.device(),
    )
}

/// Returns the context at an epoch of a training of 100 epochs, with the first images of a split.
pub fn at(epoch: f64) -> Context<'static> {
    static FIRST: [u32; 64] = {
        let mut image_ids = [0; 64];
        let mut i = 0;
        while i < 64 {
            image_ids[i] = i as u32;
            i += 1;
        }
        image_ids
    };
    Context {
        time: Time {
            epoch,
            epochs: 100.0,
        },
        rng: Rng::new(1).stream("objective"),
        count: 1000,
        image_ids: &FIRST,
    }
}

/// Returns the gradient of every parameter, under its name and in PyTorch's layout. Panics if a
/// parameter has no gradient.
pub fn named_gradients(vae: &Vae, gradients: &Gradients) -> Vec<NamedTensor> {
    let found = found_gradients(vae, gradients).into_iter();
    found
        .map(|(name, gradient)| gradient.unwrap_or_else(|| panic!("`{name}` has no gradient")))
        .collect()
}

/// Returns the name of every parameter, and its gradient if it has one.
pub fn found_gradients(vae: &Vae, gradients: &Gradients) -> Vec<(String, Option<NamedTensor>)> {
    struct Visitor<'a> {
        gradients: &'a Gradients,
        names: std::vec::IntoIter<NamedTensor>,
        found: Vec<(String, Option<NamedTensor>)>,
    }
    impl ModuleVisitor for Visitor<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let name = self.names.next().unwrap().name;
            let gradient = param.val().grad(self.gradients).map(|gradient| {
                let gradient = if D == 2 {
                    gradient.transpose()
                } else {
                    gradient
                };
                let shape = gradient.dims().to_vec();
                NamedTensor {
                    name: name.clone(),
                    shape,
                    values: gradient.into_data().iter().collect(),
                }
            });
            self.found.push((name, gradient));
        }
    }
    let mut visitor = Visitor {
        gradients,
        names: export(vae).into_iter(),
        found: Vec::new(),
    };
    vae.visit(&mut visitor);
    assert_eq!(visitor.names.next(), None, "a parameter was not visited");
    visitor.found
}

/// Returns the largest absolute value.
pub fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().map(f64::abs).fold(0.0, f64::max)
}

/// Returns the largest difference, where a value that is not finite counts as infinite.
pub fn gap(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let difference = |(a, b): (&f64, &f64)| {
        if (a - b).is_finite() {
            a - b
        } else {
            f64::INFINITY
        }
    };
    largest(a.iter().zip(b).map(difference))
}

pub fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// Returns a training of `config` on the built-in digits.
pub fn training(config: &Config, device: &Device) -> Training {
    let Data::Digits(digits) = &config.data else {
        panic!("other data would have to be found")
    };
    Training::new(config, digits.draw(), device).unwrap()
}

/// Trains the preset `smoke` until its latents carry information. Returns the model and its test
/// images.
pub fn trained() -> (Vae, Split) {
    let (vae, data) = trained_as(None, &[]);
    (vae, data.test)
}

/// Does the same with a condition and other config values. Returns the model and the whole data
/// set.
pub fn trained_as(condition: Option<Condition>, values: &[&str]) -> (Vae, Dataset) {
    let mut config = find_preset("smoke").unwrap().config().unwrap();
    config.train.epochs = 15;
    config.condition = condition;
    let config = values
        .iter()
        .fold(config, |config, value| set(&config, value).unwrap());
    let training = training(&config, &plain_device());
    let steps = config.train.epochs * training.steps_per_epoch();
    let data = training.dataset().clone();
    (first_steps(training, steps).1, data)
}

/// Takes the first steps of a training. Returns the loss of each, in nats per image, and the model after them, without
/// autodiff.
pub fn first_steps(mut training: Training, steps: usize) -> (Vec<f64>, Vae) {
    let mut losses = Vec::new();
    for _ in 0..steps {
        let before = training.progress().sums;
        let place = training.steps_into_epoch();
        let batch = training.config().train.batch;
        let order = training.order();
        let image_ids = order.chunks(batch).nth(place).unwrap();
        training = training.step(image_ids).unwrap();
        training.look().unwrap();
        let after = training.progress().sums;
        losses.push((after.loss - before.loss) / (after.images - before.images) as f64);
    }
    (losses, training.vae().valid())
}
