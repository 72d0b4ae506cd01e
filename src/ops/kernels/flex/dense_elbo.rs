//! The ELBO of a model of dense layers and its gradients, with the kernels of the graph's operations in the graph's order, and so
//! with the same bytes.

use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{Shape, Tensor};

use super::dense_products::{DenseGradients, DenseTensors, LayerInBackward, gradients, outputs};
use super::gaussian::LatentFormula;
use super::image_sums::terms_and_slopes;
use super::sum::row_sums;
use super::tensors::{tensor, untracked, values};
use crate::ops::dense_elbo::{DenseBatch, DenseElbo, DenseVae, DenseWeights};
use crate::ops::kernels::pool;
use crate::ops::kernels::simd::with_widest_simd;

/// The number of values that one core adds at a time.
const CHUNK: usize = 16_384;

/// The fast form of [`crate::ops::dense_elbo`].
pub fn dense_elbo(vae: &DenseVae, batch: &DenseBatch) -> DenseElbo {
    let (encoder, decoder) = (chain(&vae.encoder), chain(&vae.decoder));
    let heads = [tensors(&vae.mean), tensors(&vae.log_var)];
    let x = untracked(batch.x.clone());
    let sampling = LatentFormula::Reparameterise(untracked(batch.noise.clone()));
    let [b, d] = [x.shape()[0], heads[0].bias.shape().num_elements()];

    let encoded = Forward::new(&encoder, untracked(batch.input.clone()));
    let [mean, log_var] = outputs(encoded.last(), heads.each_ref());
    let z = sampling.value(&mean, &log_var);
    let decoded = Forward::new(&decoder, z.reshape(Shape::new([b, d])));

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
    let (mean_values, log_var_values) = (values(&mean), values(&log_var));
    let by_sample = sampling.gradients(&to_z, &mean_values, &log_var_values);
    let of_kl = vec![upstream * kl_weight; b * d];
    let by_kl = LatentFormula::Kl.gradients(&of_kl, &mean_values, &log_var_values);
    let both = by_sample.into_iter().zip(by_kl);
    let mut to_heads = both.map(|(sample, kl)| tensor(sum(sample, &kl), [b, d]));
    let head = |(layer, output)| LayerInBackward {
        layer,
        x: encoded.last(),
        output,
        upstream: to_heads.next().unwrap_or_else(|| output.clone()),
    };
    let heads_in_backward = [(&heads[0], &mean), (&heads[1], &log_var)].map(head);
    let of_heads = gradients(heads_in_backward, [!encoder.is_empty(), true]);
    let [mut of_mean, of_log_var] = of_heads;
    let of_encoder = if encoder.is_empty() {
        Vec::new()
    } else {
        let to_h = tensor(
            sum(std::mem::take(&mut of_mean.x), &of_log_var.x),
            encoded.last().shape().dims::<2>(),
        );
        encoded.backward(&encoder, to_h, false).1
    };
    let heads = [of_mean, of_log_var].map(|of_head| [of_head.weight, of_head.bias]);
    let all = of_encoder.into_iter().chain(heads).chain(of_decoder);
    DenseElbo {
        loss: flat(loss),
        reconstruction: flat(reconstruction),
        kl: flat(kl),
        gradients: all.flatten().map(flat).collect(),
    }
}

fn tensors(layer: &DenseWeights) -> DenseTensors {
    DenseTensors {
        weight: untracked(layer.weight.clone()),
        bias: untracked(layer.bias.clone()),
        activation: layer.activation,
    }
}

fn chain(layers: &[DenseWeights]) -> Vec<DenseTensors> {
    layers.iter().map(tensors).collect()
}

/// The input of a chain of layers and the output of each.
struct Forward(Vec<FlexTensor>);

impl Forward {
    fn new(layers: &[DenseTensors], x: FlexTensor) -> Self {
        let mut forward = Self(Vec::with_capacity(layers.len() + 1));
        forward.0.push(x);
        for layer in layers {
            let [output] = outputs(forward.last(), [layer]);
            forward.0.push(output);
        }
        forward
    }

    fn last(&self) -> &FlexTensor {
        &self.0[self.0.len() - 1]
    }

    /// Returns the gradient in the input, if `wants_input`, and those of the weight and the bias of each layer.
    fn backward(
        &self,
        layers: &[DenseTensors],
        mut upstream: FlexTensor,
        wants_input: bool,
    ) -> (Vec<f32>, Vec<[Vec<f32>; 2]>) {
        let mut to_input = Vec::new();
        let mut all = Vec::with_capacity(layers.len());
        for (i, layer) in layers.iter().enumerate().rev() {
            let (x, output) = (&self.0[i], &self.0[i + 1]);
            let in_backward = LayerInBackward {
                layer,
                x,
                output,
                upstream,
            };
            let wants_x = i > 0 || wants_input;
            let [
                DenseGradients {
                    x: to_x,
                    weight,
                    bias,
                },
            ] = gradients([in_backward], [wants_x, true]);
            all.push([weight, bias]);
            if i > 0 {
                upstream = tensor(to_x, x.shape().dims::<2>());
            } else {
                to_input = to_x;
                break;
            }
        }
        all.reverse();
        (to_input, all)
    }
}

/// Adds two gradients.
fn sum(mut a: Vec<f32>, b: &[f32]) -> Vec<f32> {
    pool::for_each(a.chunks_mut(CHUNK).zip(b.chunks(CHUNK)), |(a, b)| {
        with_widest_simd(
            #[inline(always)]
            || a.iter_mut().zip(b).for_each(|(a, b)| *a += b),
        );
    });
    a
}

fn flat(values: Vec<f32>) -> Tensor<1> {
    let length = values.len();
    Tensor::from_primitive::<Flex>(tensor(values, [length]))
}
