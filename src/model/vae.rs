//! The model: q(z | x) = N(mean(x), exp(log_var(x))), p(z) from the prior, p(x | z) from the likelihood.

use burn::module::{Module, Param};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::{Hierarchy, Layer, Likelihood, Network, PriorDensity, PriorSpec, Sigma};
use crate::data::{Batch, one_hot};
use crate::density::Gaussian;
use crate::ops::noise;
use crate::rng::Rng;

#[derive(Module, Debug)]
pub struct Vae {
    encoder: Vec<Layer>,
    mean: Layer,
    log_var: Layer,
    /// From a class to what is added to the latent.
    condition: Option<Layer>,
    decoder: Vec<Layer>,
    /// Of a prior with networks of its own.
    hierarchy: Option<Hierarchy>,
    /// `[1]`: log sigma of p(x | z) where one for all values is trained, or was fitted to the training images.
    log_sigma: Option<Param<Tensor<1>>>,
    /// `[P, C]`: the logits of the prior's pseudo-inputs, of a prior that has some.
    pseudo_inputs: Option<Param<Tensor<2>>>,
    #[module(skip)]
    likelihood: Likelihood,
    #[module(skip)]
    network: Network,
}

/// What every objective and every bound on log p(x) is made of, for `B` images and `K` latents each.
#[derive(Clone, Debug)]
pub struct ForwardPass {
    pub posterior: Gaussian,
    pub prior: PriorDensity,
    /// `[K, B, D]`, drawn from the posterior.
    pub z: Tensor<3>,
    /// `[K, B]`, nats.
    pub log_px_z: Tensor<2>,
}

impl ForwardPass {
    /// log p(z), or its estimate. `[K, B]`, nats.
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

    /// KL(q || p): in closed form where p is N(0, I), otherwise the mean over the latents of log q(z | x) - log p(z). `[B]`, nats.
    pub fn kl(&self) -> Tensor<1> {
        match self.kl_by_latent() {
            Some(by_latent) => by_latent.sum_dim(1).squeeze_dim::<1>(1),
            None => (self.log_qz() - self.log_pz())
                .mean_dim(0)
                .squeeze_dim::<1>(0),
        }
    }

    /// KL(q || p) in closed form, where p is N(0, I). `[B, D]`, nats.
    pub fn kl_by_latent(&self) -> Option<Tensor<2>> {
        matches!(self.prior, PriorDensity::Normal).then(|| self.posterior.kl_to_standard_normal())
    }
}

impl Vae {
    /// A model with weights drawn from `rng`: the same for the same seed on every device. The decoder of `network` gives as
    /// many numbers for each value as `likelihood` asks for ([`Network::with_outputs`]).
    pub fn new(network: &Network, likelihood: &Likelihood, rng: Rng, device: &Device) -> Self {
        let mut layers = network.layers().map(|(name, spec)| {
            Layer::new(spec, network.initialisation, rng.stream(&name), device)
        });
        let mut take = |count: usize| layers.by_ref().take(count).collect::<Vec<_>>();
        let encoder = take(network.encoder.len());
        let Ok([mean, log_var]) = <[Layer; 2]>::try_from(take(2)) else {
            unreachable!("a network has two heads")
        };
        let projects = network
            .labels
            .as_ref()
            .is_some_and(|labels| labels.projection.is_some());
        let condition = take(usize::from(projects)).pop();
        let decoder = take(network.decoder.len());
        let hierarchy = match &network.prior {
            PriorSpec::Hierarchical(spec) => Some(Hierarchy::new(spec, layers.by_ref())),
            PriorSpec::Normal | PriorSpec::Vamp(_) => None,
        };
        drop(layers);
        let pseudo_inputs = network.pseudo_inputs().map(|[count, values]| {
            let mut logits = vec![0.0; count * values];
            rng.stream("prior.pseudo_inputs").fill_normal(&mut logits);
            columns(&logits, count, device)
        });
        let log_sigma =
            (likelihood.kind().sigma() == Some(Sigma::Learned)).then(|| scalar(0.0, device));
        let (likelihood, network) = (likelihood.clone(), network.clone());
        Self {
            encoder,
            mean,
            log_var,
            condition,
            decoder,
            hierarchy,
            log_sigma,
            pseudo_inputs,
            likelihood,
            network,
        }
    }

    /// The same model with a log sigma, where the likelihood's is the optimal one: the batch's no longer.
    #[must_use]
    pub fn with_log_sigma(self, log_sigma: f64) -> Self {
        let log_sigma = Some(scalar(log_sigma as f32, &self.device()));
        Self { log_sigma, ..self }
    }

