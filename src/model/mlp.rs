//! Dense layers with one activation; the decoder mirrors the encoder unless its own layers are given.

use serde::{Deserialize, Serialize};

use super::{Activation, Features, Initialisation, LayerSpec, ModelKind, Network, OutputBias};
use crate::check::at_least_one;
use crate::error::Result;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mlp {
    /// `D`, the latents.
    pub latent: usize,
    /// Units of the encoder's layers, from the image to the latent.
    pub hidden: Vec<usize>,
    /// Units of the decoder's layers, from the latent to the image; left out: `hidden` in reverse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoder: Option<Vec<usize>>,
    pub activation: Activation,
    /// Of the posterior's mean, which is an autoencoder's latent.
    pub latent_activation: Activation,
    pub init: Initialisation,
    /// Where the decoder's last bias starts.
    pub output_bias: OutputBias,
}

impl Default for Mlp {
    fn default() -> Self {
        // The VAE of pytorch/examples.
        Self {
            latent: 20,
            hidden: vec![400],
            decoder: None,
            activation: Activation::Relu,
            latent_activation: Activation::None,
            init: Initialisation::Pytorch,
            output_bias: OutputBias::Init,
        }
    }
}

impl ModelKind for Mlp {
    fn check(&self) -> Result<()> {
        at_least_one("model.mlp.latent", self.latent)?;
        for &units in &self.hidden {
            at_least_one("model.mlp.hidden", units)?;
        }
        for &units in self.decoder.iter().flatten() {
            at_least_one("model.mlp.decoder", units)?;
        }
        Ok(())
    }

    fn network(&self, image_shape: [usize; 3]) -> Result<Network> {
        self.check()?;
        let decoder = self
            .decoder
            .clone()
            .unwrap_or_else(|| self.hidden.iter().rev().copied().collect());
        let image = Features::Map(image_shape);
        let encoder = chain(image, &self.hidden, self.activation);
        let z = Features::Flat(self.latent);
        let mut layers = chain(z, &decoder, self.activation);
        let last = layers.last().map_or(z, |layer| layer.output);
        layers.push(LayerSpec::dense(last, image, Activation::None));
        let network = Network::new(image_shape, self.latent, encoder, layers, self.init)?;
        let output_bias = self.output_bias;
        Ok(Network {
            output_bias,
            ..network.with_latent_activation(self.latent_activation)
        })
    }
}

fn chain(mut input: Features, units: &[usize], activation: Activation) -> Vec<LayerSpec> {
    let mut layer = |&units: &usize| {
        let output = Features::Flat(units);
        LayerSpec::dense(std::mem::replace(&mut input, output), output, activation)
    };
    units.iter().map(&mut layer).collect()
}
