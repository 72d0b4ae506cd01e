//! A list of layers: convolutions, transposed convolutions and dense layers, in any order that fits.

use serde::{Deserialize, Serialize};

use super::{Activation, Features, Initialisation, Kind, LayerSpec, ModelKind, Network, Window};
use crate::check::at_least_one;
use crate::error::{Error, Result};

/// Every number of a layer is at most this, so that no shape overflows.
const MOST: usize = 4_000_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Conv {
    /// `D`, the latents.
    pub latent: usize,
    /// The activation of every layer that does not name its own. The decoder's last layer has none.
    pub activation: Activation,
    /// Of the posterior's mean, which is an autoencoder's latent.
    pub latent_activation: Activation,
    pub init: Initialisation,
    /// From the image to the two heads.
    pub encoder: Vec<LayerConfig>,
    /// From the latent to the image, with as many channels at the end: a likelihood that asks for several numbers a value
    /// widens the last layer itself.
    pub decoder: Vec<LayerConfig>,
}

/// One line of the list: exactly one of `dense`, `conv` and `transposed`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerConfig {
    /// A dense layer with so many units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense: Option<usize>,
    /// Dense only: the units as `[C, H, W]`, for a convolution to follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<[usize; 3]>,
    /// A convolution with so many output channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conv: Option<usize>,
    /// A transposed convolution with so many output channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transposed: Option<usize>,
    /// Height and width of the kernel; 3 where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<usize>,
    /// 1 where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stride: Option<usize>,
    /// `"same"` (where left out), `"valid"`, or the number of zeros on every side (transposed: of rows cut off).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding: Option<Padding>,
    /// Transposed only: rows and columns added at the end, as in PyTorch; `"same"` finds its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_padding: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
}

/// How a convolution treats the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"same\", \"valid\" or a number of zeros on every side"
)]
pub enum Padding {
    Named(Border),
    Zeros(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Border {
    /// As TensorFlow has it: output = input / stride, rounded up, an odd zero at the end; transposed, which is the
    /// gradient of that: output = input * stride, an odd row cut off at the end. PyTorch's habit of `padding = 1,
    /// output_padding = 1` gives the same size and cuts the row off at the start.
    Same,
    /// No padding.
    Valid,
}

impl Default for Conv {
    fn default() -> Self {
        // The convolutional VAE of TensorFlow's tutorial.
        let conv = |channels| LayerConfig {
            conv: Some(channels),
            kernel: Some(3),
            stride: Some(2),
            padding: Some(Padding::Named(Border::Valid)),
            ..Default::default()
        };
        let transposed = |channels, stride| LayerConfig {
            transposed: Some(channels),
            kernel: Some(3),
            stride: Some(stride),
            ..Default::default()
        };
        let dense = LayerConfig {
            dense: Some(7 * 7 * 32),
            shape: Some([32, 7, 7]),
            ..Default::default()
        };
        Self {
            latent: 2,
            activation: Activation::Relu,
            latent_activation: Activation::None,
            init: Initialisation::Pytorch,
            encoder: vec![conv(32), conv(64)],
            decoder: vec![
                dense,
                transposed(64, 2),
                transposed(32, 2),
                transposed(1, 1),
            ],
        }
    }
}

impl ModelKind for Conv {
    fn check(&self) -> Result<()> {
        at_least_one("model.conv.latent", self.latent)
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
            .activation
            .is_some_and(|activation| activation != Activation::None)
        {
            return Err(Error::request("model.conv.decoder: the last layer has an activation; expected none")
                .with_hint(
                    "the likelihood takes the last layer as it is (logits for a Bernoulli): leave `activation` out",
                ));
        }
        last.activation = Activation::None;
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
            let planned_layer = layer
                .plan(input, self.activation)
                .and_then(|spec: LayerSpec| spec.output.check().map(|()| spec));
            let spec = planned_layer.map_err(|what| {
                Error::request(format!(
                    "model.conv.{part}, layer {} of {} (its input is {input}): {what}",
                    i + 1,
                    layers.len()
                ))
            })?;
            input = spec.output;
            planned.push(spec);
        }
        Ok(planned)
    }
}

impl LayerConfig {
    fn plan(&self, input: Features, activation: Activation) -> Result<LayerSpec, String> {
        let activation = self.activation.unwrap_or(activation);
        let zeros = if let Some(Padding::Zeros(zeros)) = self.padding {
            Some(zeros)
        } else {
            None
        };
        let numbers = [
            self.dense,
            self.conv,
            self.transposed,
            self.kernel,
            self.stride,
            zeros,
            self.output_padding,
        ];
        if let Some(number) = numbers.into_iter().flatten().find(|number| *number > MOST) {
            return Err(format!("{number} is too much; expected at most {MOST}"));
        }
        match (self.dense, self.conv, self.transposed) {
            (Some(units), None, None) => self.dense(units, input, activation),
            (None, Some(channels), None) => self.conv(channels, input, activation),
            (None, None, Some(channels)) => self.transposed(channels, input, activation),
            _ => Err("expected exactly one of `dense`, `conv` and `transposed`".into()),
        }
    }

    fn dense(
        &self,
        units: usize,
        input: Features,
        activation: Activation,
    ) -> Result<LayerSpec, String> {
        if self.kernel.is_some()
            || self.stride.is_some()
            || self.padding.is_some()
            || self.output_padding.is_some()
        {
            return Err("a dense layer has no kernel, stride or padding".into());
        }
        let output = match self.shape {
            Some(shape)
                if Features::Map(shape).check().is_err()
                    || Features::Map(shape).count() != units =>
            {
                return Err(format!(
                    "{units} units do not make up the shape {}",
                    Features::Map(shape)
                ));
            }
            Some(shape) => Features::Map(shape),
            None => Features::Flat(units),
        };
        if units == 0 {
            return Err("expected at least one unit".into());
        }
        Ok(LayerSpec::dense(input, output, activation))
    }

