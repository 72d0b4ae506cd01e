//! p(z): what latents are before an image is seen. A prior is one file: its settings, and the module with its parameters
//! that knows its density and how to draw from it.

mod hierarchical;
mod normal;
mod vamp;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{DenseSpec, Init, ParameterShape};
use crate::density::DiagonalGaussian;
use crate::error::Result;
use crate::registry::registry_of_modules;
use crate::rng::Rng;

pub use hierarchical::{Hierarchical, HierarchicalPrior};
pub use normal::StandardNormal;
pub use vamp::{Vamp, VampPrior};

/// The images that a prior is for, and their latents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatentSpace {
    /// `D`.
    pub latent: usize,
    /// `P`, the values of an image.
    pub values: usize,
}

/// A prior as a config has it.
pub trait PriorKind {
    /// # Errors
    /// Where a value is not what it can be.
    fn check(&self) -> Result<()>;

    /// # Errors
    /// Where the prior needs more training images than there are.
    fn check_images(&self, _count: usize) -> Result<()> {
        Ok(())
    }

    /// Whether the prior is N(0, I), so that a KL to it has a closed form and is a sum over latents.
    fn is_normal(&self) -> bool {
        false
    }

    /// Returns `U`, how many standard normal numbers log p(z) is estimated from, beside those that the latent is drawn
    /// from.
    fn noise(&self) -> usize {
        0
    }

    /// Returns `C`, how many images the prior is made of. They start as training images.
    fn pseudo_inputs(&self) -> usize {
        0
    }

    /// Returns the prior's layers, with their names below `prior`.
    fn layers(&self, _space: LatentSpace) -> Vec<(String, DenseSpec)> {
        Vec::new()
    }

    /// Returns the prior's parameters, with their names below `prior`.
    fn parameters(&self, _space: LatentSpace) -> Vec<ParameterShape> {
        Vec::new()
    }

    /// Returns the prior with its first weights.
    fn module(&self, space: LatentSpace, init: &Init) -> PriorModule;

    /// Returns how the KL is found, in words.
    fn kl_method(&self) -> &'static str;
}

/// Returns q(z | x) of images, `[N, P]`.
pub type Encode<'a> = &'a dyn Fn(Tensor<2>) -> DiagonalGaussian;

/// p(z) with its parameters.
pub trait LatentDistribution {
    /// Returns log p(z), or an estimate of it.
    ///
    /// # Shapes
    /// `z`: `[K, B, D]`; `noise`: `[K, B, D + U]`, standard normal, of which `z` was drawn from the first `D`; result:
    /// `[K, B]`, nats.
    fn log_prob(&self, z: Tensor<3>, noise: Tensor<3>, encode: Encode) -> Tensor<2>;

    /// Returns latents drawn from p(z). A latent depends on `rng`, its noise and its own id alone.
    ///
    /// # Shapes
    /// `noise`: `[1, N, D + U]`; `image_ids`: `[N]`; result: `[1, N, D]`.
    fn sample(&self, noise: Tensor<3>, rng: Rng, image_ids: &[u32], encode: Encode) -> Tensor<3>;

    /// Sets the pseudo-inputs, of a prior that has some, to these images.
    ///
    /// # Shapes
    /// `images`: `C * P` values in [0, 1].
    fn start_from(&mut self, _images: &[f32], _device: &Device) {}
}

registry_of_modules! {
    /// p(z).
    pub enum Prior: PriorKind;
    /// p(z) with its parameters.
    pub enum PriorModule: LatentDistribution;
    "normal" => StandardNormal, StandardNormal, "N(0, I)";
    "vamp" => Vamp, VampPrior, "the mean of q(z | u) over trained pseudo-inputs u (Tomczak, Welling 2018)";
    "hierarchical" => Hierarchical, HierarchicalPrior, "a second stochastic layer: p(z | u) and q(u | z) are networks, p(u) is N(0, I)";
}

impl Default for Prior {
    fn default() -> Self {
        Self::StandardNormal(StandardNormal {})
    }
}

impl Prior {
    /// Whether it is N(0, I), so that a KL to it has a closed form and is a sum over latents.
    pub fn is_normal(&self) -> bool {
        self.kind().is_normal()
    }
}
