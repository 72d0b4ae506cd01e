//! p(z): the distribution of latents before an image is seen. A prior is one file with its settings, and a module that
//! holds its parameters, computes its density and draws from it.

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

/// The sizes of the latents and the images that a prior belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatentSpace {
    /// `D`.
    pub latent: usize,
    /// `P`, the number of values of an image.
    pub values: usize,
}

/// The settings of a prior.
pub trait PriorKind {
    /// Checks every setting.
    ///
    /// # Errors
    /// Returns an error if a value is out of its range.
    fn check(&self) -> Result<()>;

    /// Checks the prior against the number of training images.
    ///
    /// # Errors
    /// Returns an error if the prior needs more training images than there are.
    fn check_images(&self, _count: usize) -> Result<()> {
        Ok(())
    }

    /// Returns whether the prior is N(0, I), so that the KL has a closed form and is a sum over latents.
    fn is_normal(&self) -> bool {
        false
    }

    /// Returns `U`, the number of standard normal numbers that the estimate of log p(z) needs, in addition to the `D`
    /// numbers of the latent.
    fn noise(&self) -> usize {
        0
    }

    /// Returns `C`, the number of pseudo-inputs. They start as training images.
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

    /// Returns the prior with its initial weights.
    fn module(&self, space: LatentSpace, init: &Init) -> PriorModule;

    /// Returns a description of how the KL is computed.
    fn kl_method(&self) -> &'static str;
}

/// The function from images, `[N, P]`, to q(z | x).
pub type Encode<'a> = &'a dyn Fn(Tensor<2>) -> DiagonalGaussian;

/// p(z) with its parameters.
pub trait LatentDistribution {
    /// Returns log p(z), or an estimate of it.
    ///
    /// # Shapes
    /// `z`: `[K, B, D]`; `noise`: `[K, B, D + U]`, standard normal, whose first `D` numbers `z` was drawn from; result:
    /// `[K, B]`, nats.
    fn log_prob(&self, z: Tensor<3>, noise: Tensor<3>, encode: Encode) -> Tensor<2>;

    /// Returns latents drawn from p(z). A latent depends only on `rng`, its noise and its image id.
    ///
    /// # Shapes
    /// `noise`: `[1, N, D + U]`; `image_ids`: `[N]`; result: `[1, N, D]`.
    fn sample(&self, noise: Tensor<3>, rng: Rng, image_ids: &[u32], encode: Encode) -> Tensor<3>;

    /// Sets the pseudo-inputs to these images, if the prior has pseudo-inputs.
    ///
    /// # Shapes
    /// `images`: `C * P` values in [0, 1].
    fn start_from(&mut self, _images: &[f32], _device: &Device) {}
}

registry_of_modules! {
    /// p(z).
    pub enum Prior: PriorKind;
    /// p(z) with its parameters.
    #[expect(clippy::large_enum_variant, reason = "a model holds one prior")]
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
    /// Returns whether the prior is N(0, I), so that the KL has a closed form and is a sum over latents.
    pub fn is_normal(&self) -> bool {
        self.kind().is_normal()
    }
}
