//! Residual blocks at several resolutions (He et al. 2016), with group normalisation (Wu, He 2018), for images of colour
//! and of more than 32 pixels.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Activation, ConvolutionConfig, DenseConfig, Features, Initialisation, LayerConfig, LayerSpec,
    ModelKind, Network, NormConfig, ResidualConfig, UpsampleConfig, checked_dropout,
};
use crate::check::{at_least_one, count, is_default};
use crate::error::{Error, Result};

/// The most blocks at a resolution, and the largest stride of the first convolution.
const MOST_BLOCKS: usize = 100;
const LARGEST_STEM: usize = 16;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resnet {
    /// `D`, the number of latents.
    pub latent: usize,
    /// The channels at each resolution, from the image on. Each resolution has half the height and width of the one before,
    /// rounded up.
    pub channels: Vec<usize>,
    /// The number of residual blocks at each resolution, in the encoder and again in the decoder.
    pub blocks: usize,
    /// The stride of the first convolution, by which the image is smaller before the first block.
    pub stem: usize,
    /// The groups of channels that are normalised; 0 chooses: at most 32, of at least 4 channels each.
    pub groups: usize,
    /// The probability with which a value before the second convolution of a block becomes 0 in a training step.
    #[serde(skip_serializing_if = "is_default")]
    pub dropout: f64,
    /// The activation before each convolution of a block.
    pub activation: Activation,
    /// The activation of the posterior mean, which is an autoencoder's latent.
    pub latent_activation: Activation,
    pub init: Initialisation,
}

impl Default for Resnet {
    fn default() -> Self {
        Self {
            latent: 64,
            channels: vec![32, 64, 128],
            blocks: 1,
            stem: 2,
            groups: 0,
            dropout: 0.0,
            activation: Activation::Silu,
            latent_activation: Activation::None,
            init: Initialisation::Pytorch,
        }
    }
}

impl ModelKind for Resnet {
    fn check(&self) -> Result<()> {
        checked_dropout(self.dropout)
            .map_err(|what| Error::request(format!("model.resnet.{what}")))?;
        at_least_one("model.resnet.latent", self.latent)?;
        count("model.resnet.blocks", self.blocks, MOST_BLOCKS)?;
        count("model.resnet.stem", self.stem, LARGEST_STEM)?;
        if self.channels.is_empty() {
            return Err(Error::request(
                "model.resnet.channels is empty; expected the channels at each resolution, as in [32, 64, 128]",
            ));
        }
        for channels in &self.channels {
            at_least_one("model.resnet.channels", *channels)?;
        }
        Ok(())
    }

    fn latent_count(&self) -> usize {
        self.latent
    }

    fn network(&self, image_shape: [usize; 3]) -> Result<Network> {
        self.check()?;
        let mut sizes = vec![[image_shape[1], image_shape[2]]];
        let strides = [self.stem]
            .into_iter()
            .chain(self.channels[1..].iter().map(|_| 2));
        for stride in strides {
            let last = sizes[sizes.len() - 1];
            sizes.push(last.map(|side| side.div_ceil(stride)));
        }
        let encoder = specs("encoder", &self.encoder(), Features::Map(image_shape))?;
        let decoder = specs(
            "decoder",
            &self.decoder(image_shape[0], &sizes),
            Features::Flat(self.latent),
        )?;
        Ok(
            Network::new(image_shape, self.latent, encoder, decoder, self.init)?
                .with_latent_activation(self.latent_activation),
        )
    }
}

impl Resnet {
    fn encoder(&self) -> Vec<LayerConfig> {
        let mut layers = vec![conv(self.channels[0], self.stem)];
        for (level, &channels) in self.channels.iter().enumerate() {
            if level > 0 {
                layers.push(conv(channels, 2));
            }
            layers.extend(self.blocks(channels));
        }
        layers.push(self.norm());
        layers
    }

