//! A second stochastic layer: p(z, u) = p(z | u) p(u), p(u) = N(0, I), and q(z, u | x) = q(z | x) q(u | z). Each
//! conditional is a Gaussian whose mean and variance are computed by a network (Rezende, Mohamed, Wierstra 2014; Burda
//! et al. 2016, section 3).
//!
//! As a distribution of z it is a prior whose density is estimated: log p(z) is at least the mean of log p(z | u) + log
//! p(u) - log q(u | z). The importance weights of (z, u) are the usual weights of z with this estimate in place of log
//! p(z).

use burn::module::Module;
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Encode, LatentDistribution, LatentSpace, PriorKind, PriorModule};
use crate::check::at_least_one;
use crate::density::{DiagonalGaussian, standard_normal_log_prob};
use crate::error::Result;
use crate::model::{
    Activation, DenseLayer, DenseSpec, Features, Forward, Init, LayerShape, ParameterShape,
};
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hierarchical {
    /// `U`, the number of latents of u.
    pub latent: usize,
    /// The units of the layers from z to u. The layers from u to z have the same units in reverse.
    pub hidden: Vec<usize>,
    pub activation: Activation,
}

impl Default for Hierarchical {
    fn default() -> Self {
        // The default is the second layer of Burda et al. 2016.
        Self {
            latent: 50,
            hidden: vec![100, 100],
            activation: Activation::Tanh,
        }
    }
}

/// The shapes of the networks of a [`HierarchicalPrior`]. The heads for the mean and the variance have the same shape.
struct Shapes {
    encoder: Vec<DenseSpec>,
    upper_head: DenseSpec,
    decoder: Vec<DenseSpec>,
    head: DenseSpec,
}

impl Hierarchical {
    fn shapes(&self, latent: usize) -> Shapes {
        let chain = |input: usize, hidden: &[usize]| {
            DenseSpec::chain(
                Features::Flat(input),
                hidden.iter().copied(),
                self.activation,
            )
        };
        let head = |input, count| DenseSpec::new(input, Features::Flat(count), Activation::None);
        let downward: Vec<usize> = self.hidden.iter().rev().copied().collect();
        let (encoder, up) = chain(latent, &self.hidden);
        let (decoder, down) = chain(self.latent, &downward);
        Shapes {
            encoder,
            upper_head: head(up, self.latent),
            decoder,
            head: head(down, latent),
        }
    }
}

impl PriorKind for Hierarchical {
    fn check(&self) -> Result<()> {
        at_least_one("prior.hierarchical.latent", self.latent)?;
        self.hidden
            .iter()
            .try_for_each(|&units| at_least_one("prior.hierarchical.hidden", units))
    }

    fn noise(&self) -> usize {
        self.latent
    }

    fn layers(&self, space: LatentSpace) -> Vec<(String, DenseSpec)> {
        let shapes = self.shapes(space.latent);
        let numbered = |part: &'static str, layers: Vec<DenseSpec>| {
            let named = move |(i, layer)| (format!("{part}.{i}"), layer);
            layers.into_iter().enumerate().map(named)
        };
        let named = |name: &str, layer: &DenseSpec| (name.to_owned(), layer.clone());
        numbered("encoder", shapes.encoder)
            .chain([
                named("upper_mean", &shapes.upper_head),
                named("upper_log_var", &shapes.upper_head),
            ])
            .chain(numbered("decoder", shapes.decoder))
            .chain([named("mean", &shapes.head), named("log_var", &shapes.head)])
            .collect()
    }

    fn parameters(&self, space: LatentSpace) -> Vec<ParameterShape> {
        let of_layer = |(name, layer): (String, DenseSpec)| {
            let parameters = layer.parameters().into_iter();
            parameters.map(move |parameter| parameter.below(&name))
        };
        self.layers(space).into_iter().flat_map(of_layer).collect()
    }

    fn module(&self, space: LatentSpace, init: &Init) -> PriorModule {
        let shapes = self.shapes(space.latent);
        let layers = |part: &str, layers: &[DenseSpec]| {
            let init = init.at(part);
            let layers = layers.iter().enumerate();
            layers.map(|(i, layer)| layer.dense(&init.at(i))).collect()
        };
        HierarchicalPrior {
            encoder: layers("encoder", &shapes.encoder),
            upper_mean: shapes.upper_head.dense(&init.at("upper_mean")),
            upper_log_var: shapes.upper_head.dense(&init.at("upper_log_var")),
            decoder: layers("decoder", &shapes.decoder),
            mean: shapes.head.dense(&init.at("mean")),
            log_var: shapes.head.dense(&init.at("log_var")),
            latent: space.latent,
        }
        .into()
    }

    fn kl_method(&self) -> &'static str {
        "of both layers, from the samples"
    }
}

