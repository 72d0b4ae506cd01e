//! A second stochastic layer: p(z, u) = p(z | u) p(u), p(u) = N(0, I), and q(z, u | x) = q(z | x) q(u | z), each conditional
//! a Gaussian whose mean and variance a network gives (Rezende, Mohamed, Wierstra 2014; Burda et al. 2016, section 3). Seen from z it is a prior whose density is estimated: log p(z) is at least the mean of
//! log p(z | u) + log p(u) - log q(u | z), so that the importance weights of (z, u) are those of z with it in log p(z)'s place.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::super::{Activation, Features, Layer, LayerSpec};
use super::{PriorKind, PriorSpec};
use crate::check::at_least_one;
use crate::density::{Gaussian, standard_normal_log_prob};
use crate::error::Result;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hierarchical {
    /// `U`, the latents of u.
    pub latent: usize,
    /// Units of the layers from z to u; those from u to z are the same in reverse.
    pub hidden: Vec<usize>,
    pub activation: Activation,
}

impl Default for Hierarchical {
    fn default() -> Self {
        // The second layer of Burda et al. 2016.
        Self {
            latent: 50,
            hidden: vec![100, 100],
            activation: Activation::Tanh,
        }
    }
}

impl PriorKind for Hierarchical {
    fn spec(&self, latent: usize) -> Result<PriorSpec> {
        let chain = |input: usize, units: &mut dyn Iterator<Item = usize>| {
            let mut input = Features::Flat(input);
            let layer = |units: usize| {
                let output = Features::Flat(units);
                LayerSpec::dense(
                    std::mem::replace(&mut input, output),
                    output,
                    self.activation,
                )
            };
            let layers: Vec<LayerSpec> = units.map(layer).collect();
            (layers, input)
        };
        let head = |input, count| LayerSpec::dense(input, Features::Flat(count), Activation::None);
        let (encoder, up) = chain(latent, &mut self.hidden.iter().copied());
        let (decoder, down) = chain(self.latent, &mut self.hidden.iter().rev().copied());
        Ok(PriorSpec::Hierarchical(Box::new(HierarchySpec {
            latent: self.latent,
            encoder,
            posterior: [head(up, self.latent), head(up, self.latent)],
            decoder,
            prior: [head(down, latent), head(down, latent)],
        })))
    }

    fn check(&self) -> Result<()> {
        at_least_one("prior.hierarchical.latent", self.latent)?;
        self.hidden
            .iter()
            .try_for_each(|&units| at_least_one("prior.hierarchical.hidden", units))
    }
}

/// Its networks before they have weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HierarchySpec {
    /// `U`.
    pub latent: usize,
    /// From z up.
    encoder: Vec<LayerSpec>,
    /// Mean and logarithm of the variance of q(u | z).
    posterior: [LayerSpec; 2],
    /// From u down.
    decoder: Vec<LayerSpec>,
    /// Mean and logarithm of the variance of p(z | u).
    prior: [LayerSpec; 2],
}

impl HierarchySpec {
    pub(super) fn layers(&self) -> Vec<(String, &LayerSpec)> {
        let numbered = |part: &'static str| move |(i, layer)| (format!("prior.{part}.{i}"), layer);
        let named = |names: [&str; 2]| names.map(|name| format!("prior.{name}"));
        self.encoder
            .iter()
            .enumerate()
            .map(numbered("encoder"))
            .chain(
                named(["upper_mean", "upper_log_var"])
                    .into_iter()
                    .zip(&self.posterior),
            )
            .chain(self.decoder.iter().enumerate().map(numbered("decoder")))
            .chain(named(["mean", "log_var"]).into_iter().zip(&self.prior))
            .collect()
    }
}

/// Its networks.
#[derive(Module, Debug)]
pub struct Hierarchy {
    encoder: Vec<Layer>,
    upper_mean: Layer,
    upper_log_var: Layer,
    decoder: Vec<Layer>,
    mean: Layer,
    log_var: Layer,
}

impl Hierarchy {
    /// Of the layers of `spec`, in order.
    pub fn new(spec: &HierarchySpec, mut layers: impl Iterator<Item = Layer>) -> Self {
        let encoder = layers.by_ref().take(spec.encoder.len()).collect();
        let [upper_mean, upper_log_var] = two(&mut layers);
        let decoder = layers.by_ref().take(spec.decoder.len()).collect();
        let [mean, log_var] = two(&mut layers);
        Self {
            encoder,
            upper_mean,
            upper_log_var,
            decoder,
            mean,
            log_var,
        }
    }

    /// q(u | z).
    ///
    /// # Shapes
    /// `z`: `[N, D]`; result: `[N, U]`.
    pub fn posterior(&self, z: Tensor<2>) -> Gaussian {
        let h = self.encoder.iter().fold(z, |h, layer| layer.forward(h));
        Gaussian {
            mean: self.upper_mean.forward(h.clone()),
            log_var: self.upper_log_var.forward(h),
        }
    }

    /// p(z | u).
    ///
    /// # Shapes
    /// `u`: `[N, U]`; result: `[N, D]`.
    pub fn prior(&self, u: Tensor<2>) -> Gaussian {
        let h = self.decoder.iter().fold(u, |h, layer| layer.forward(h));
        Gaussian {
            mean: self.mean.forward(h.clone()),
            log_var: self.log_var.forward(h),
        }
    }

    /// log p(z | u) + log p(u) - log q(u | z) at a u drawn from q(u | z).
    ///
    /// # Shapes
    /// `z`: `[K, B, D]`; `noise`: `[K, B, U]`, standard normal; result: `[K, B]`, nats.
    pub fn log_prob(&self, z: Tensor<3>, noise: Tensor<3>) -> Tensor<2> {
        let [k, b, latent_count] = z.dims();
        let upper = noise.dims()[2];
        let z = z.reshape([k * b, latent_count]);
        let posterior = self.posterior(z.clone());
        let u = posterior.reparameterise(noise.reshape([1, k * b, upper])); // [1, K B, U]
        let prior = self.prior(u.clone().squeeze_dim::<2>(0));
        let log_pz_u = prior.log_prob(z.unsqueeze::<3>()) + standard_normal_log_prob(u.clone());
        (log_pz_u - posterior.log_prob(u)).reshape([k, b])
    }
}

fn two(layers: &mut impl Iterator<Item = Layer>) -> [Layer; 2] {
    let (Some(mean), Some(log_var)) = (layers.next(), layers.next()) else {
        unreachable!("a spec has two heads")
    };
    [mean, log_var]
}
