//! A small classifier of images, which predicts the classes of samples where there are labels. It is trained on the
//! training images, with weights and an order of its own: the model plays no part in it.

use burn::module::Module;
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Device, Tensor};

use crate::data::Part;
use crate::error::{Error, Result};
use crate::loader::Loader;
use crate::model::{
    ConvolutionConfig, DenseConfig, Features, Init, Initialisation, Layer, LayerKind, LayerSpec,
};
use crate::ops::{Activation, MapLayout};
use crate::optimizer::{Adam, Optimizer, OptimizerState};
use crate::rng::Rng;

/// The number of channels after each convolution of stride 2. There are as many convolutions as make the shorter side 4.
const CHANNELS: [usize; 6] = [16, 32, 64, 64, 64, 64];
const SMALLEST_MAP: usize = 4;
/// The number of units of the dense layer.
const UNITS: usize = 128;

const BATCH: usize = 100;
/// The most steps, two and a half epochs of 60 000 images, and the most epochs.
const MOST_STEPS: usize = 1500;
const MOST_EPOCHS: usize = 30;
/// The learning rate of the first step. It falls to 0 along a line.
const LEARNING_RATE: f64 = 2e-3;

/// The number of images that are read together.
const AT_A_TIME: usize = 250;

/// A trained classifier.
#[derive(Module, Debug)]
pub struct Classifier {
    layers: Vec<Layer>,
}

impl Classifier {
    /// Trains a classifier on the images of a part, of a split with labels of `class_count` classes. `go_on` receives the
    /// number of steps done and of all steps.
    ///
    /// Returns `None` if `go_on` returned false.
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn train(
        loader: &Loader,
        part: &Part,
        class_count: usize,
        rng: Rng,
        go_on: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<Option<Self>> {
        let device = loader.device.clone().autodiff();
        let mut classifier = Self::new(part.split.shape, class_count, rng, &device)?;
        let labelled = Loader {
            class_count: Some(class_count),
            ..loader.clone()
        };
        let epoch_steps = part.len().div_ceil(BATCH);
        let steps = MOST_STEPS.min(MOST_EPOCHS * epoch_steps);
        let rule = Optimizer::Adam(Adam::default());
        let mut optimizer = OptimizerState::new(rule, None, &classifier);
        let mut done = 0;
        for epoch in 0.. {
            let order = rng.stream("order").at(epoch).permutation(part.len());
            let ids: Vec<u32> = order
                .iter()
                .map(|&place| part.ids[place as usize])
                .collect();
            for batch in labelled.batches(part.split, &ids, BATCH).take(steps - done) {
                let (_, batch) = batch?;
                let Some(labels) = batch.labels else {
                    return Err(Error::failed("a classifier needs images with labels"));
                };
                let logits = classifier.forward(Tensor::from_inner(batch.x));
                let chosen = log_softmax(logits, 1) * Tensor::from_inner(labels);
                let mut gradients = chosen.sum_dim(1).mean().neg().backward();
                done += 1;
                let left = 1.0 - (done - 1) as f64 / steps as f64;
                let learning_rate = LEARNING_RATE * left;
                classifier =
                    optimizer.update(classifier, &mut gradients, done as u64, learning_rate);
                if !go_on(done, steps) {
                    return Ok(None);
                }
            }
            if done >= steps {
                break;
            }
        }
        Ok(Some(classifier.valid()))
    }

    /// Returns a classifier with random weights.
    fn new(shape: [usize; 3], class_count: usize, rng: Rng, device: &Device) -> Result<Self> {
        let init = Init::new(Initialisation::Pytorch, rng, device).at("layers");
        let wrong = |what: String| Error::failed(format!("the classifier of samples: {what}"));
        let mut features = Features::Map(shape);
        let mut specs: Vec<LayerSpec> = Vec::new();
        let [mut shorter, mut level] = [shape[1].min(shape[2]), 0];
        while shorter > SMALLEST_MAP && level < CHANNELS.len() {
            let config = ConvolutionConfig {
                conv: CHANNELS[level],
                stride: Some(2),
                ..ConvolutionConfig::default()
            };
            let mut spec = config.spec(features, Activation::Relu).map_err(wrong)?;
            if let Some(layouts) = spec.kind_mut().layouts_mut() {
                *layouts = [MapLayout::ChannelsLast; 2];
                if level == 0 {
                    layouts[0] = MapLayout::ChannelsFirst;
                }
            }
            features = spec.kind().output();
            specs.push(spec);
            [shorter, level] = [shorter.div_ceil(2), level + 1];
        }
        for (dense, activation) in [(UNITS, Activation::Relu), (class_count, Activation::None)] {
            let config = DenseConfig {
                dense,
                ..DenseConfig::default()
            };
            let spec = config.spec(features, activation).map_err(wrong)?;
            features = spec.kind().output();
            specs.push(spec);
        }
        let layers = specs.iter().enumerate();
        let layers = layers.map(|(index, spec)| spec.kind().layer(&init.at(index)));
        Ok(Self {
            layers: layers.collect(),
        })
    }

    /// Returns the logits of the classes.
    ///
    /// # Shapes
    /// `x`: `[B, P]`; result: `[B, L]`.
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layers.iter().fold(x, |h, layer| layer.forward(h))
    }

    /// Returns the most probable class of each image of a part, with its probability.
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn predict(&self, loader: &Loader, part: &Part) -> Result<Vec<(u32, f64)>> {
        let mut found = Vec::with_capacity(part.len());
        for batch in loader.batches(part.split, &part.ids, AT_A_TIME) {
            let (_, batch) = batch?;
            let probabilities = softmax(self.forward(batch.x), 1);
            let [_, class_count] = probabilities.dims();
            let values: Vec<f32> = probabilities.into_data().iter().collect();
            found.extend(values.chunks_exact(class_count).map(|row| {
                let best = (0_u32..).zip(row).max_by(|a, b| a.1.total_cmp(b.1));
                best.map_or((0, 0.0), |(class, &probability)| {
                    (class, f64::from(probability))
                })
            }));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Digits;

    #[test]
    fn a_classifier_learns_the_classes_of_digits() {
        let digits = Digits {
            train: 600,
            test: 100,
            ..Digits::default()
        }
        .draw();
        let loader = Loader::plain(&Device::default());
        let train = Part::from(&digits.train);
        let trained = Classifier::train(&loader, &train, 10, Rng::new(1), &mut |_, _| true);
        let predictions = trained
            .unwrap()
            .unwrap()
            .predict(&loader, &Part::from(&digits.test));
        let labels = digits.test.labels.as_ref().unwrap();
        let predictions = predictions.unwrap();
        let right = predictions
            .iter()
            .zip(labels)
            .filter(|((predicted, _), label)| predicted == *label);
        assert!(right.count() > 80);
        assert!(
            predictions
                .iter()
                .all(|(_, probability)| (0.1..=1.0).contains(probability))
        );
        let stopped = Classifier::train(&loader, &train, 10, Rng::new(1), &mut |done, _| done < 3);
        assert!(stopped.unwrap().is_none());
    }
}
