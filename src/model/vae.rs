//! The model: q(z | x) = N(mean(x), exp(log_var(x))), p(z) = N(0, I), p(x | z) from the likelihood.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::{Blueprint, Layer, Likelihood, Sigma, StandardNormal};
use crate::batch::{Batch, one_hot};
use crate::dist::Gaussian;
use crate::rng::Rng;

#[derive(Module, Debug)]
pub struct Vae {
    encoder: Vec<Layer>,
    mean: Layer,
    log_var: Layer,
    /// From a class to what is added to the code.
    condition: Option<Layer>,
    decoder: Vec<Layer>,
    /// `[1]`: log sigma of p(x | z) where one for all values is trained, or was fitted to the training pictures.
    log_sigma: Option<Param<Tensor<1>>>,
    #[module(skip)]
    likelihood: Likelihood,
    #[module(skip)]
    blueprint: Blueprint,
}

/// What every objective and every bound on log p(x) is made of, for `B` pictures and `K` codes each.
#[derive(Clone, Debug)]
pub struct Parts {
    pub posterior: Gaussian,
    pub prior: StandardNormal,
    /// `[K, B, D]`, drawn from the posterior.
    pub z: Tensor<3>,
    /// `[K, B]`, nats.
    pub log_px_z: Tensor<2>,
}

impl Parts {
    /// log p(z). `[K, B]`, nats.
    pub fn log_pz(&self) -> Tensor<2> {
        self.prior.log_prob(self.z.clone())
    }

    /// log q(z | x). `[K, B]`, nats.
    pub fn log_qz(&self) -> Tensor<2> {
        self.posterior.log_prob(self.z.clone())
    }

    /// The importance weights log p(x | z) + log p(z) - log q(z | x) (Burda et al. 2016, equation 8). `[K, B]`, nats.
    pub fn log_weights(&self) -> Tensor<2> {
        self.log_px_z.clone() + self.log_pz() - self.log_qz()
    }

    /// KL(q || p) in closed form, summed over the latents. `[B]`, nats.
    pub fn kl(&self) -> Tensor<1> {
        self.kl_by_latent().sum_dim(1).squeeze_dim::<1>(1)
    }

    /// KL(q || p) in closed form. `[B, D]`, nats.
    pub fn kl_by_latent(&self) -> Tensor<2> {
        self.prior.kl(&self.posterior)
    }
}

impl Vae {
    /// A model with weights drawn from `rng`: the same for the same seed on every device. The decoder of `blueprint` gives as
    /// many numbers for each value as `likelihood` asks for ([`Blueprint::with_outputs`]).
    pub fn new(blueprint: &Blueprint, likelihood: &Likelihood, rng: Rng, device: &Device) -> Self {
        let mut layers = blueprint
            .layers()
            .map(|(name, spec)| Layer::new(spec, blueprint.initialisation, rng.stream(&name), device));
        let mut take = |count: usize| layers.by_ref().take(count).collect::<Vec<_>>();
        let encoder = take(blueprint.encoder.len());
        let Ok([mean, log_var]) = <[Layer; 2]>::try_from(take(2)) else { unreachable!("a blueprint has two heads") };
        let projects = blueprint.labels.as_ref().is_some_and(|labels| labels.projection.is_some());
        let condition = take(usize::from(projects)).pop();
        let decoder = take(blueprint.decoder.len());
        drop(layers);
        let log_sigma = (likelihood.sigma() == Some(Sigma::Learned)).then(|| scalar(0.0, device));
        let (likelihood, blueprint) = (likelihood.clone(), blueprint.clone());
        Self { encoder, mean, log_var, condition, decoder, log_sigma, likelihood, blueprint }
    }

    /// The same model with a log sigma, where the likelihood's is the optimal one: the batch's no longer.
    #[must_use]
    pub fn with_log_sigma(self, log_sigma: f64) -> Self {
        let log_sigma = Some(scalar(log_sigma as f32, &self.device()));
        Self { log_sigma, ..self }
    }

    /// The same model, the decoder's last bias such that it gives `outputs` where all else is 0: one value a picture's
    /// value, or the mean over a channel's where the bias has one a channel.
    #[must_use]
    pub fn with_output_bias(mut self, outputs: &[f32]) -> Self {
        if let Some(last) = self.decoder.last_mut() {
            last.set_bias(outputs);
        }
        self
    }

    /// Whether `log_sigma` is one of the model's parameters.
    pub fn has_log_sigma(&self) -> bool {
        self.log_sigma.is_some()
    }

    /// The standard deviation of a value under p(x | z), where one holds for all; nothing where it is each batch's own.
    pub fn sigma(&self) -> Option<f64> {
        match (self.likelihood.sigma()?, &self.log_sigma) {
            (Sigma::Fixed(sigma), _) => Some(sigma),
            (_, Some(log_sigma)) => Some(f64::from(log_sigma.val().into_scalar::<f32>()).exp()),
            (_, None) => None,
        }
    }

    pub fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    /// Where the weights are.
    pub fn device(&self) -> Device {
        self.mean.device()
    }

    /// `L`, where the model is conditional: `labels` are then to be given wherever they are asked for.
    pub fn classes(&self) -> Option<usize> {
        self.blueprint.labels.as_ref().map(|labels| labels.classes)
    }

    /// `classes` as one-hot labels, where the model is conditional.
    ///
    /// # Shapes
    /// `classes`: `[N]`, each below `L`; result: `[N, L]`.
    pub fn labels(&self, classes: &[u8]) -> Option<Tensor<2>> {
        self.classes().map(|count| one_hot(classes.iter().copied(), count, &self.device()))
    }

