//! A network before it has weights: layers whose shapes are known to fit.

use std::fmt;

use super::{Initialisation, Labels, OutputBias, Prior, PriorSpec};
use crate::error::{Error, Result};
use crate::ops::{Activation, MapLayout, Window};

/// Numbers that one image may have between two layers, and numbers that may be trained: far more than a VAE of small
/// images has, and few enough for one machine. A slip of the pen is to be an error, not a full memory.
const MOST_FEATURES: usize = 4_000_000;
const MOST_PARAMETERS: usize = 500_000_000;
/// Values that all windows of a convolution over one image may have: a core holds them at once.
const MOST_COLUMNS: usize = 100_000_000;

/// What flows between two layers, without the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Features {
    Flat(usize),
    /// `[C, H, W]`.
    Map([usize; 3]),
}

impl Features {
    /// How many numbers.
    pub fn count(self) -> usize {
        match self {
            Self::Flat(count) => count,
            Self::Map(shape) => shape.iter().product(),
        }
    }

    /// # Errors
    /// What was expected, where there are none or too many.
    pub fn check(self) -> Result<(), String> {
        let lengths = match self {
            Self::Flat(count) => vec![count],
            Self::Map(shape) => shape.to_vec(),
        };
        let count = lengths
            .iter()
            .try_fold(1_usize, |count, &length| count.checked_mul(length));
        match count {
            Some(1..=MOST_FEATURES) => Ok(()),
            _ => Err(format!(
                "gives {self} numbers an image; expected from 1 to {MOST_FEATURES}"
            )),
        }
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flat(count) => write!(f, "{count}"),
            Self::Map([c, h, w]) => write!(f, "{c}x{h}x{w}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Dense,
    Conv(Window),
    /// A transposed convolution.
    Transposed(Window),
}

/// One layer: what it does, then its activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSpec {
    pub kind: Kind,
    pub activation: Activation,
    pub input: Features,
    pub output: Features,
    /// Of the input and of the output, in memory.
    pub layouts: [MapLayout; 2],
}

impl LayerSpec {
    pub fn dense(input: Features, output: Features, activation: Activation) -> Self {
        Self {
            kind: Kind::Dense,
            activation,
            input,
            output,
            layouts: Default::default(),
        }
    }

    /// The weight's shape in PyTorch's layout: `[out, in]`, `[out, in, k, k]`, transposed `[in, out, k, k]`.
    pub fn weight_shape(&self) -> Vec<usize> {
        match (self.kind, self.input, self.output) {
            (Kind::Conv(window), Features::Map([inputs, ..]), Features::Map([outputs, ..])) => {
                vec![outputs, inputs, window.kernel, window.kernel]
            }
            (
                Kind::Transposed(window),
                Features::Map([inputs, ..]),
                Features::Map([outputs, ..]),
            ) => {
                vec![inputs, outputs, window.kernel, window.kernel]
            }
            _ => vec![self.output.count(), self.input.count()],
        }
    }

    /// Values in all windows of a convolution over one image; 0 for a dense layer.
    fn columns(&self) -> usize {
        let (window, big, small) = match (self.kind, self.input, self.output) {
            (Kind::Conv(window), Features::Map(big), Features::Map(small)) => (window, big, small),
            (Kind::Transposed(window), Features::Map(small), Features::Map(big)) => {
                (window, big, small)
            }
            _ => return 0,
        };
        [big[0], window.kernel, window.kernel, small[1], small[2]]
            .into_iter()
            .fold(1, usize::saturating_mul)
    }

    /// The bias's length: output units or channels.
    pub fn bias_length(&self) -> usize {
        match (self.kind, self.output) {
            (Kind::Conv(_) | Kind::Transposed(_), Features::Map([channels, ..])) => channels,
            _ => self.output.count(),
        }
    }

    /// How many numbers weight and bias have.
    pub fn parameters(&self) -> usize {
        self.weight_shape().iter().product::<usize>() + self.bias_length()
    }
}

/// Encoder and decoder of images of a known shape, every layer's input being the output of the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// `[C, H, W]`.
    pub image_shape: [usize; 3],
    /// `D`.
    pub latent: usize,
    pub encoder: Vec<LayerSpec>,
    pub mean: LayerSpec,
    pub log_var: LayerSpec,
    pub decoder: Vec<LayerSpec>,
    /// Where the class enters, in a conditional model.
    pub labels: Option<Labels>,
    pub initialisation: Initialisation,
    pub output_bias: OutputBias,
    pub prior: PriorSpec,
}

