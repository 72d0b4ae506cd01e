//! The forward pass of a training step, which differs from other forward passes in two ways: dropout, and sections that are
//! computed again in the backward pass.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

use super::{Layer, LayerNoise};
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

    /// Returns the output of `layers`, the first of which has the index `first` in the part of the network called `part`.
    ///
    /// # Shapes
    /// `x`: `[K B, input]`, the images in the order of their ids, `K` times; result: `[K B, output]`.
    pub fn run(&self, part: &str, first: usize, layers: &[Layer], x: Tensor<2>) -> Tensor<2> {
        let noise = self.noise.of(part);
        let layers = layers.iter().enumerate();
        let layers: Vec<NoisyLayer> = layers
            .map(|(i, layer)| NoisyLayer {
                layer: layer.clone(),
                noise: noise.at(first + i),
            })
            .collect();
        if !self.recomputes {
            return LayerSection(layers).run(x);
        }
        let sections = layers.split_inclusive(|layer| layer.layer.kind().is_block());
        sections.fold(x, |x, layers| {
            let section = LayerSection(layers.to_vec());
            match section.weights() {
                Some(weights) => ops::recompute(x, weights, section),
                None => section.run(x),
            }
        })
    }
}

#[derive(Clone, Debug)]
struct NoisyLayer {
    layer: Layer,
    noise: LayerNoise,
}

/// Layers that follow each other.
#[derive(Clone, Debug)]
struct LayerSection(Vec<NoisyLayer>);

impl LayerSection {
    fn run(&self, x: Tensor<2>) -> Tensor<2> {
        self.0.iter().fold(x, |x, NoisyLayer { layer, noise }| {
            layer.kind().forward_in_training(x, noise)
        })
    }

    /// Returns all weights, `[n]`, or `None` if there are none.
    fn weights(&self) -> Option<Tensor<1>> {
        struct Flat(Vec<Tensor<1>>);
        impl ModuleVisitor for Flat {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let weight = param.val();
                let count = weight.shape().num_elements();
                self.0.push(weight.reshape([count]));
            }
        }
        let mut flat = Flat(Vec::new());
        for NoisyLayer { layer, .. } in &self.0 {
            layer.visit(&mut flat);
        }
        (!flat.0.is_empty()).then(|| Tensor::cat(flat.0, 0))
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
        let layers = self.0.iter();
        let layers = layers.map(|NoisyLayer { layer, noise }| NoisyLayer {
            layer: layer.clone().map(&mut replace),
            noise: noise.clone(),
        });
        Self(layers.collect()).run(x)
    }
}