    /// q(z | x), or q(z | x, y) where the encoder is told the class.
    ///
    /// # Shapes
    /// `x`: `[B, P]`; `labels`: `[B, L]`, one-hot, where the model is conditional.
    pub fn encode(&self, x: Tensor<2>, labels: Option<Tensor<2>>) -> Gaussian {
        self.encode_seen(x, labels, &mut |_| {})
    }

    /// [`Vae::encode`]; `seen` is shown what each layer before the heads gives, in the blueprint's order.
    ///
    /// # Shapes
    /// Shown: `[B, output]` of the layer, laid out as its blueprint says.
    pub fn encode_seen(&self, x: Tensor<2>, labels: Option<Tensor<2>>, seen: &mut dyn FnMut(&Tensor<2>)) -> Gaussian {
        let place = self.blueprint.labels.as_ref().and_then(|labels| labels.encoder);
        let told = |i: usize, h| if place == Some(i) { beside(h, labels.clone()) } else { h };
        let h = self.encoder.iter().enumerate().fold(x, |h, (i, layer)| {
            let h = layer.forward(told(i, h));
            seen(&h);
            h
        });
        let h = told(self.encoder.len(), h);
        Gaussian { mean: self.mean.forward(h.clone()), log_var: self.log_var.forward(h) }
    }

    /// What the likelihood makes a distribution of: for a Bernoulli the logits.
    ///
    /// # Shapes
    /// `z`: `[N, D]`; `labels`: `[N, L]`, one-hot, where the model is conditional; result: `[N, O P]`, where `O` is how many
    /// numbers the likelihood asks for of each value.
    pub fn decode(&self, z: Tensor<2>, labels: Option<Tensor<2>>) -> Tensor<2> {
        self.decode_seen(z, labels, &mut |_| {})
    }

    /// [`Vae::decode`]; `seen` is shown what each layer gives, as [`Vae::encode_seen`] does.
    pub fn decode_seen(&self, z: Tensor<2>, labels: Option<Tensor<2>>, seen: &mut dyn FnMut(&Tensor<2>)) -> Tensor<2> {
        let z = match (&self.blueprint.labels, &self.condition) {
            (None, _) => z,
            (Some(_), Some(projection)) => z + projection.forward(given(labels)),
            (Some(_), None) => beside(z, labels),
        };
        self.decoder.iter().fold(z, |h, layer| {
            let h = layer.forward(h);
            seen(&h);
            h
        })
    }

    /// E[x | z], the picture to look at.
    ///
    /// # Shapes
    /// `z`: `[N, D]`; `labels`: `[N, L]`, one-hot, where the model is conditional; result: `[N, P]`.
    pub fn picture(&self, z: Tensor<2>, labels: Option<Tensor<2>>) -> Tensor<2> {
        self.likelihood.mean(self.decode(z, labels))
    }

    /// Encodes, draws `K` codes a picture by reparameterisation and decodes them.
    ///
    /// # Shapes
    /// `noise`: `[K, B, D]`, standard normal.
    pub fn parts(&self, batch: &Batch, noise: Tensor<3>) -> Parts {
        self.parts_of(self.encode(batch.x.clone(), batch.labels.clone()), batch, noise)
    }

    /// [`Vae::parts`] where the posterior is known.
    ///
    /// # Shapes
    /// `noise`: `[K, B, D]`, standard normal.
    pub fn parts_of(&self, posterior: Gaussian, batch: &Batch, noise: Tensor<3>) -> Parts {
        let z = posterior.reparameterise(noise);
        self.parts_at(posterior, batch, z)
    }

    /// [`Vae::parts`] at codes that are known.
    ///
    /// # Shapes
    /// `z`: `[K, B, D]`.
    pub fn parts_at(&self, posterior: Gaussian, batch: &Batch, z: Tensor<3>) -> Parts {
        let log_px_z = self.log_prob(batch, z.clone());
        Parts { posterior, prior: StandardNormal, z, log_px_z }
    }

    /// log p(x | z) of the batch's pictures.
    ///
    /// # Shapes
    /// `z`: `[K, B, D]`; result: `[K, B]`, nats.
    pub fn log_prob(&self, batch: &Batch, z: Tensor<3>) -> Tensor<2> {
        let [k, b, d] = z.dims();
        // Each code of a picture has the picture's class.
        let labels = batch.labels.clone().map(|labels| labels.repeat_dim(0, k));
        let decoded = self.decode(z.reshape([k * b, d]), labels);
        let [_, outputs] = decoded.dims();
        let log_sigma = self.log_sigma.as_ref().map(Param::val);
        self.likelihood.log_prob(batch.x.clone(), decoded.reshape([k, b, outputs]), log_sigma)
    }
}

fn scalar(value: f32, device: &Device) -> Param<Tensor<1>> {
    Param::from_data(TensorData::new(vec![value], [1]), device)
}

/// Labels beside what a layer reads: `[N, F]` and `[N, L]` -> `[N, F + L]`.
fn beside(features: Tensor<2>, labels: Option<Tensor<2>>) -> Tensor<2> {
    Tensor::cat(vec![features, given(labels)], 1)
}

fn given(labels: Option<Tensor<2>>) -> Tensor<2> {
    let Some(labels) = labels else { unreachable!("a conditional model is given labels") };
    labels
}
