//! The network that a config asks for.

use super::Config;
use crate::check::count;
use crate::error::{Error, Result};
use crate::model::{LayerShape, Network, OutputBias, ParameterShape};

/// The most channels, rows or columns of an image, so that no product of them overflows.
const LONGEST: usize = 1 << 16;

impl Config {
    /// Checks every value, and returns the network for images of shape `[C, H, W]`. `class_count` is 0 for images
    /// without labels.
    ///
    /// # Errors
    /// Returns an error if a value is wrong, if the layers do not fit each other or the images, or if the network is
    /// too large for one machine.
    pub fn network(&self, image_shape: [usize; 3], class_count: usize) -> Result<Network> {
        self.check()?;
        // The shape may come from a damaged model file.
        for length in image_shape {
            count("the images' channels, height or width", length, LONGEST)?;
        }
        let network = self
            .model
            .kind()
            .network(image_shape)?
            .with_prior(&self.prior)?
            .with_outputs(self.likelihood.kind().outputs_per_value())?;
        if network.output_bias == OutputBias::Mean && !self.likelihood.kind().takes_logits() {
            return Err(Error::request(format!(
                "the model's output_bias is \"mean\" and likelihood.{}: that mean is a logit, which these outputs are not",
                self.likelihood.tag()
            ))
            .with_hint("use output_bias = \"init\", or a likelihood whose outputs are logits"));
        }
        if self.train.checkpointing && !network.has_blocks() {
            return Err(Error::request(format!(
                "train.checkpointing computes residual blocks again, and model.{} has none",
                self.model.tag()
            ))
            .with_hint(
                "leave it out, or use layers of the kind `residual`, as [model.resnet] does",
            ));
        }
        match self.condition {
            Some(condition) => condition.apply(network, class_count),
            None => Ok(network),
        }
    }

    /// Returns the number of trained parameters of `network`. An autoencoder's head for the variance is not trained.
    pub fn parameter_count(&self, network: &Network) -> usize {
        let numbers = |parameters: Vec<ParameterShape>| -> usize {
            parameters.iter().map(ParameterShape::count).sum()
        };
        let untrained = if self.is_variational() {
            Vec::new()
        } else {
            network.log_var.parameters()
        };
        network.parameter_count() + numbers(self.likelihood.kind().parameters())
            - numbers(untrained)
    }
}
