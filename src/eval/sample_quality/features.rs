//! The features that samples and real images are compared in: those of a convolutional network with random weights, which
//! are the same for every data set, model and machine.
//!
//! A network that was trained on photographs, as other programs use, is large, has to be downloaded, and knows nothing of
//! digits or tiles. A random one has no such preferences, and tells textures, strokes and blur apart (Ramanujan et al. 2020;
//! Naeem et al. 2020, section 5, use one for images that are no photographs). Four convolutions of 3x3 and stride 2 with
//! leaky ReLU follow each other. After each, the mean and the standard deviation of every channel are taken over the map, so
//! that an image of any size gives as many features. Means over parts of the map told samples from images less well: they say
//! more of where things are than of what they look like.

use burn::tensor::activation::leaky_relu;
use burn::tensor::{Device, Tensor, TensorData};

use crate::data::Part;
use crate::error::Result;
use crate::loader::Loader;
use crate::ops::{Activation, Convolution, MapLayout, Window, convolve};
use crate::rng::Rng;

/// The name of the network. It changes with the network, and numbers are compared only under one name.
pub const NETWORK: &str = "random-conv-1";

/// The number of channels after each convolution.
const CHANNELS: [usize; 4] = [32, 64, 64, 64];

/// The slope of the activation below zero.
const SLOPE: f64 = 0.2;

/// The number of images that go through the network together.
const AT_A_TIME: usize = 100;

/// A convolutional network with random weights.
#[derive(Clone, Debug)]
pub struct RandomNetwork {
    layers: Vec<RandomLayer>,
}

#[derive(Clone, Debug)]
struct RandomLayer {
    /// `[out, in, 3, 3]`.
    weight: Tensor<4>,
    /// `[out]`: zero.
    bias: Tensor<1>,
    convolution: Convolution,
}

impl RandomNetwork {
    /// Returns the network for images `[C, H, W]`. Its weights depend on `C` alone.
    pub fn new(shape: [usize; 3], device: &Device) -> Self {
        let rng = Rng::new(0).stream("sample quality").stream(NETWORK);
        let mut input = shape;
        let layers = CHANNELS.iter().enumerate().map(|(level, &channels)| {
            let output = [channels, input[1].div_ceil(2), input[2].div_ceil(2)];
            let window = Window {
                kernel: 3,
                stride: 2,
                padding: [(1, 1); 2],
                output_padding: [0, 0],
            };
            let first = if level == 0 {
                MapLayout::ChannelsFirst
            } else {
                MapLayout::ChannelsLast
            };
            let layer = RandomLayer {
                weight: weight([channels, input[0], 3, 3], rng.at(level as u64), device),
                bias: Tensor::zeros([channels], device),
                convolution: Convolution {
                    input,
                    output,
                    window,
                    activation: Activation::None,
                    layouts: [first, MapLayout::ChannelsLast],
                },
            };
            input = output;
            layer
        });
        Self {
            layers: layers.collect(),
        }
    }

    /// Returns the number of features of an image, `F`.
    pub fn feature_count(&self) -> usize {
        let channels = self.layers.iter().map(|layer| layer.convolution.output[0]);
        2 * channels.sum::<usize>()
    }

    /// Returns the features of images.
    ///
    /// # Shapes
    /// `x`: `[B, P]`, values in [0, 1]; result: `[B, F]`.
    pub fn features(&self, x: Tensor<2>) -> Tensor<2> {
        let mut features = Vec::new();
        let mut map = x;
        for layer in &self.layers {
            let RandomLayer { weight, bias, .. } = layer.clone();
            map = leaky_relu(convolve(map, weight, bias, layer.convolution), SLOPE);
            let [batch, _] = map.dims();
            let [channels, height, width] = layer.convolution.output;
            let map = map.clone().reshape([batch, height, width, channels]);
            features.extend(moments(map, [batch, channels]));
        }
        Tensor::cat(features, 1)
    }

    /// Returns the features of the images of a part, `N * F` numbers. `go_on` is called before each batch.
    ///
    /// Returns `None` if `go_on` returned false.
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn features_of(
        &self,
        loader: &Loader,
        part: &Part,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<f32>>> {
        let mut features = Vec::with_capacity(part.len() * self.feature_count());
        for batch in loader.batches(part.split, &part.ids, AT_A_TIME) {
            if !go_on() {
                return Ok(None);
            }
            let (_, batch) = batch?;
            features.extend(self.features(batch.x).into_data().iter::<f32>());
        }
        Ok(Some(features))
    }
}

/// Returns weights that keep the scale of what they are multiplied with (He et al. 2015, equation 15, for a leaky ReLU).
fn weight(shape: [usize; 4], rng: Rng, device: &Device) -> Tensor<4> {
    let mut values = vec![0.0; shape.iter().product()];
    rng.fill_normal(&mut values);
    let fan_in = (shape[1] * shape[2] * shape[3]) as f64;
    let scale = (2.0 / ((1.0 + SLOPE * SLOPE) * fan_in)).sqrt() as f32;
    values.iter_mut().for_each(|value| *value *= scale);
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Returns the mean and the standard deviation of each channel.
///
/// # Shapes
/// `map`: `[B, H, W, C]`; each result: `[B, C]`.
fn moments(map: Tensor<4>, shape: [usize; 2]) -> [Tensor<2>; 2] {
    let mean = map.clone().mean_dim(1).mean_dim(2);
    let squares = (map - mean.clone()).square();
    let deviation = squares.mean_dim(1).mean_dim(2).sqrt();
    [mean, deviation].map(|values| values.reshape(shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_every_size_give_as_many_features() {
        let device = Device::default();
        for shape in [[1, 8, 8], [3, 9, 31], [2, 64, 64], [4, 256, 200]] {
            let network = RandomNetwork::new(shape, &device);
            let values = Tensor::<2>::ones([2, shape.iter().product()], &device) * 0.5;
            let features = network.features(values);
            assert_eq!(features.dims(), [2, network.feature_count()], "{shape:?}");
            let features: Vec<f32> = features.into_data().iter().collect();
            assert!(features.iter().all(|value| value.is_finite()), "{shape:?}");
        }
    }

    #[test]
    fn the_network_is_the_same_for_everybody() {
        let device = Device::default();
        let network = RandomNetwork::new([1, 8, 8], &device);
        let ramp: Vec<f32> = (0..64).map(|i| i as f32 / 64.0).collect();
        let image = Tensor::from_data(TensorData::new(ramp, [1, 64]), &device);
        let features: Vec<f32> = network.features(image).into_data().iter().collect();
        let found = [0, 32, 200].map(|place: usize| features[place]);
        // If these change, the network needs another name.
        let expected = [-0.090_945_15, 0.046_508_8, 0.131_774_72_f32];
        let pairs = found.iter().zip(expected);
        assert!(
            pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-5),
            "{found:?}"
        );
    }
}
