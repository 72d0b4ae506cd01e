//! p(z): what latents are before an image is seen.

mod hierarchical;
mod normal;
mod vamp;

use burn::tensor::Tensor;

use super::LayerSpec;
use crate::density::{Gaussian, log_mixture, log_mixture_by_products, standard_normal_log_prob};
use crate::error::Result;
use crate::registry::registry;

pub use hierarchical::{Hierarchical, Hierarchy, HierarchySpec};
pub use normal::StandardNormal;
pub use vamp::Vamp;

/// What a prior adds to a model.
pub trait PriorKind {
    /// What it is made of, where latents have `latent` numbers.
    ///
    /// # Errors
    /// Where a machine cannot hold it.
    fn spec(&self, latent: usize) -> Result<PriorSpec>;

    /// # Errors
    /// Where a value is not what it can be.
    fn check(&self) -> Result<()>;
}

registry! {
    /// p(z).
    pub enum Prior: PriorKind {
        "normal" => StandardNormal, "N(0, I)";
        "vamp" => Vamp, "the mean of q(z | u) over trained pseudo-inputs u (Tomczak, Welling 2018)";
        "hierarchical" => Hierarchical, "a second stochastic layer: p(z | u) and q(u | z) are networks, p(u) is N(0, I)";
    }
}

impl Default for Prior {
    fn default() -> Self {
        Self::StandardNormal(StandardNormal {})
    }
}

impl Prior {
    /// Whether it is N(0, I), so that a KL to it has a closed form and is a sum over latents.
    pub fn is_normal(&self) -> bool {
        matches!(self, Self::StandardNormal(_))
    }
}

/// The part of a [`super::Network`] that the prior is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PriorSpec {
    #[default]
    Normal,
    /// How many pseudo-inputs.
    Vamp(usize),
    Hierarchical(Box<HierarchySpec>),
}

impl PriorSpec {
    /// Standard normal numbers that a latent's density is estimated from, beside those that the latent is drawn from.
    pub fn noise(&self) -> usize {
        match self {
            Self::Normal | Self::Vamp(_) => 0,
            Self::Hierarchical(spec) => spec.latent,
        }
    }

    /// Its layers, in order.
    pub fn layers(&self) -> Vec<(String, &LayerSpec)> {
        match self {
            Self::Normal | Self::Vamp(_) => Vec::new(),
            Self::Hierarchical(spec) => spec.layers(),
        }
    }
}

/// p(z) as some latents meet it.
#[derive(Clone, Debug)]
pub enum PriorDensity {
    /// N(0, I).
    Normal,
    /// The mean of `C` Gaussians, `[C, D]`.
    Mixture(Box<Gaussian>),
    /// An estimate of log p(z) from one draw of what is above z, log p(z, u) - log q(u | z): `[K, B]`, nats.
    Estimated(Box<Tensor<2>>),
}

impl PriorDensity {
    /// log p(z), or its estimate.
    ///
    /// # Shapes
    /// `z`: `[K, B, D]`; result: `[K, B]`, nats.
    pub fn log_prob(&self, z: Tensor<3>) -> Tensor<2> {
        match self {
            Self::Normal => standard_normal_log_prob(z),
            Self::Mixture(components) if z.is_autodiff() => log_mixture_by_products(components, z),
            Self::Mixture(components) => log_mixture(components, z),
            Self::Estimated(log_pz) => log_pz.as_ref().clone(),
        }
    }
}
