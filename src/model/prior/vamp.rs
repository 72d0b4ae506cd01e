//! The variational mixture of posteriors: p(z) = 1/C sum_c q(z | u_c), pseudo-inputs u_c that are trained with the weights
//! (Tomczak, Welling 2018, equation 9). It is what the aggregate posterior, the best prior there is, would be of C images.
//!
//! A pseudo-input's values are logistic functions of what is trained, so that they stay in (0, 1) and always have a
//! gradient (the authors cut them off at 0 and 1). They start as images that are drawn from the training set.

use serde::{Deserialize, Serialize};

use super::{PriorKind, PriorSpec};
use crate::check::count;
use crate::error::Result;

/// Each costs an encoding a step.
const MOST_PSEUDO_INPUTS: usize = 100_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Vamp {
    /// `C`.
    pub pseudo_inputs: usize,
}

impl Default for Vamp {
    fn default() -> Self {
        // The authors', for MNIST.
        Self { pseudo_inputs: 500 }
    }
}

impl Vamp {
    /// The numbers whose logistic functions are near `pixels`, and not so near to 0 or 1 that they could not be moved.
    pub fn logits(pixels: &[f32]) -> Vec<f32> {
        let logit = |pixel: &f32| {
            let p = pixel.clamp(0.05, 0.95);
            (p / (1.0 - p)).ln()
        };
        pixels.iter().map(logit).collect()
    }
}

impl PriorKind for Vamp {
    fn spec(&self, _latent: usize) -> Result<PriorSpec> {
        Ok(PriorSpec::Vamp(self.pseudo_inputs))
    }

    fn check(&self) -> Result<()> {
        count(
            "prior.vamp.pseudo_inputs",
            self.pseudo_inputs,
            MOST_PSEUDO_INPUTS,
        )
    }
}
