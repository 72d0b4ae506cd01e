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

/// The loss and the loss terms of each image, each `[B]`, nats, without autodiff.
#[derive(Clone, Debug)]
pub struct DenseElbo {
    /// reconstruction + weight * KL.
    pub loss: Tensor<1>,
    pub reconstruction: Tensor<1>,
    pub kl: Tensor<1>,
}

/// A layer whose gradients have just been found, and are still in the processor's caches.
///
/// # Shapes
/// All: `[n]`, without autodiff.
#[derive(Clone, Debug)]
pub struct DenseGradients {
    /// The number of the layer's weight among all weights and biases, in the order of [`DenseVae::with_weights`]. That of its
    /// bias follows.
    pub first_parameter: usize,
    pub weight: Tensor<1>,
    pub bias: Tensor<1>,
    pub to_weight: Tensor<1>,
    pub to_bias: Tensor<1>,
}

impl DenseVae {
    /// Returns whether kernels can compute the ELBO of this model.
    pub fn has_kernels(&self) -> bool {
        #[cfg(feature = "cpu")]
        return super::flex::uses_kernels(&self.mean.weight);
        #[cfg(not(feature = "cpu"))]
        false
    }

    /// Returns the same model with other weights, in the order in which burn visits a model's parameters: those of the encoder,
    /// the mean, the logarithm of the variance, and the decoder, each weight before its bias.
    ///
    /// # Shapes
    /// Each: `[n]`, without autodiff.
    #[must_use]
    pub fn with_weights(mut self, weights: Vec<Tensor<1>>) -> Self {
        let mut weights = weights.into_iter();
        let heads = [&mut self.mean, &mut self.log_var];
        let layers = self
            .encoder
            .iter_mut()
            .chain(heads)
            .chain(&mut self.decoder);
        for layer in layers {
            if let (Some(weight), Some(bias)) = (weights.next(), weights.next()) {
                layer.weight = weight.reshape(layer.weight.shape());
                layer.bias = bias;
            }
        }
        self
    }
}

/// Returns the loss terms of a batch (Kingma, Welling 2014, equation 10, with one sample), and calls `found` with the gradients
/// of each layer: those of the sum of the losses divided by `batch.images`, from the decoder's last layer to the encoder's
/// first.
///
/// The caller has made sure that there are kernels ([`DenseVae::has_kernels`]).
pub fn dense_elbo(
    vae: DenseVae,
    batch: DenseBatch,
    found: &mut dyn FnMut(DenseGradients),
) -> DenseElbo {
    #[cfg(feature = "cpu")]
    return super::flex::dense_elbo(vae, batch, found);
    #[cfg(not(feature = "cpu"))]
    {
        let _ = (vae, batch, found);
        unreachable!("no model has kernels in this program")
    }
}
