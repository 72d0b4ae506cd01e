//! The model: q(z | x) = N(mean(x), exp(log_var(x))), p(z) from the prior, p(x | z) from the likelihood.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{
    DenseLayer, Forward, ForwardPass, Init, Layer, Likelihood, LikelihoodModule, Network,
    PriorModule, TrainingPass,
};
use crate::data::{Batch, one_hot};
use crate::density::DiagonalGaussian;
use crate::ops::noise;
use crate::rng::Rng;

/// A network with weights. The name of a parameter is its path from here.
#[derive(Module, Debug)]
pub struct Vae {
    pub(super) encoder: Vec<Layer>,
    pub(super) mean: DenseLayer,
    pub(super) log_var: DenseLayer,
    /// The layer from a one-hot label to the vector that is added to the latent.
    condition: Option<DenseLayer>,
    pub(super) decoder: Vec<Layer>,
    prior: PriorModule,
    pub(super) likelihood: LikelihoodModule,
    #[module(skip)]
    network: Network,
    /// The additions of the current training step to the forward pass; `None` outside of training.
    #[module(skip)]
    training: Option<TrainingPass>,
}

/// A function that is called with the name of the encoder or decoder, the index of a layer and its output, `[N, F]`, in
/// the memory layout that the layer's spec names.
pub type LayerObserver<'a> = &'a mut dyn FnMut(&'static str, usize, &Tensor<2>);

impl Vae {
    /// Returns a model with weights drawn from `rng`, the same on every device. The decoder of `network` must already
    /// give the number of outputs per value that `likelihood` needs ([`Network::with_outputs`]).
    pub fn new(network: &Network, likelihood: &Likelihood, rng: Rng, device: &Device) -> Self {
        let init = Init::new(network.initialisation, rng, device);
        let layers = |part: &str, layers: &[super::LayerSpec]| {
            let init = init.at(part);
            let layers = layers.iter().enumerate();
            layers
                .map(|(i, layer)| layer.kind().layer(&init.at(i)))
                .collect()
        };
        let condition = network.condition.as_ref();
        let projection = condition.and_then(|condition| condition.projection.as_ref());
        let prior = network.prior.kind();
        Self {
            encoder: layers("encoder", &network.encoder),
            mean: network.mean.dense(&init.at("mean")),
            log_var: network.log_var.dense(&init.at("log_var")),
            condition: projection.map(|layer| layer.dense(&init.at("condition"))),
            decoder: layers("decoder", &network.decoder),
            prior: prior.module(network.latent_space(), &init.at("prior")),
            likelihood: likelihood.kind().module(&init.at("likelihood")),
            network: network.clone(),
            training: None,
        }
    }

    /// Returns the same model with its likelihood fitted to images whose reconstructions have this mean squared error.
    #[must_use]
    pub fn with_fitted_likelihood(mut self, mean_squared_error: f64) -> Self {
        let device = self.device();
        self.likelihood.kind_mut().fit(mean_squared_error, &device);
        self
    }

    /// Returns the same model with the decoder's last bias set to `outputs`, one number for each value of an image. If
    /// the bias has one number per channel, it is set to the mean over the channel.
    #[must_use]
    pub fn with_output_bias(mut self, outputs: &[f32]) -> Self {
        if let Some(last) = self.decoder.last_mut() {
            last.set_bias(outputs);
        }
        self
    }

    /// Returns the same model with its prior's pseudo-inputs set to these images.
    ///
    /// # Shapes
    /// `images`: `C * P` values in [0, 1].
    #[must_use]
    pub fn with_pseudo_inputs(mut self, images: &[f32]) -> Self {
        let device = self.device();
        self.prior.kind_mut().start_from(images, &device);
        self
    }

    /// Returns the same model, with the same weights, for the forward pass of a training step.
    #[must_use]
    pub fn in_training(&self, pass: TrainingPass) -> Self {
        Self {
            training: Some(pass),
            ..self.clone()
        }
    }

    /// Returns the standard deviation of a value under p(x | z), or `None` if it is not the same for all values.
    pub fn sigma(&self) -> Option<f64> {
        self.likelihood.kind().sigma()
    }

    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Returns the device that holds the weights.
    pub fn device(&self) -> Device {
        self.mean.device()
    }

    /// Returns `L` if the model is conditional. The methods below then expect one-hot labels.
    pub fn class_count(&self) -> Option<usize> {
        let condition = self.network.condition.as_ref();
        condition.map(|condition| condition.class_count)
    }

    /// Returns `classes` as one-hot labels, or `None` if the model is not conditional.
    ///
    /// # Shapes
    /// `classes`: `[N]`, each below `L`; result: `[N, L]`.
    pub fn labels(&self, classes: &[u32]) -> Option<Tensor<2>> {
        self.class_count()
            .map(|count| one_hot(classes.iter().copied(), count, &self.device()))
    }

    /// Returns q(z | x), or q(z | x, y) if the encoder reads the class.
    ///
    /// # Shapes
    /// `x`: `[B, P]`; `labels`: `[B, L]`, one-hot, if the model is conditional.
    pub fn encode(&self, x: Tensor<2>, labels: Option<Tensor<2>>) -> DiagonalGaussian {
        let Some(pass) = &self.training else {
            return self.encode_observed(x, labels, &mut |_, _, _| {});
        };
        let told_at = self.encoder_told_at();
        let first = told_at.unwrap_or(0);
        let (before, after) = self.encoder.split_at(first);
        let (specs_before, specs_after) = self.network.encoder.split_at(first);
        let mut h = pass.run("encoder", 0, (before, specs_before), x);
        if told_at.is_some() {
            h = self.beside(h, labels);
        }
        self.posterior(pass.run("encoder", first, (after, specs_after), h))
    }

    /// Does the same as [`Vae::encode`] outside of training, and calls the observer with the output of each layer of the
    /// encoder.
    pub fn encode_observed(
        &self,
        x: Tensor<2>,
        labels: Option<Tensor<2>>,
        observe: LayerObserver,
    ) -> DiagonalGaussian {
        let told_at = self.encoder_told_at();
        let told = |i: usize, h: Tensor<2>| {
            if told_at == Some(i) {
                self.beside(h, labels.clone())
            } else {
                h
            }
        };
        let h = self.encoder.iter().enumerate().fold(x, |h, (i, layer)| {
            let h = layer.forward(told(i, h));
            observe("encoder", i, &h);
            h
        });
        self.posterior(told(self.encoder.len(), h))
    }

    /// Returns the index of the encoder's layer that reads the labels; `None` if none does.
    fn encoder_told_at(&self) -> Option<usize> {
        let condition = self.network.condition.as_ref();
        condition.and_then(|condition| condition.encoder)
    }

    fn posterior(&self, h: Tensor<2>) -> DiagonalGaussian {
        DiagonalGaussian {
            mean: self.mean.forward(h.clone()),
            log_var: self.log_var.forward(h),
        }
    }

    /// Returns the parameters of p(x | z), which are the logits for a Bernoulli.
    ///
    /// # Shapes
    /// `z`: `[N, D]`; `labels`: `[N, L]`, one-hot, if the model is conditional; result: `[N, O P]`, where `O` is the
    /// number of outputs per value that the likelihood needs.
    pub fn decode(&self, z: Tensor<2>, labels: Option<Tensor<2>>) -> Tensor<2> {
        match &self.training {
            None => self.decode_observed(z, labels, &mut |_, _, _| {}),
            Some(pass) => {
                let layers = (&self.decoder[..], &self.network.decoder[..]);
                pass.run("decoder", 0, layers, self.told_latents(z, labels))
            }
        }
    }

    /// Does the same as [`Vae::decode`] outside of training, and calls the observer with the output of each layer of the
    /// decoder.
    pub fn decode_observed(
        &self,
        z: Tensor<2>,
        labels: Option<Tensor<2>>,
        observe: LayerObserver,
    ) -> Tensor<2> {
        let z = self.told_latents(z, labels);
        self.decoder.iter().enumerate().fold(z, |h, (i, layer)| {
            let h = layer.forward(h);
            observe("decoder", i, &h);
            h
        })
    }

    /// Returns the decoder's input: the latents, and the labels with them if the model is conditional.
    fn told_latents(&self, z: Tensor<2>, labels: Option<Tensor<2>>) -> Tensor<2> {
        match (&self.network.condition, &self.condition) {
            (None, _) => z,
            (Some(_), Some(projection)) => {
                let labels = expected(labels);
                z + projection.forward(labels)
            }
            (Some(_), None) => self.beside(z, labels),
        }
    }

    /// Returns E[x | z], the image to look at.
    ///
    /// # Shapes
    /// `z`: `[N, D]`; `labels`: `[N, L]`, one-hot, if the model is conditional; result: `[N, P]`.
    pub fn decode_mean(&self, z: Tensor<2>, labels: Option<Tensor<2>>) -> Tensor<2> {
        self.likelihood.kind().mean(self.decode(z, labels))
    }

    /// Encodes the batch, draws `K` latents per image by reparameterisation and decodes them.
    ///
    /// # Shapes
    /// `noise`: `[K, B, D + U]`, standard normal; [`Network::noise`] returns `D + U`.
    pub fn forward(&self, batch: &Batch, noise: Tensor<3>) -> ForwardPass {
        self.forward_from(
            self.encode(batch.input(), batch.labels.clone()),
            batch,
            noise,
        )
    }

    /// Does the same as [`Vae::forward`] for a known posterior.
    ///
    /// # Shapes
    /// `noise`: as in [`Vae::forward`].
    pub fn forward_from(
        &self,
        posterior: DiagonalGaussian,
        batch: &Batch,
        noise: Tensor<3>,
    ) -> ForwardPass {
        let z = self.drawn(&posterior, &noise);
        self.forward_at(posterior, batch, z, noise)
    }

    /// Returns latents drawn from posteriors.
    ///
    /// # Shapes
    /// `noise`: `[K, B, D + U]`; result: `[K, B, D]`.
    pub(super) fn drawn(&self, posterior: &DiagonalGaussian, noise: &Tensor<3>) -> Tensor<3> {
        let latent = self.network.latent;
        let for_z = if noise.dims()[2] > latent {
            noise.clone().narrow(2, 0, latent)
        } else {
            noise.clone()
        };
        posterior.reparameterise(for_z)
    }

    /// Does the same as [`Vae::forward`] for a known posterior and known latents.
    ///
    /// # Shapes
    /// `z`: `[K, B, D]`; `noise`: as in [`Vae::forward`].
    pub fn forward_at(
        &self,
        posterior: DiagonalGaussian,
        batch: &Batch,
        z: Tensor<3>,
        noise: Tensor<3>,
    ) -> ForwardPass {
        ForwardPass {
            log_pz: self.log_pz(&z, noise),
            log_px_z: self.log_prob(batch, z.clone()),
            posterior,
            z,
        }
    }

    /// Returns log p(z), `[K, B]`, or `None` if p is N(0, I).
    pub(super) fn log_pz(&self, z: &Tensor<3>, noise: Tensor<3>) -> Option<Tensor<2>> {
        (!self.network.prior.is_normal()).then(|| {
            let prior = self.prior.kind();
            // A pseudo-input has no image id, and so no dropout.
            prior.log_prob(z.clone(), noise, &|x| {
                self.encode_observed(x, None, &mut |_, _, _| {})
            })
        })
    }

    /// Returns latents drawn from p(z), with all noise scaled by `temperature`. A latent depends only on `rng` and its
    /// image id.
    ///
    /// # Shapes
    /// `image_ids`: `[N]`; result: `[N, D]`.
    pub fn sample_prior(&self, rng: Rng, image_ids: &[u32], temperature: f32) -> Tensor<2> {
        let noise =
            noise::latents(rng, image_ids, 1, self.network.noise(), &self.device()) * temperature;
        let prior = self.prior.kind();
        prior
            .sample(noise, rng, image_ids, &|x| self.encode(x, None))
            .squeeze_dim::<2>(0)
    }

    /// Returns log p(x | z) of the batch's images.
    ///
    /// # Shapes
    /// `z`: `[K, B, D]`; result: `[K, B]`, nats.
    pub fn log_prob(&self, batch: &Batch, z: Tensor<3>) -> Tensor<2> {
        let decoded = self.decoded(batch, z);
        self.likelihood.kind().log_prob(batch.x.clone(), decoded)
    }

    /// Returns the parameters of p(x | z) for the latents of a batch's images.
    ///
    /// # Shapes
    /// `z`: `[K, B, D]`; result: `[K, B, O P]`.
    pub(super) fn decoded(&self, batch: &Batch, z: Tensor<3>) -> Tensor<3> {
        let [k, b, d] = z.dims();
        // Each latent of an image has the image's class.
        let labels = batch.labels.clone().map(|labels| labels.repeat_dim(0, k));
        let decoded = self.decode(z.reshape([k * b, d]), labels);
        let [_, outputs] = decoded.dims();
        decoded.reshape([k, b, outputs])
    }

    /// Returns the features with the labels appended: `[N, F]` and `[N, L]` -> `[N, F + L]`.
    fn beside(&self, features: Tensor<2>, labels: Option<Tensor<2>>) -> Tensor<2> {
        let labels = expected(labels);
        Tensor::cat(vec![features, labels], 1)
    }
}

/// Returns the labels that the caller of a conditional model passes.
fn expected(labels: Option<Tensor<2>>) -> Tensor<2> {
    let Some(labels) = labels else {
        unreachable!("a conditional model is given labels")
    };
    labels
}
