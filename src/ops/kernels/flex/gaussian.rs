//! The two formulas of the latent, each in one pass: sampling by reparameterisation, and the KL to N(0, I).

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::tensors::{AutodiffFlex, tensor, tracked, untracked, values};
use crate::ops::kernels::math::exp;
use crate::ops::kernels::simd::with_widest_simd;

/// The fast form of [`crate::ops::reparameterise`]. `noise` gets no gradient.
pub fn reparameterise(mean: Tensor<2>, log_var: Tensor<2>, noise: Tensor<3>) -> Tensor<3> {
    let noise = untracked(noise);
    apply(LatentFormula::Reparameterise(noise), mean, log_var)
}

/// The fast form of [`crate::ops::kl_to_standard_normal`].
pub fn kl_to_standard_normal(mean: Tensor<2>, log_var: Tensor<2>) -> Tensor<2> {
    apply(LatentFormula::Kl, mean, log_var)
}

/// A function of the mean and the logarithm of the variance of each latent.
#[derive(Clone, Debug)]
pub enum LatentFormula {
    /// Holds the noise, `[K, B, D]`.
    Reparameterise(FlexTensor),
    Kl,
}

fn apply<const D: usize>(formula: LatentFormula, mean: Tensor<2>, log_var: Tensor<2>) -> Tensor<D> {
    if !(mean.is_autodiff() || log_var.is_autodiff()) {
        return Tensor::from_primitive::<Flex>(
            formula.value(&untracked(mean), &untracked(log_var)),
        );
    }
    let (mean, log_var) = (tracked(mean), tracked(log_var));
    let nodes = [mean.node(), log_var.node()];
    let value = formula.value(mean.primitive(), log_var.primitive());
    let output = match formula
        .clone()
        .prepare::<NoCheckpointing>(nodes)
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => {
            prep.finish((mean.into_primitive(), log_var.into_primitive()), value)
        }
        OpsKind::UnTracked(prep) => prep.finish(value),
    };
    Tensor::from_primitive::<AutodiffFlex>(output)
}

impl LatentFormula {
    /// Returns the value: `[K, B, D]` for samples, `[B, D]` for the KL.
    pub fn value(&self, mean: &FlexTensor, log_var: &FlexTensor) -> FlexTensor {
        let shape: [usize; 2] = mean.shape().dims();
        assert_eq!(
            log_var.shape().dims(),
            shape,
            "a mean and a variance for each latent"
        );
        let (mean, log_var) = (values(mean), values(log_var));
        match self {
            Self::Reparameterise(noise) => {
                let [k, b, d] = noise.shape().dims();
                assert_eq!([b, d], shape, "noise for each latent");
                let mut z = values(noise).to_vec();
                with_widest_simd(
                    #[inline(always)]
                    || {
                        for z in z.chunks_exact_mut(mean.len().max(1)) {
                            let posterior = mean.iter().zip(log_var.iter());
                            z.iter_mut()
                                .zip(posterior)
                                .for_each(|(z, (m, v))| *z = m + exp(v * 0.5) * *z);
                        }
                    },
                );
                tensor(z, [k, b, d])
            }
            Self::Kl => {
                let mut kl = mean.to_vec();
                with_widest_simd(
                    #[inline(always)]
                    || {
                        kl.iter_mut()
                            .zip(log_var.iter())
                            .for_each(|(m, &v)| *m = (*m * *m + exp(v) - v - 1.0) * 0.5);
                    },
                );
                tensor(kl, shape)
            }
        }
    }

    /// Returns the gradients in the mean and in the logarithm of the variance.
    pub fn gradients(&self, upstream: &[f32], mean: &[f32], log_var: &[f32]) -> [Vec<f32>; 2] {
        let mut to_mean = vec![0.0; mean.len()];
        let mut to_log_var = vec![0.0; mean.len()];
        match self {
            Self::Reparameterise(noise) => {
                let length = mean.len().max(1);
                let noise = values(noise);
                with_widest_simd(
                    #[inline(always)]
                    || {
                        for (noise, upstream) in noise
                            .chunks_exact(length)
                            .zip(upstream.chunks_exact(length))
                        {
                            for ((m, v), (noise, up)) in to_mean
                                .iter_mut()
                                .zip(&mut to_log_var)
                                .zip(noise.iter().zip(upstream))
                            {
                                *m += up;
                                *v += up * noise;
                            }
                        }
                        to_log_var
                            .iter_mut()
                            .zip(log_var)
                            .for_each(|(sum, v)| *sum *= 0.5 * exp(v * 0.5));
                    },
                );
            }
            Self::Kl => with_widest_simd(
                #[inline(always)]
                || {
                    for ((m, v), (up, (mean, log_var))) in to_mean
                        .iter_mut()
                        .zip(&mut to_log_var)
                        .zip(upstream.iter().zip(mean.iter().zip(log_var)))
                    {
                        *m = up * mean;
                        *v = up * 0.5 * (exp(*log_var) - 1.0);
                    }
                },
            ),
        }
        [to_mean, to_log_var]
    }
}

impl Backward<Flex, 2> for LatentFormula {
    /// The mean and the logarithm of the variance, `[B, D]`.
    type State = (FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let upstream = gradients.consume::<Flex>(&ops.node);
        let (mean, log_var) = ops.state;
        let shape: [usize; 2] = mean.shape().dims();
        let both = self.gradients(&values(&upstream), &values(&mean), &values(&log_var));
        for (node, gradient) in ops.parents.into_iter().zip(both) {
            if let Some(node) = node {
                gradients.register::<Flex>(node.id, tensor(gradient, shape));
            }
        }
    }
}
