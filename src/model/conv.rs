//! A list of layers: convolutions, transposed convolutions and dense layers, in any order that fits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Activation, ConvolutionConfig, DenseConfig, Features, Initialisation, LayerConfig, LayerSpec,
    ModelKind, Network, Padding, TransposedConfig,
};
use crate::check::at_least_one;
use crate::error::{Error, Result};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Conv {
    /// `D`, the number of latents.
    pub latent: usize,
    /// The activation of every layer that does not name its own. The decoder's last layer has none.
    pub activation: Activation,
    /// The activation of the posterior mean, which is an autoencoder's latent.
    pub latent_activation: Activation,
    pub init: Initialisation,
    /// The layers from the image to the two heads.
    pub encoder: Vec<LayerConfig>,
    /// The layers from the latent to the image; the last one has the image's channels. A likelihood that needs several
    /// numbers per value widens the last layer itself.
    pub decoder: Vec<LayerConfig>,
}

impl Default for Conv {
    fn default() -> Self {
        // The default is the convolutional VAE of TensorFlow's tutorial.
        let conv = |channels| ConvolutionConfig {
            conv: channels,
            kernel: Some(3),
            stride: Some(2),
            padding: Some(Padding::Valid),
            activation: None,
        };
        let transposed = |channels, stride| TransposedConfig {
            transposed: channels,
            kernel: Some(3),
            stride: Some(stride),
            ..TransposedConfig::default()
        };
        let dense = DenseConfig {
            dense: 7 * 7 * 32,
            shape: Some([32, 7, 7]),
            activation: None,
        };
        Self {
            latent: 2,
            activation: Activation::Relu,
            latent_activation: Activation::None,
            init: Initialisation::Pytorch,
            encoder: vec![conv(32).into(), conv(64).into()],
            decoder: vec![
                dense.into(),
                transposed(64, 2).into(),
                transposed(32, 2).into(),
                transposed(1, 1).into(),
            ],
        }
    }
}

impl ModelKind for Conv {
    fn check(&self) -> Result<()> {
        at_least_one("model.conv.latent", self.latent)
    }

    fn latent_count(&self) -> usize {
        self.latent
    }

    fn network(&self, image_shape: [usize; 3]) -> Result<Network> {
        self.check()?;
        let encoder = self.plan("encoder", &self.encoder, Features::Map(image_shape))?;
        let mut decoder = self.plan("decoder", &self.decoder, Features::Flat(self.latent))?;
        let Some((config, last)) = self.decoder.last().zip(decoder.last_mut()) else {
            return Err(Error::request(
                "model.conv.decoder is empty; expected at least the layer that gives the image",
            ));
        };
        if config
            .kind()
            .activation()
            .is_some_and(|activation| activation != Activation::None)
        {
            return Err(Error::request("model.conv.decoder: the last layer has an activation; expected none")
                .with_hint(
                    "the likelihood takes the last layer as it is (logits for a Bernoulli): leave `activation` out",
                ));
        }
        last.kind_mut().set_activation(Activation::None);
        Ok(
            Network::new(image_shape, self.latent, encoder, decoder, self.init)?
                .with_latent_activation(self.latent_activation),
        )
    }
}

impl Conv {
    fn plan(
        &self,
        part: &str,
        layers: &[LayerConfig],
        mut input: Features,
    ) -> Result<Vec<LayerSpec>> {
        let mut planned = Vec::with_capacity(layers.len());
        for (i, layer) in layers.iter().enumerate() {
            let spec = layer.kind().spec(input, self.activation);
            let spec = spec
                .and_then(|spec| spec.kind().output().check().map(|()| spec))
                .map_err(|what| {
                    Error::request(format!(
                        "model.conv.{part}, layer {} of {} (its input is {input}): {what}",
                        i + 1,
                        layers.len()
                    ))
                })?;
            input = spec.kind().output();
            planned.push(spec);
        }
        Ok(planned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(conv: &Conv, image_shape: [usize; 3]) -> Vec<String> {
        conv.network(image_shape)
            .unwrap()
            .layers()
            .into_iter()
            .map(|(name, layer)| format!("{name} {}", layer.kind().output()))
            .collect()
    }

    #[test]
    fn the_default_is_the_tutorials_network() {
        assert_eq!(
            outputs(&Conv::default(), [1, 28, 28]),
            [
                "encoder.0 32x13x13",
                "encoder.1 64x6x6",
                "mean 2",
                "log_var 2",
                "decoder.0 32x7x7",
                "decoder.1 64x14x14",
                "decoder.2 32x28x28",
                "decoder.3 1x28x28",
            ]
        );
    }

    #[test]
    fn same_keeps_or_multiplies_the_size_at_every_kernel_and_stride() {
        for kernel in 1..6 {
            for stride in 1..4 {
                let input = Features::Map([1, 13, 13]);
                let (size, times) = (13_usize.div_ceil(stride), 13 * stride);
                let (kernel, stride) = (Some(kernel), Some(stride));
                let conv = LayerConfig::from(ConvolutionConfig {
                    kernel,
                    stride,
                    ..ConvolutionConfig::default()
                });
                let transposed = LayerConfig::from(TransposedConfig {
                    kernel,
                    stride,
                    ..TransposedConfig::default()
                });
                for (layer, size) in [(conv, size), (transposed, times)] {
                    let spec = layer.kind().spec(input, Activation::Relu).unwrap();
                    assert_eq!(
                        spec.kind().output(),
                        Features::Map([1, size, size]),
                        "{layer:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_last_layer_that_keeps_its_channels_cannot_be_widened() {
        for last in ["{ upsample = 2 }", "{ norm = 1 }"] {
            let size = if last.contains("norm") { 8 } else { 4 };
            let conv: Conv = toml::from_str(&format!(
                "encoder = [{{ conv = 4 }}]\n\
                 decoder = [{{ dense = {}, shape = [1, {size}, {size}], activation = \"none\" }}, {last}]",
                size * size
            ))
            .unwrap();
            let network = conv.network([1, 8, 8]).unwrap();
            assert!(network.clone().with_outputs(1).is_ok(), "{last}");
            let error = network.with_outputs(2).unwrap_err();
            assert!(
                error.to_string().contains("as many channels as it reads"),
                "{last}"
            );
        }
    }

    #[test]
    fn a_misfit_names_the_layer_and_what_it_gives() {
        let mut conv = Conv::default();
        conv.decoder[0] = DenseConfig {
            dense: 7 * 7 * 32,
            ..DenseConfig::default()
        }
        .into();
        let error = conv.network([1, 28, 28]).unwrap_err().to_string();
        assert_eq!(
            error,
            "model.conv.decoder, layer 2 of 4 (its input is 1568): a convolution needs channels, height and width; \
             give the dense layer before it a `shape`"
        );
        let error = Conv::default()
            .network([1, 32, 32])
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "model: the decoder's last layer gives 1x28x28, and the images are 1x32x32"
        );
    }
}
