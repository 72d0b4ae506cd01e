//! Dense layers with one activation; the decoder mirrors the encoder unless its own layers are given.

use serde::{Deserialize, Serialize};

use super::{Activation, Architecture, Blueprint, Features, Initialisation, LayerSpec, OutputBias};
use crate::check::at_least_one;
use crate::error::Result;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mlp {
    /// `D`, the latents.
    pub latent: usize,
    /// Units of the encoder's layers, from the picture to the code.
    pub hidden: Vec<usize>,
    /// Units of the decoder's layers, from the code to the picture; left out: `hidden` in reverse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoder: Option<Vec<usize>>,
    pub activation: Activation,
    /// Of the posterior's mean, which is an autoencoder's code.
    pub code_activation: Activation,
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
            code_activation: Activation::None,
            init: Initialisation::Pytorch,
            output_bias: OutputBias::Init,
        }
    }
}

impl Architecture for Mlp {
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

    fn blueprint(&self, picture: [usize; 3]) -> Result<Blueprint> {
        self.check()?;
        let decoder = self.decoder.clone().unwrap_or_else(|| self.hidden.iter().rev().copied().collect());
        let image = Features::Map(picture);
        let encoder = chain(image, &self.hidden, self.activation);
        let code = Features::Flat(self.latent);
        let mut layers = chain(code, &decoder, self.activation);
        let last = layers.last().map_or(code, |layer| layer.output);
        layers.push(LayerSpec::dense(last, image, Activation::None));
        let blueprint = Blueprint::new(picture, self.latent, encoder, layers, self.init)?;
        let output_bias = self.output_bias;
        Ok(Blueprint { output_bias, ..blueprint.with_code_activation(self.code_activation) })
    }
}

fn chain(mut input: Features, units: &[usize], activation: Activation) -> Vec<LayerSpec> {
    let mut layer = |&units: &usize| {
        let output = Features::Flat(units);
        LayerSpec::dense(std::mem::replace(&mut input, output), output, activation)
    };
    units.iter().map(&mut layer).collect()
}
