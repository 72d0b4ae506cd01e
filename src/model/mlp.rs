//! Dense layers with one activation; the decoder mirrors the encoder unless its own layers are given.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Activation, DenseSpec, DropoutSpec, Features, Initialisation, LayerShape, LayerSpec, ModelKind,
    Network, OutputBias, checked_dropout,
};
use crate::check::{at_least_one, is_default};
use crate::error::{Error, Result};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mlp {
    /// `D`, the number of latents.
    pub latent: usize,
    /// The units of the encoder's layers, from the image to the latent.
    pub hidden: Vec<usize>,
    /// The units of the decoder's layers, from the latent to the image. The default is `hidden` in reverse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoder: Option<Vec<usize>>,
    pub activation: Activation,
    /// The probability with which a value after a hidden layer becomes 0 in a training step.
    #[serde(skip_serializing_if = "is_default")]
    pub dropout: f64,
    /// The activation of the posterior mean, which is an autoencoder's latent.
    pub latent_activation: Activation,
    pub init: Initialisation,
    /// The initial value of the decoder's last bias.
    pub output_bias: OutputBias,
}

impl Default for Mlp {
    fn default() -> Self {
        // The default is the VAE of pytorch/examples.
        Self {
            latent: 20,
            hidden: vec![400],
            decoder: None,
            activation: Activation::Relu,
            dropout: 0.0,
            latent_activation: Activation::None,
            init: Initialisation::Pytorch,
            output_bias: OutputBias::Init,
        }
    }
}

impl ModelKind for Mlp {
    fn check(&self) -> Result<()> {
        at_least_one("model.mlp.latent", self.latent)?;
        checked_dropout(self.dropout)
            .map_err(|what| Error::request(format!("model.mlp.{what}")))?;
        for &units in &self.hidden {
            at_least_one("model.mlp.hidden", units)?;
        }
        for &units in self.decoder.iter().flatten() {
            at_least_one("model.mlp.decoder", units)?;
        }
        Ok(())
    }

    fn latent_count(&self) -> usize {
        self.latent
    }

    fn network(&self, image_shape: [usize; 3]) -> Result<Network> {
        self.check()?;
        let decoder = self
            .decoder
            .clone()
            .unwrap_or_else(|| self.hidden.iter().rev().copied().collect());
        let image = Features::Map(image_shape);
        let z = Features::Flat(self.latent);
        let (encoder, _) = DenseSpec::chain(image, self.hidden.iter().copied(), self.activation);
        let (decoder, last) = DenseSpec::chain(z, decoder, self.activation);
        let mut decoder = self.with_dropout(decoder);
        decoder.push(DenseSpec::new(last, image, Activation::None).into());
        let network = Network::new(
            image_shape,
            self.latent,
            self.with_dropout(encoder),
            decoder,
            self.init,
        )?;
        let output_bias = self.output_bias;
        Ok(Network {
            output_bias,
            ..network.with_latent_activation(self.latent_activation)
        })
    }
}

impl Mlp {
    /// Returns the layers, with dropout after each if there is any.
    fn with_dropout(&self, layers: Vec<DenseSpec>) -> Vec<LayerSpec> {
        let mut all = Vec::new();
        for layer in layers {
            let output = layer.output();
            all.push(layer.into());
            if self.dropout > 0.0 {
                all.push(DropoutSpec::new(output, self.dropout).into());
            }
        }
        all
    }
}