/// The prior's networks.
#[derive(Module, Debug)]
pub struct HierarchicalPrior {
    /// The layers from z to u.
    encoder: Vec<DenseLayer>,
    /// The mean and the logarithm of the variance of q(u | z).
    upper_mean: DenseLayer,
    upper_log_var: DenseLayer,
    /// The layers from u to z.
    decoder: Vec<DenseLayer>,
    /// The mean and the logarithm of the variance of p(z | u).
    mean: DenseLayer,
    log_var: DenseLayer,
    /// `D`.
    #[module(skip)]
    latent: usize,
}

impl HierarchicalPrior {
    /// Returns q(u | z).
    ///
    /// # Shapes
    /// `z`: `[N, D]`; result: `[N, U]`.
    fn upper_posterior(&self, z: Tensor<2>) -> DiagonalGaussian {
        let h = self.encoder.iter().fold(z, |h, layer| layer.forward(h));
        DiagonalGaussian {
            mean: self.upper_mean.forward(h.clone()),
            log_var: self.upper_log_var.forward(h),
        }
    }

    /// Returns p(z | u).
    ///
    /// # Shapes
    /// `u`: `[N, U]`; result: `[N, D]`.
    fn conditional(&self, u: Tensor<2>) -> DiagonalGaussian {
        let h = self.decoder.iter().fold(u, |h, layer| layer.forward(h));
        DiagonalGaussian {
            mean: self.mean.forward(h.clone()),
            log_var: self.log_var.forward(h),
        }
    }
}

/// Splits `[K, B, D + U]` into the noise of z, `[K, B, D]`, and the noise of u, `[K, B, U]`.
fn split(noise: Tensor<3>, latent: usize) -> [Tensor<3>; 2] {
    let upper = noise.dims()[2] - latent;
    [
        noise.clone().narrow(2, 0, latent),
        noise.narrow(2, latent, upper),
    ]
}

impl LatentDistribution for HierarchicalPrior {
    /// Returns log p(z | u) + log p(u) - log q(u | z) at a u drawn from q(u | z).
    fn log_prob(&self, z: Tensor<3>, noise: Tensor<3>, _encode: Encode) -> Tensor<2> {
        let [k, b, latent] = z.dims();
        let [_, noise] = split(noise, latent);
        let upper = noise.dims()[2];
        let z = z.reshape([k * b, latent]);
        let posterior = self.upper_posterior(z.clone());
        let u = posterior.reparameterise(noise.reshape([1, k * b, upper])); // [1, K B, U]
        let conditional = self.conditional(u.clone().squeeze_dim::<2>(0));
        let log_pz_u =
            conditional.log_prob(z.unsqueeze::<3>()) + standard_normal_log_prob(u.clone());
        (log_pz_u - posterior.log_prob(u)).reshape([k, b])
    }

    fn sample(
        &self,
        noise: Tensor<3>,
        _rng: Rng,
        _image_ids: &[u32],
        _encode: Encode,
    ) -> Tensor<3> {
        let [for_z, u] = split(noise, self.latent);
        self.conditional(u.squeeze_dim::<2>(0))
            .reparameterise(for_z)
    }
}
