//! The posterior that fits one image best (Xiao, Yan, Amit 2020, Likelihood regret, section 4): the encoder's mean and log
//! variance are changed by Adam so that the ELBO of this image rises, and the decoder stays as it is. The rise is large for
//! images that the encoder has not learned to explain.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::data::Batch;
use crate::density::DiagonalGaussian;
use crate::eval::Protocol;
use crate::model::Vae;
use crate::objective::reconstruction;
use crate::ops::{AdamParameter, AdamStep, adam};

/// Steps of Adam, and their size: a fixed number, because an image's score is to depend on the image alone.
const STEPS: u64 = 100;
const LEARNING_RATE: f64 = 0.02;
/// The decay rates and the epsilon of Adam's moments (Kingma, Ba 2015).
const MOMENTS: [f64; 3] = [0.9, 0.999, 1e-8];
/// The index of the first sample of z for the fit. The ELBO is measured with other samples.
const FIRST_SAMPLE: usize = 1 << 20;

/// The model, ready to fit posteriors.
pub struct Regret {
    /// With autodiff, and without gradients of the weights.
    vae: Vae,
    plain: Vae,
    protocol: Protocol,
}

impl Regret {
    /// Prepares a model, which is without autodiff.
    pub fn new(vae: &Vae, protocol: Protocol) -> Self {
        Self {
            vae: vae.clone().train().no_grad(),
            plain: vae.clone(),
            protocol,
        }
    }

    /// Returns the fitted posterior of each image. Each step draws one new z for each image.
    ///
    /// # Shapes
    /// `noise_ids`: `[B]`.
    pub fn fitted(&self, batch: &Batch, noise_ids: &[u32]) -> DiagonalGaussian {
        let mut posterior = self.plain.encode(batch.input(), batch.labels.clone());
        let shape = posterior.mean.dims();
        let lifted = batch.clone().map(Tensor::from_inner);
        let zeros = || Tensor::<1>::zeros([shape[0] * shape[1]], &self.plain.device());
        let mut moments = [[zeros(), zeros()], [zeros(), zeros()]];
        for step in 1..=STEPS {
            let noise =
                self.protocol
                    .latent_noise(&self.plain, FIRST_SAMPLE + step as usize, noise_ids);
            let leaves = [posterior.mean.clone(), posterior.log_var.clone()]
                .map(|values| Tensor::from_inner(values).require_grad());
            let [mean, log_var] = leaves.clone();
            let pass = self.vae.forward_from(
                DiagonalGaussian { mean, log_var },
                &lifted,
                Tensor::from_inner(noise),
            );
            let gradients = (reconstruction(&pass) + pass.kl()).sum().backward();
            let adam_step = AdamStep::new(MOMENTS, step, LEARNING_RATE);
            let [mean, log_var] = [0, 1].map(|i| {
                let weight = leaves[i].clone().inner();
                let Some(gradient) = leaves[i].grad(&gradients) else {
                    return weight;
                };
                let flat = |values: Tensor<2>| values.reshape([-1]);
                let [first, second] = &mut moments[i];
                let parameter = AdamParameter {
                    weight: flat(weight),
                    gradient: flat(gradient),
                    mean: first,
                    square: second,
                };
                adam(vec![parameter], adam_step)
                    .swap_remove(0)
                    .reshape(shape)
            });
            posterior = DiagonalGaussian { mean, log_var };
        }
        posterior
    }
}
