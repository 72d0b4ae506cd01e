//! The ELBO of a model of dense layers and its gradients, with the kernels of the graph's operations in the graph's order, and so
//! with the same bytes.

use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{Shape, Tensor};

use super::dense_products::{DenseTensors, LayerInBackward, ProductGradients, gradients, outputs};
use super::gaussian::LatentFormula;
use super::image_sums::terms_and_slopes;
use super::optimizer::add;
use super::sum::row_sums;
use super::tensors::{tensor, untracked, values};
use crate::ops::dense_elbo::{DenseBatch, DenseElbo, DenseVae, DenseWeights};

/// The fast form of [`crate::ops::dense_elbo`].
pub fn dense_elbo(vae: DenseVae, batch: DenseBatch) -> DenseElbo {
    let (encoder, decoder) = (chain(vae.encoder), chain(vae.decoder));
    let heads = [vae.mean, vae.log_var].map(tensors);
    let sampling = LatentFormula::Reparameterise(untracked(batch.noise));
    let x = untracked(batch.x);
    let [b, d] = [x.shape()[0], heads[0].bias.shape().num_elements()];

    let encoded = ChainOutputs::new(&encoder, untracked(batch.input));
    let [mean, log_var] = outputs(encoded.last(), heads.each_ref());
    let z = sampling.value(&mean, &log_var);
    let decoded = ChainOutputs::new(&decoder, z.reshape(Shape::new([b, d])));

    // The loss is the mean of reconstruction + weight * KL over the images.
    let upstream = (1.0 / batch.images as f64) as f32;
    let kl_weight = batch.kl_weight as f32;
    let (log_px_z, slopes) = terms_and_slopes(vae.likelihood, &x, decoded.last(), -upstream);
    let kl_by_latent = LatentFormula::Kl.value(&mean, &log_var);
    let kl = row_sums(&values(&kl_by_latent), d, b);
    let reconstruction: Vec<f32> = log_px_z.iter().map(|log_prob| -log_prob).collect();
    let terms = reconstruction.iter().zip(&kl);
    let loss = terms.map(|(reconstruction, kl)| reconstruction + kl * kl_weight);
    let loss = loss.collect();

    let (to_z, of_decoder) = decoded.backward(&decoder, slopes, true);
    let [to_mean, to_log_var] = {
        let (mean, log_var) = (values(&mean), values(&log_var));
        let [mean_by_z, log_var_by_z] = sampling.gradients(&to_z, &mean, &log_var);
        let of_kl = vec![upstream * kl_weight; b * d];
        let [mean_by_kl, log_var_by_kl] = LatentFormula::Kl.gradients(&of_kl, &mean, &log_var);
        let both = [(mean_by_z, mean_by_kl), (log_var_by_z, log_var_by_kl)];
        both.map(|(by_z, by_kl)| tensor(sum(by_z, &by_kl), [b, d]))
    };
    let head = |layer, output, upstream| LayerInBackward {
        layer,
        x: encoded.last(),
        output,
        upstream,
    };
    let in_backward = [
        head(&heads[0], &mean, to_mean),
        head(&heads[1], &log_var, to_log_var),
    ];
    let [mut of_mean, of_log_var] = gradients(in_backward, [!encoder.is_empty(), true]);
    let of_encoder = if encoder.is_empty() {
        Vec::new()
    } else {
        let to_h = sum(std::mem::take(&mut of_mean.x), &of_log_var.x);
        let to_h = tensor(to_h, encoded.last().shape().dims::<2>());
        encoded.backward(&encoder, to_h, false).1
    };
    let layers = of_encoder
        .into_iter()
        .chain([of_mean, of_log_var])
        .chain(of_decoder);
    let gradients = layers.flat_map(|layer| [layer.weight, layer.bias]);
    DenseElbo {
        loss: flat(loss),
        reconstruction: flat(reconstruction),
        kl: flat(kl),
        gradients: gradients.map(flat).collect(),
    }
}

fn tensors(layer: DenseWeights) -> DenseTensors {
    DenseTensors {
        weight: untracked(layer.weight),
        bias: untracked(layer.bias),
        activation: layer.activation,
    }
}

fn chain(layers: Vec<DenseWeights>) -> Vec<DenseTensors> {
    layers.into_iter().map(tensors).collect()
}

/// The input of a chain of layers and the output of each.
struct ChainOutputs(Vec<FlexTensor>);

impl ChainOutputs {
    fn new(layers: &[DenseTensors], x: FlexTensor) -> Self {
        let mut chain = Self(Vec::with_capacity(layers.len() + 1));
        chain.0.push(x);
        for layer in layers {
            let [output] = outputs(chain.last(), [layer]);
            chain.0.push(output);
        }
        chain
    }

    fn last(&self) -> &FlexTensor {
        &self.0[self.0.len() - 1]
    }

    /// Returns the gradient in the input, if `wants_input`, and those of each layer.
    fn backward(
        &self,
        layers: &[DenseTensors],
        mut upstream: FlexTensor,
        wants_input: bool,
    ) -> (Vec<f32>, Vec<ProductGradients>) {
        let mut all = Vec::with_capacity(layers.len());
        for (index, layer) in layers.iter().enumerate().rev() {
            let (x, output) = (&self.0[index], &self.0[index + 1]);
            let in_backward = LayerInBackward {
                layer,
                x,
                output,
                upstream,
            };
            let wants_x = index > 0 || wants_input;
            let [mut of_layer] = gradients([in_backward], [wants_x, true]);
            let to_x = std::mem::take(&mut of_layer.x);
            all.push(of_layer);
            if index == 0 {
                all.reverse();
                return (to_x, all);
            }
            upstream = tensor(to_x, x.shape().dims::<2>());
        }
        (values(&upstream).to_vec(), all)
    }
}

/// Adds two gradients.
fn sum(mut a: Vec<f32>, b: &[f32]) -> Vec<f32> {
    add(&mut a, b);
    a
}

fn flat(values: Vec<f32>) -> Tensor<1> {
    let length = values.len();
    Tensor::from_primitive::<Flex>(tensor(values, [length]))
}