    /// `sizes` are the height and width of the image, and then at each resolution.
    fn decoder(&self, image_channels: usize, sizes: &[[usize; 2]]) -> Vec<LayerConfig> {
        let mut layers = Vec::new();
        for (level, &channels) in self.channels.iter().enumerate().rev() {
            let [height, width] = sizes[level + 1];
            if level + 1 == self.channels.len() {
                layers.push(
                    DenseConfig {
                        dense: channels * height * width,
                        shape: Some([channels, height, width]),
                        activation: Some(Activation::None),
                    }
                    .into(),
                );
            } else {
                layers.extend(up(2, [height, width]));
                layers.push(conv(channels, 1));
            }
            layers.extend(self.blocks(channels));
        }
        layers.push(self.norm());
        layers.extend(up(self.stem, sizes[0]));
        layers.push(conv(image_channels, 1));
        layers
    }

    fn blocks(&self, channels: usize) -> impl Iterator<Item = LayerConfig> {
        let block = ResidualConfig {
            residual: channels,
            groups: (self.groups > 0).then_some(self.groups),
            kernel: None,
            activation: Some(self.activation),
            dropout: self.dropout,
        };
        std::iter::repeat_n(block.into(), self.blocks)
    }

    fn norm(&self) -> LayerConfig {
        NormConfig {
            norm: self.groups,
            activation: Some(self.activation),
        }
        .into()
    }
}

/// Returns a convolution without an activation whose windows overlap.
fn conv(channels: usize, stride: usize) -> LayerConfig {
    ConvolutionConfig {
        conv: channels,
        kernel: Some(if stride == 1 { 3 } else { stride + 2 }),
        stride: Some(stride),
        padding: None,
        activation: Some(Activation::None),
    }
    .into()
}

/// Returns an upsampling to a size, or `None` if there is nothing to enlarge.
fn up(factor: usize, size: [usize; 2]) -> Option<LayerConfig> {
    let layer = UpsampleConfig {
        upsample: factor,
        size: Some(size),
    };
    (factor > 1).then(|| layer.into())
}

fn specs(part: &str, layers: &[LayerConfig], mut input: Features) -> Result<Vec<LayerSpec>> {
    let mut specs = Vec::with_capacity(layers.len());
    for layer in layers {
        let spec = layer.kind().spec(input, Activation::None);
        let spec = spec
            .and_then(|spec| spec.kind().output().check().map(|()| spec))
            .map_err(|what| {
                Error::request(format!(
                    "model.resnet, the {part} (where its input is {input}): {what}"
                ))
            })?;
        input = spec.kind().output();
        specs.push(spec);
    }
    Ok(specs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_any_size_and_channels_come_out_as_they_went_in() {
        for shape in [
            [1, 8, 8],
            [3, 64, 64],
            [3, 33, 57],
            [1, 28, 28],
            [4, 256, 100],
            [2, 9, 8],
        ] {
            for stem in [1, 2, 3] {
                let resnet = Resnet {
                    stem,
                    channels: vec![4, 8, 12],
                    ..Resnet::default()
                };
                let network = resnet.network(shape).unwrap();
                assert_eq!(network.image_shape, shape, "stem {stem}");
            }
        }
    }

    #[test]
    fn wrong_numbers_are_refused_with_their_names() {
        let error = |resnet: Resnet| resnet.network([3, 64, 64]).unwrap_err().to_string();
        let default = Resnet::default;
        for (resnet, name) in [
            (
                Resnet {
                    channels: vec![],
                    ..default()
                },
                "model.resnet.channels is empty",
            ),
            (
                Resnet {
                    blocks: 0,
                    ..default()
                },
                "model.resnet.blocks",
            ),
            (
                Resnet {
                    stem: 0,
                    ..default()
                },
                "model.resnet.stem",
            ),
            (
                Resnet {
                    groups: 5,
                    ..default()
                },
                "5 groups do not divide 32 channels",
            ),
        ] {
            let found = error(resnet);
            assert!(found.contains(name), "{found}");
        }
    }
}
