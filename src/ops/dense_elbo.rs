//! The negative ELBO of a model of dense layers and its gradients, without a graph of operations: with small batches the graph
//! takes as long as the products.
//!
//! The plain definition is the graph itself, which every other model uses; a test holds both to the same bytes.

use burn::tensor::Tensor;

use super::Activation;

/// A dense layer: activation(x W + b).
#[derive(Clone, Debug)]
pub struct DenseWeights {
    /// `[I, O]`.
    pub weight: Tensor<2>,
    /// `[O]`.
    pub bias: Tensor<1>,
    pub activation: Activation,
}

/// A likelihood of pixels without parameters of its own, with one output per value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelLikelihood {
    Bernoulli,
    ContinuousBernoulli,
}

/// The layers of a model with a prior N(0, I). All activations are fused ([`Activation::is_fused`]).
#[derive(Clone, Debug)]
pub struct DenseVae {
    pub encoder: Vec<DenseWeights>,
    pub mean: DenseWeights,
    pub log_var: DenseWeights,
    pub decoder: Vec<DenseWeights>,
    pub likelihood: PixelLikelihood,
}

/// A batch, and what its loss depends on besides the model, without autodiff.
#[derive(Clone, Debug)]
pub struct DenseBatch {
    /// `[B, P]`: what the encoder sees.
    pub input: Tensor<2>,
    /// `[B, P]`: what is to be reconstructed.
    pub x: Tensor<2>,
    /// `[1, B, D]`, standard normal.
    pub noise: Tensor<3>,
    /// The weight of the KL in the loss.
    pub kl_weight: f64,
    /// The number of images that the mean loss is over: `B`, or more if the batch is a part of one.
    pub images: usize,
}

/// The loss and the loss terms of each image, each `[B]`, nats, and the gradients, without autodiff.
#[derive(Clone, Debug)]
pub struct DenseElbo {
    /// reconstruction + weight * KL.
    pub loss: Tensor<1>,
    pub reconstruction: Tensor<1>,
    pub kl: Tensor<1>,
    /// The gradients of the sum of the losses divided by [`DenseBatch::images`], in the order in which burn visits a model's
    /// parameters: those of the encoder, the mean, the logarithm of the variance, and the decoder, each weight before its
    /// bias. Each: `[n]`.
    pub gradients: Vec<Tensor<1>>,
}

/// Returns the loss terms of a batch (Kingma, Welling 2014, equation 10, with one sample) and the gradients; `None` if no kernel
/// can compute them.
pub fn dense_elbo(vae: DenseVae, batch: DenseBatch) -> Option<DenseElbo> {
    #[cfg(feature = "cpu")]
    if super::flex::uses_kernels(&vae.mean.weight) {
        return Some(super::flex::dense_elbo(vae, batch));
    }
    let _ = (vae, batch);
    None
}
