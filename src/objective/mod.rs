//! What is minimised, and the true bound that is always reported beside it.

mod elbo;

use burn::tensor::Tensor;

use crate::batch::Batch;
use crate::error::Result;
use crate::model::{Parts, Vae};
use crate::registry::registry;

pub use elbo::Elbo;

/// Where training stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Context {
    /// Epochs done, with the fraction of the one that runs.
    pub epoch: f64,
}

/// Per-picture values in nats, each `[B]`. `loss` is what is minimised; the ELBO is `-(distortion + rate)`, whatever
/// the objective.
#[derive(Clone, Debug)]
pub struct Terms {
    pub loss: Tensor<1>,
    /// -E_q[log p(x | z)].
    pub distortion: Tensor<1>,
    /// KL(q(z | x) || p(z)).
    pub rate: Tensor<1>,
}

/// What to minimise.
pub trait Minimise {
    /// # Shapes
    /// `noise`: `[K, B, D]` with `K` = [`Minimise::samples`].
    fn terms(&self, vae: &Vae, batch: &Batch, noise: Tensor<3>, context: Context) -> Terms;

    /// What is minimised, from a picture's (or a mean) distortion and rate: so that the loss of the test set is that of
    /// the training.
    fn loss(&self, distortion: f64, rate: f64, context: Context) -> f64;

    /// `K`: codes drawn for each picture.
    fn samples(&self) -> usize {
        1
    }

    fn check(&self) -> Result<()>;
}

registry! {
    /// What is minimised.
    pub enum Objective: Minimise {
        "elbo" => Elbo, "the negative ELBO, the KL in closed form and weighted by beta";
    }
}

impl Default for Objective {
    fn default() -> Self {
        Self::Elbo(Elbo::default())
    }
}

/// The two terms of the negative ELBO, the first estimated from the `K` codes, the second in closed form
/// (Kingma, Welling 2014, equation 7): (distortion, rate), each `[B]`, nats.
pub fn distortion_and_rate(parts: &Parts) -> (Tensor<1>, Tensor<1>) {
    let distortion = parts.log_px_z.clone().mean_dim(0).squeeze_dim::<1>(0).neg();
    (distortion, parts.kl())
}