impl Network {
    /// Completes an encoder and a decoder by the two heads, and checks the whole.
    ///
    /// # Errors
    /// Where the latent is 0, or the decoder does not give what the image has.
    pub fn new(
        image_shape: [usize; 3],
        latent: usize,
        mut encoder: Vec<LayerSpec>,
        mut decoder: Vec<LayerSpec>,
        initialisation: Initialisation,
    ) -> Result<Self> {
        let features = encoder
            .last()
            .map_or(Features::Map(image_shape), |layer| layer.output);
        let head = LayerSpec::dense(features, Features::Flat(latent), Activation::None);
        let given = decoder
            .last()
            .map_or(Features::Flat(latent), |layer| layer.output);
        let fits = match given {
            Features::Flat(count) => count == image_shape.iter().product::<usize>(),
            Features::Map(shape) => shape == image_shape,
        };
        if !fits {
            let widened = match given {
                Features::Flat(count) => count.is_multiple_of(image_shape.iter().product()),
                Features::Map([channels, ref size @ ..]) => {
                    channels.is_multiple_of(image_shape[0]) && *size == image_shape[1..]
                }
            };
            return Err(Error::request(format!(
                "model: the decoder's last layer gives {given}, and the images are {}",
                Features::Map(image_shape)
            ))
            .with_hint(if widened {
                "give the last layer what one number a value needs; a likelihood that asks for more widens it itself"
            } else {
                "channels come from the last layer, height and width from the strides before it"
            }));
        }
        lay_out(&mut encoder);
        lay_out(&mut decoder);
        let (mean, log_var) = (head.clone(), head);
        let output_bias = OutputBias::default();
        let (labels, prior) = (None, PriorSpec::default());
        Self {
            image_shape,
            latent,
            encoder,
            mean,
            log_var,
            decoder,
            labels,
            initialisation,
            output_bias,
            prior,
        }
        .checked()
    }

    /// The network, where a machine can hold it.
    pub(super) fn checked(self) -> Result<Self> {
        for (name, layer) in self.layers() {
            layer
                .output
                .check()
                .map_err(|what| Error::request(format!("model: the layer {name} {what}")))?;
            if layer.columns() > MOST_COLUMNS {
                return Err(Error::request(format!(
                    "model: the layer {name} has a kernel too large for its map"
                )));
            }
        }
        let parameters = self.parameters();
        if parameters > MOST_PARAMETERS {
            return Err(Error::request(format!(
                "model: {parameters} parameters; expected at most {MOST_PARAMETERS}"
            ))
            .with_hint("use fewer units or channels"));
        }
        Ok(self)
    }

    /// The same with a decoder that gives `outputs` numbers for each value of an image, as `[outputs, C, H, W]`: its last
    /// layer has so many times the units or channels that the image has.
    ///
    /// # Errors
    /// Where that is more than a machine can hold, or there is no layer to widen.
    pub fn with_outputs(mut self, outputs: usize) -> Result<Self> {
        let [c, h, w] = self.image_shape;
        match self.decoder.last_mut() {
            Some(LayerSpec {
                output: Features::Flat(count),
                ..
            }) => *count = outputs.saturating_mul(c * h * w),
            Some(LayerSpec {
                output: Features::Map(map),
                ..
            }) => *map = [outputs.saturating_mul(c), h, w],
            None if outputs == 1 => {}
            None => {
                return Err(Error::request(format!(
                    "model: no decoder's layer can give {outputs} numbers for each value"
                ))
                .with_hint(
                    "give the decoder a layer, or choose a likelihood of one number a value",
                ));
            }
        }
        self.checked()
    }

    /// The same with another prior.
    ///
    /// # Errors
    /// Where that is more than a machine can hold.
    pub fn with_prior(self, prior: &Prior) -> Result<Self> {
        Self {
            prior: prior.kind().spec(self.latent)?,
            ..self
        }
        .checked()
    }

    /// Standard normal numbers that a latent and its densities are made of: `D`, and after them those of a layer above.
    pub fn noise(&self) -> usize {
        self.latent + self.prior.noise()
    }

    /// The same with an activation on the posterior's mean.
    #[must_use]
    pub fn with_latent_activation(mut self, activation: Activation) -> Self {
        self.mean.activation = activation;
        self
    }

    /// Every layer with its name, in the order in which weights are drawn, saved and updated.
    pub fn layers(&self) -> impl Iterator<Item = (String, &LayerSpec)> {
        let numbered = |part: &'static str| move |(i, layer)| (format!("{part}.{i}"), layer);
        let heads = [
            ("mean".to_owned(), &self.mean),
            ("log_var".to_owned(), &self.log_var),
        ];
        let encoder = self.encoder.iter().enumerate().map(numbered("encoder"));
        let projection = self
            .labels
            .as_ref()
            .and_then(|labels| labels.projection.as_ref());
        let projection = projection.map(|layer| ("condition".to_owned(), layer));
        let decoder = self.decoder.iter().enumerate().map(numbered("decoder"));
        encoder
            .chain(heads)
            .chain(projection)
            .chain(decoder)
            .chain(self.prior.layers())
    }

    /// How many numbers are trained, but for the likelihood's.
    pub fn parameters(&self) -> usize {
        let [inputs, values] = self.pseudo_inputs().unwrap_or_default();
        self.layers()
            .map(|(_, layer)| layer.parameters())
            .sum::<usize>()
            + inputs.saturating_mul(values)
    }

    /// `[C, P]`, where the prior has pseudo-inputs.
    pub fn pseudo_inputs(&self) -> Option<[usize; 2]> {
        match self.prior {
            PriorSpec::Vamp(count) => Some([count, self.image_shape.iter().product()]),
            PriorSpec::Normal | PriorSpec::Hierarchical(_) => None,
        }
    }
}

/// Between two convolutions a map lies as they read it best. Everywhere else the order can be seen from outside, in a dense
/// layer's weights, and is PyTorch's.
fn lay_out(layers: &mut [LayerSpec]) {
    let convolves = |layer: &LayerSpec| layer.kind != Kind::Dense;
    for i in 1..layers.len() {
        if convolves(&layers[i - 1]) && convolves(&layers[i]) {
            layers[i - 1].layouts[1] = MapLayout::ChannelsLast;
            layers[i].layouts[0] = MapLayout::ChannelsLast;
        }
    }
}
