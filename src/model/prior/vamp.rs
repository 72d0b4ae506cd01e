//! The variational mixture of posteriors: p(z) = 1/C sum_c q(z | u_c), where the pseudo-inputs u_c are trained with the
//! weights (Tomczak, Welling 2018, equation 9). The prior with the best ELBO, the aggregate posterior, is the same
//! mixture over all training images.
//!
//! The trained parameters are the logits of the pseudo-inputs, so that the values stay in (0, 1) and always have a
//! gradient (the authors clamp them to [0, 1]). They start as images drawn from the training set.

use burn::module::{Module, Param};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Int, Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Encode, LatentDistribution, LatentSpace, PriorKind, PriorModule};
use crate::check::count;
use crate::density::{DiagonalGaussian, log_mixture, log_mixture_by_products};
use crate::error::{Error, Result};
use crate::model::initialisation::{logit, matrix};
use crate::model::{Init, ParameterShape};
use crate::rng::Rng;

/// The largest number of pseudo-inputs; each of them is encoded in every step.
const MOST_PSEUDO_INPUTS: usize = 100_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vamp {
    /// `C`, the number of pseudo-inputs.
    pub pseudo_inputs: usize,
}

impl Default for Vamp {
    fn default() -> Self {
        // The authors' value for MNIST.
        Self { pseudo_inputs: 500 }
    }
}

impl Vamp {
    /// Returns the logits of `pixels`, kept far enough from 0 and 1 to have a useful gradient.
    pub fn logits(pixels: &[f32]) -> Vec<f32> {
        pixels.iter().map(|&pixel| logit(pixel, 0.05)).collect()
    }
}

impl PriorKind for Vamp {
    fn check(&self) -> Result<()> {
        count(
            "prior.vamp.pseudo_inputs",
            self.pseudo_inputs,
            MOST_PSEUDO_INPUTS,
        )
    }

    fn check_images(&self, count: usize) -> Result<()> {
        if self.pseudo_inputs <= count {
            return Ok(());
        }
        Err(Error::request(format!(
            "prior.vamp.pseudo_inputs is {}; expected at most the {count} training images, which they start as",
            self.pseudo_inputs
        )))
    }

    fn pseudo_inputs(&self) -> usize {
        self.pseudo_inputs
    }

    fn parameters(&self, space: LatentSpace) -> Vec<ParameterShape> {
        vec![ParameterShape::new(
            "pseudo_inputs",
            [self.pseudo_inputs, space.values],
        )]
    }

    fn module(&self, space: LatentSpace, init: &Init) -> PriorModule {
        VampPrior {
            pseudo_inputs: init
                .at("pseudo_inputs")
                .normal([self.pseudo_inputs, space.values]),
        }
        .into()
    }

    fn kl_method(&self) -> &'static str {
        "from the samples"
    }
}

/// The prior with its pseudo-inputs as parameters.
#[derive(Module, Debug)]
pub struct VampPrior {
    /// The logits of the pseudo-inputs, `[P, C]`.
    pseudo_inputs: Param<Tensor<2>>,
}

impl VampPrior {
    /// Returns q(z | u) of the pseudo-inputs, `[C, D]`.
    fn components(&self, encode: Encode) -> DiagonalGaussian {
        encode(sigmoid(self.pseudo_inputs.val().transpose()))
    }
}

impl LatentDistribution for VampPrior {
    fn log_prob(&self, z: Tensor<3>, _noise: Tensor<3>, encode: Encode) -> Tensor<2> {
        let components = self.components(encode);
        if z.is_autodiff() {
            log_mixture_by_products(&components, z)
        } else {
            log_mixture(&components, z)
        }
    }

    fn sample(&self, noise: Tensor<3>, rng: Rng, image_ids: &[u32], encode: Encode) -> Tensor<3> {
        let components = self.components(encode);
        let count = components.mean.dims()[0] as u64;
        let rng = rng.stream("component");
        let which = image_ids
            .iter()
            .map(|&id| rng.below(u64::from(id), count) as i64)
            .collect();
        let which =
            Tensor::<1, Int>::from_data(TensorData::new(which, [image_ids.len()]), &noise.device());
        let chosen = |values: Tensor<2>| values.select(0, which.clone());
        DiagonalGaussian {
            mean: chosen(components.mean),
            log_var: chosen(components.log_var),
        }
        .reparameterise(noise)
    }

    fn start_from(&mut self, images: &[f32], device: &Device) {
        let [values, count] = self.pseudo_inputs.val().dims();
        self.pseudo_inputs = matrix(Vamp::logits(images), [count, values], device);
    }
}
