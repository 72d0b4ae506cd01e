//! The forward pass of a training step, which differs from other forward passes in two ways: dropout, and sections that are
//! computed again in the backward pass.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;

use super::{Layer, LayerNoise, LayerSpec, flat_parameters};
use crate::ops::{self, Section};
use crate::rng::Rng;

/// The additions of a training step to the forward pass.
#[derive(Clone, Debug)]
pub struct TrainingPass {
    noise: LayerNoise,
    /// Whether the residual blocks are computed again in the backward pass.
    recomputes: bool,
}

impl TrainingPass {
    /// Returns the pass of a step on the images `image_ids`; `rng` is the generator of the step.
    pub fn new(rng: Rng, image_ids: &[u32], recomputes: bool) -> Self {
        Self {
            noise: LayerNoise::new(rng, image_ids),
            recomputes,
        }
    }

    /// Returns the output of a part of the network. `layers` and `specs` are its layers from the index `first` on.
    ///
    /// # Shapes
    /// `x`: `[K B, input]`, the images in the order of their ids, `K` times; result: `[K B, output]`.
    pub fn run(
        &self,
        part: &str,
        first: usize,
        (layers, specs): (&[Layer], &[LayerSpec]),
        x: Tensor<2>,
    ) -> Tensor<2> {
        let noise = self.noise.of(part);
        let noise = |i: usize| noise.at(first + i);
        if !self.recomputes {
            let layers = layers.iter().enumerate();
            return layers.fold(x, |x, (i, layer)| {
                layer.kind().forward_in_training(x, &noise(i))
            });
        }
        let mut start = 0;
        let sections = specs.split_inclusive(|spec| spec.kind().is_block());
        sections.fold(x, |x, specs| {
            let places = start..start + specs.len();
            start = places.end;
            let section = LayerSection {
                noise: places.clone().map(noise).collect(),
                layers: layers[places].to_vec(),
            };
            let weights = flat_parameters(&section.layers);
            if weights.is_empty() {
                section.run(x)
            } else {
                ops::recompute(x, Tensor::cat(weights, 0), section)
            }
        })
    }
}

/// Layers that follow each other, with the noise of each.
#[derive(Clone, Debug)]
struct LayerSection {
    layers: Vec<Layer>,
    noise: Vec<LayerNoise>,
}

impl LayerSection {
    fn run(&self, x: Tensor<2>) -> Tensor<2> {
        let layers = self.layers.iter().zip(&self.noise);
        layers.fold(x, |x, (layer, noise)| {
            layer.kind().forward_in_training(x, noise)
        })
    }
}

impl Section for LayerSection {
    fn forward(&self, x: Tensor<2>, weights: Tensor<1>) -> Tensor<2> {
        struct Replace {
            weights: Tensor<1>,
            taken: usize,
        }
        impl ModuleMapper for Replace {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                param.map(|weight| {
                    let shape = weight.shape();
                    let count = shape.num_elements();
                    let start = self.taken;
                    self.taken += count;
                    self.weights.clone().narrow(0, start, count).reshape(shape)
                })
            }
        }
        let mut replace = Replace { weights, taken: 0 };
        let section = Self {
            layers: self.layers.clone().map(&mut replace),
            noise: self.noise.clone(),
        };
        section.run(x)
    }
}