    /// Kernel and stride, with what every convolution asks for.
    fn window(
        &self,
        channels: usize,
        input: Features,
    ) -> Result<([usize; 3], usize, usize), String> {
        let Features::Map(map) = input else {
            return Err(
                "a convolution needs channels, height and width; give the dense layer before it a `shape`".into()
            );
        };
        if self.shape.is_some() {
            return Err("`shape` belongs to a dense layer".into());
        }
        let (kernel, stride) = (self.kernel.unwrap_or(3), self.stride.unwrap_or(1));
        if channels == 0 || kernel == 0 || stride == 0 {
            return Err("channels, kernel and stride must be at least 1".into());
        }
        Ok((map, kernel, stride))
    }

    fn conv(
        &self,
        channels: usize,
        input: Features,
        activation: Activation,
    ) -> Result<LayerSpec, String> {
        let ([_, height, width], kernel, stride) = self.window(channels, input)?;
        if self.output_padding.is_some() {
            return Err("`output_padding` belongs to a transposed convolution".into());
        }
        let along = |length: usize| {
            let (before, after) = match self.padding.unwrap_or(Padding::Named(Border::Same)) {
                // As TensorFlow pads: the odd zero comes last.
                Padding::Named(Border::Same) => {
                    let total =
                        ((length.div_ceil(stride) - 1) * stride + kernel).saturating_sub(length);
                    (total / 2, total - total / 2)
                }
                Padding::Named(Border::Valid) => (0, 0),
                Padding::Zeros(zeros) => (zeros, zeros),
            };
            let padded = length + before + after;
            if padded < kernel {
                return Err(format!(
                    "a kernel of {kernel} does not fit into {padded} pixels"
                ));
            }
            Ok(((before, after), (padded - kernel) / stride + 1))
        };
        let ((vertical, rows), (horizontal, columns)) = (along(height)?, along(width)?);
        let window = Window {
            kernel,
            stride,
            padding: [vertical, horizontal],
            output_padding: [0, 0],
        };
        let output = Features::Map([channels, rows, columns]);
        Ok(LayerSpec {
            kind: Kind::Conv(window),
            activation,
            input,
            output,
            layouts: Default::default(),
        })
    }

    fn transposed(
        &self,
        channels: usize,
        input: Features,
        activation: Activation,
    ) -> Result<LayerSpec, String> {
        let ([_, height, width], kernel, stride) = self.window(channels, input)?;
        let ((before, after), extra) = match (
            self.padding.unwrap_or(Padding::Named(Border::Same)),
            self.output_padding,
        ) {
            (Padding::Named(Border::Same), Some(_)) => {
                return Err(
                    "`output_padding` goes with a number as `padding`; \"same\" finds its own"
                        .into(),
                );
            }
            (Padding::Named(Border::Same), None) => {
                // What a convolution from n s to n pads with, whatever n is; where the kernel is smaller than the stride,
                // rows that no window reaches.
                let total = kernel.saturating_sub(stride);
                (
                    (total / 2, total - total / 2),
                    stride.saturating_sub(kernel),
                )
            }
            (Padding::Named(Border::Valid), extra) => ((0, 0), extra.unwrap_or(0)),
            (Padding::Zeros(zeros), extra) => ((zeros, zeros), extra.unwrap_or(0)),
        };
        if extra >= stride && extra > 0 {
            return Err(format!(
                "an output padding of {extra} needs a stride above it; the stride is {stride}"
            ));
        }
        let along = |length: usize| {
            ((length - 1) * stride + kernel + extra)
                .checked_sub(before + after)
                .filter(|&length| length > 0)
                .ok_or_else(|| format!("a padding of {before} leaves nothing of the output"))
        };
        let output = Features::Map([channels, along(height)?, along(width)?]);
        let window = Window {
            kernel,
            stride,
            padding: [(before, after); 2],
            output_padding: [extra; 2],
        };
        Ok(LayerSpec {
            kind: Kind::Transposed(window),
            activation,
            input,
            output,
            layouts: Default::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(conv: &Conv, image_shape: [usize; 3]) -> Vec<String> {
        conv.network(image_shape)
            .unwrap()
            .layers()
            .map(|(name, layer)| format!("{name} {}", layer.output))
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
                let layer = LayerConfig {
                    conv: Some(1),
                    kernel: Some(kernel),
                    stride: Some(stride),
                    ..Default::default()
                };
                let size = 13_usize.div_ceil(stride);
                let spec = layer
                    .plan(Features::Map([1, 13, 13]), Activation::Relu)
                    .unwrap();
                assert_eq!(
                    spec.output,
                    Features::Map([1, size, size]),
                    "conv {kernel} {stride}"
                );
                let layer = LayerConfig {
                    conv: None,
                    transposed: Some(1),
                    ..layer
                };
                let spec = layer
                    .plan(Features::Map([1, 13, 13]), Activation::Relu)
                    .unwrap();
                assert_eq!(
                    spec.output,
                    Features::Map([1, 13 * stride, 13 * stride]),
                    "transposed {kernel} {stride}"
                );
            }
        }
    }

    #[test]
    fn a_misfit_names_the_layer_and_what_it_gives() {
        let mut conv = Conv::default();
        conv.decoder[0].shape = None;
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