    /// The same model, the decoder's last bias such that it gives `outputs` where all else is 0: one value an image's
    /// value, or the mean over a channel's where the bias has one a channel.
    #[must_use]
    pub fn with_output_bias(mut self, outputs: &[f32]) -> Self {
        if let Some(last) = self.decoder.last_mut() {
            last.set_bias(outputs);
        }
        self
    }

    /// The same model, its prior's pseudo-inputs at these logits, `[C, P]`.
    #[must_use]
    pub fn with_pseudo_inputs(mut self, logits: &[f32]) -> Self {
        if let Some([count, _]) = self.network.pseudo_inputs() {
            self.pseudo_inputs = Some(columns(logits, count, &self.device()));
        }
        self
    }

    /// Whether `log_sigma` is one of the model's parameters.
    pub fn has_log_sigma(&self) -> bool {
        self.log_sigma.is_some()
    }

    /// The standard deviation of a value under p(x | z), where one holds for all; nothing where it is each batch's own.
    pub fn sigma(&self) -> Option<f64> {
        match (self.likelihood.kind().sigma()?, &self.log_sigma) {
            (Sigma::Fixed(sigma), _) => Some(sigma),
            (_, Some(log_sigma)) => Some(f64::from(log_sigma.val().into_scalar::<f32>()).exp()),
            (_, None) => None,
        }
    }

    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Where the weights are.
    pub fn device(&self) -> Device {
        self.mean.device()
    }

    /// `L`, where the model is conditional: `labels` are then to be given wherever they are asked for.
    pub fn classes(&self) -> Option<usize> {
        self.network.labels.as_ref().map(|labels| labels.classes)
    }

    /// `classes` as one-hot labels, where the model is conditional.
    ///
    /// # Shapes
    /// `classes`: `[N]`, each below `L`; result: `[N, L]`.
    pub fn labels(&self, classes: &[u32]) -> Option<Tensor<2>> {
        self.classes()
            .map(|count| one_hot(classes.iter().copied(), count, &self.device()))
    }

    /// q(z | x), or q(z | x, y) where the encoder is told the class.
    ///
    /// # Shapes
    /// `x`: `[B, P]`; `labels`: `[B, L]`, one-hot, where the model is conditional.
    pub fn encode(&self, x: Tensor<2>, labels: Option<Tensor<2>>) -> Gaussian {
        self.encode_seen(x, labels, &mut |_| {})
    }

    /// [`Vae::encode`]; `seen` is shown what each layer before the heads gives, in the network's order.
    ///
    /// # Shapes
    /// Shown: `[B, output]` of the layer, laid out as its network says.
    pub fn encode_seen(
        &self,
        x: Tensor<2>,
        labels: Option<Tensor<2>>,
        seen: &mut dyn FnMut(&Tensor<2>),
    ) -> Gaussian {
        let place = self
            .network
            .labels
            .as_ref()
            .and_then(|labels| labels.encoder);
        let told = |i: usize, h| {
            if place == Some(i) {
                beside(h, labels.clone())
            } else {
                h
            }
        };
        let h = self.encoder.iter().enumerate().fold(x, |h, (i, layer)| {
            let h = layer.forward(told(i, h));
            seen(&h);
            h
        });
        let h = told(self.encoder.len(), h);
        Gaussian {
            mean: self.mean.forward(h.clone()),
            log_var: self.log_var.forward(h),
        }
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
    pub fn decode_seen(
        &self,
        z: Tensor<2>,
        labels: Option<Tensor<2>>,
        seen: &mut dyn FnMut(&Tensor<2>),
    ) -> Tensor<2> {
        let z = match (&self.network.labels, &self.condition) {
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

    /// E[x | z], the image to look at.
    ///
    /// # Shapes
    /// `z`: `[N, D]`; `labels`: `[N, L]`, one-hot, where the model is conditional; result: `[N, P]`.
    pub fn decode_mean(&self, z: Tensor<2>, labels: Option<Tensor<2>>) -> Tensor<2> {
        self.likelihood.kind().mean(self.decode(z, labels))
    }

    /// Encodes, draws `K` latents an image by reparameterisation and decodes them.
    ///
    /// # Shapes
    /// `noise`: `[K, B, D]`, standard normal, or as many more as [`Network::noise`] says.
    pub fn forward(&self, batch: &Batch, noise: Tensor<3>) -> ForwardPass {
        self.forward_from(
            self.encode(batch.input(), batch.labels.clone()),
            batch,
            noise,
        )
    }

    /// [`Vae::pass`] where the posterior is known.
    ///
    /// # Shapes
    /// `noise`: as in [`Vae::pass`].
    pub fn forward_from(
        &self,
        posterior: Gaussian,
        batch: &Batch,
        noise: Tensor<3>,
    ) -> ForwardPass {
        let (latent, above) = (self.network.latent, self.network.prior.noise());
        let Some(hierarchy) = &self.hierarchy else {
            let z = posterior.reparameterise(noise);
            return self.forward_at(posterior, batch, z);
        };
        let z = posterior.reparameterise(noise.clone().narrow(2, 0, latent));
        let log_pz = hierarchy.log_prob(z.clone(), noise.narrow(2, latent, above));
        let prior = PriorDensity::Estimated(Box::new(log_pz));
        ForwardPass {
            log_px_z: self.log_prob(batch, z.clone()),
            posterior,
            prior,
            z,
        }
    }

    /// [`Vae::pass`] at latents that are known, of a prior that asks for no noise.
    ///
    /// # Shapes
    /// `z`: `[K, B, D]`.
    pub fn forward_at(&self, posterior: Gaussian, batch: &Batch, z: Tensor<3>) -> ForwardPass {
        let prior = self
            .components()
            .map_or(PriorDensity::Normal, |components| {
                PriorDensity::Mixture(Box::new(components))
            });
        ForwardPass {
            log_px_z: self.log_prob(batch, z.clone()),
            posterior,
            prior,
            z,
        }
    }

    /// q(z | u) of the prior's pseudo-inputs, of a prior that has some.
    ///
    /// # Shapes
    /// Result: `[C, D]`.
    fn components(&self) -> Option<Gaussian> {
        let pseudo_inputs = self.pseudo_inputs.as_ref()?;
        Some(self.encode(sigmoid(pseudo_inputs.val().transpose()), None))
    }

    /// Latents drawn from p(z), all noise scaled by `temperature`. A latent depends on `rng` and its own key alone.
    ///
    /// # Shapes
    /// `image_ids`: `[N]`; result: `[N, D]`.
    pub fn sample_prior(&self, rng: Rng, image_ids: &[u32], temperature: f32) -> Tensor<2> {
        let (latent, above) = (self.network.latent, self.network.prior.noise());
        let device = self.device();
        let noise = noise::latents(rng, image_ids, 1, self.network.noise(), &device) * temperature; // [1, N, D + U]
        let drawn = if let Some(hierarchy) = &self.hierarchy {
            let u = noise.clone().narrow(2, latent, above).squeeze_dim::<2>(0);
            hierarchy
                .prior(u)
                .reparameterise(noise.narrow(2, 0, latent))
        } else if let Some(Gaussian { mean, log_var }) = self.components() {
            let count = mean.dims()[0] as u64;
            let which = image_ids
                .iter()
                .map(|&key| rng.stream("component").below(u64::from(key), count) as i64)
                .collect();
            let which =
                Tensor::<1, Int>::from_data(TensorData::new(which, [image_ids.len()]), &device);
            let of = |values: Tensor<2>| values.select(0, which.clone());
            Gaussian {
                mean: of(mean),
                log_var: of(log_var),
            }
            .reparameterise(noise)
        } else {
            noise
        };
        drawn.squeeze_dim::<2>(0)
    }

    /// log p(x | z) of the batch's images.
    ///
    /// # Shapes
    /// `z`: `[K, B, D]`; result: `[K, B]`, nats.
    pub fn log_prob(&self, batch: &Batch, z: Tensor<3>) -> Tensor<2> {
        let [k, b, d] = z.dims();
        // Each latent of an image has the image's class.
        let labels = batch.labels.clone().map(|labels| labels.repeat_dim(0, k));
        let decoded = self.decode(z.reshape([k * b, d]), labels);
        let [_, outputs] = decoded.dims();
        let log_sigma = self.log_sigma.as_ref().map(Param::val);
        self.likelihood.kind().log_prob(
            batch.x.clone(),
            decoded.reshape([k, b, outputs]),
            log_sigma,
        )
    }
}

/// `[C, P]` -> `[P, C]`: in memory as every matrix.
fn columns(rows: &[f32], count: usize, device: &Device) -> Param<Tensor<2>> {
    let values = rows.len() / count;
    let across = (0..values)
        .flat_map(|value| (0..count).map(move |row| rows[row * values + value]))
        .collect();
    Param::from_data(TensorData::new(across, [values, count]), device)
}

fn scalar(value: f32, device: &Device) -> Param<Tensor<1>> {
    Param::from_data(TensorData::new(vec![value], [1]), device)
}

/// Labels beside what a layer reads: `[N, F]` and `[N, L]` -> `[N, F + L]`.
fn beside(features: Tensor<2>, labels: Option<Tensor<2>>) -> Tensor<2> {
    Tensor::cat(vec![features, given(labels)], 1)
}

fn given(labels: Option<Tensor<2>>) -> Tensor<2> {
    let Some(labels) = labels else {
        unreachable!("a conditional model is given labels")
    };
    labels
}
