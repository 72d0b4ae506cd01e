//! A network before it has weights: layers whose shapes fit each other.

use super::{
    DenseSpec, Features, Initialisation, LatentSpace, LayerSpec, OutputBias, ParameterShape, Prior,
};
use crate::error::{Error, Result};
use crate::ops::{Activation, MapLayout};

/// The largest number of trained parameters: far more than a VAE of small images needs, and few enough for one machine.
const MOST_PARAMETERS: usize = 500_000_000;

/// The largest number of values in all windows of a convolution over one image, because a core holds them at once.
const MOST_WINDOW_VALUES: usize = 100_000_000;

/// The encoder and the decoder for images of a known shape. The input of every layer is the output of the one before.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// `[C, H, W]`.
    pub image_shape: [usize; 3],
    /// `D`.
    pub latent: usize,
    pub encoder: Vec<LayerSpec>,
    pub mean: DenseSpec,
    pub log_var: DenseSpec,
    /// The places where the class enters; `None` if the model is not conditional.
    pub condition: Option<ConditionSpec>,
    pub decoder: Vec<LayerSpec>,
    pub initialisation: Initialisation,
    pub output_bias: OutputBias,
    pub prior: Prior,
}

/// The places where the class enters a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionSpec {
    /// `L`.
    pub class_count: usize,
    /// The layer whose output is added to the latent. `None` if the decoder reads the one-hot label beside the latent.
    pub projection: Option<DenseSpec>,
    /// The index of the encoder's layer that reads the one-hot label beside its input. The heads have the index after
    /// the last layer. `None` if the encoder does not read the label.
    pub encoder: Option<usize>,
}

impl Network {
    /// Completes an encoder and a decoder with the two heads, and checks the whole network.
    ///
    /// # Errors
    /// Returns an error if there are no latents, or if the decoder's output does not fit the image.
    pub fn new(
        image_shape: [usize; 3],
        latent: usize,
        mut encoder: Vec<LayerSpec>,
        mut decoder: Vec<LayerSpec>,
        initialisation: Initialisation,
    ) -> Result<Self> {
        let features = encoder
            .last()
            .map_or(Features::Map(image_shape), |layer| layer.kind().output());
        let head = DenseSpec::new(features, Features::Flat(latent), Activation::None);
        let given = decoder
            .last()
            .map_or(Features::Flat(latent), |layer| layer.kind().output());
        check_output(given, image_shape)?;
        lay_out(&mut encoder);
        lay_out(&mut decoder);
        Self {
            image_shape,
            latent,
            encoder,
            mean: head.clone(),
            log_var: head,
            condition: None,
            decoder,
            initialisation,
            output_bias: OutputBias::default(),
            prior: Prior::default(),
        }
        .checked()
    }

    /// Returns the network, or an error if it is too large for one machine.
    pub(super) fn checked(self) -> Result<Self> {
        for (name, layer) in self.layers() {
            let layer = layer.kind();
            layer
                .output()
                .check()
                .map_err(|what| Error::request(format!("model: the layer {name} {what}")))?;
            if layer.window_values() > MOST_WINDOW_VALUES {
                return Err(Error::request(format!(
                    "model: the layer {name} has a kernel too large for its map"
                )));
            }
        }
        let parameters = self.parameter_count();
        if parameters > MOST_PARAMETERS {
            return Err(Error::request(format!(
                "model: {parameters} parameters; expected at most {MOST_PARAMETERS}"
            ))
            .with_hint("use fewer units or channels"));
        }
        Ok(self)
    }

    /// Returns the same network with a decoder that gives `outputs` numbers for each value of an image, as `[outputs,
    /// C, H, W]`. The units or channels of its last layer are multiplied by `outputs`.
    ///
    /// # Errors
    /// Returns an error if the network becomes too large for one machine, or if there is no layer to widen.
    pub fn with_outputs(mut self, outputs: usize) -> Result<Self> {
        match self.decoder.last_mut() {
            Some(last) => {
                let last = last.kind_mut();
                let input = last.input();
                let for_one = match last.output() {
                    Features::Flat(_) => self.image_shape.iter().product(),
                    Features::Map(_) => self.image_shape[0],
                };
                last.set_channels(outputs.saturating_mul(for_one));
                if last.input() != input {
                    return Err(Error::request(format!(
                        "model: the decoder's last layer gives as many channels as it reads, and the likelihood needs {outputs} numbers for each value"
                    ))
                    .with_hint("end the decoder with a convolution or a dense layer"));
                }
            }
            None if outputs == 1 => {}
            None => {
                return Err(Error::request(format!(
                    "model: no decoder's layer can give {outputs} numbers for each value"
                ))
                .with_hint(
                    "give the decoder a layer, or choose a likelihood of one number per value",
                ));
            }
        }
        self.checked()
    }

    /// Returns the same network with another prior.
    ///
    /// # Errors
    /// Returns an error if the network becomes too large for one machine.
    pub fn with_prior(self, prior: &Prior) -> Result<Self> {
        let prior = prior.clone();
        Self { prior, ..self }.checked()
    }

    /// Returns the same network with an activation on the posterior mean.
    #[must_use]
    pub fn with_latent_activation(mut self, activation: Activation) -> Self {
        self.mean.activation = activation;
        self
    }

    /// Returns the space on which the prior is defined.
    pub fn latent_space(&self) -> LatentSpace {
        LatentSpace {
            latent: self.latent,
            values: self.image_shape.iter().product(),
        }
    }

    /// Returns the number of standard normal numbers that a latent and its densities need: `D` for the latent, followed
    /// by [`PriorKind::noise`] for the prior.
    pub fn noise(&self) -> usize {
        self.latent + self.prior.kind().noise()
    }

    /// Returns every layer with its path, in the order in which burn visits them.
    pub fn layers(&self) -> Vec<(String, LayerSpec)> {
        let numbered = |part: &'static str, layers: &[LayerSpec]| {
            let named =
                move |(i, layer): (usize, &LayerSpec)| (format!("{part}.{i}"), layer.clone());
            layers.iter().enumerate().map(named).collect::<Vec<_>>()
        };
        let named = |name: &str, layer: &DenseSpec| (name.to_owned(), layer.clone().into());
        let mut layers = numbered("encoder", &self.encoder);
        layers.push(named("mean", &self.mean));
        layers.push(named("log_var", &self.log_var));
        let condition = self.condition.as_ref();
        let projection = condition.and_then(|condition| condition.projection.as_ref());
        layers.extend(projection.map(|layer| named("condition", layer)));
        layers.extend(numbered("decoder", &self.decoder));
        let prior = self.prior.kind().layers(self.latent_space()).into_iter();
        layers.extend(prior.map(|(name, layer)| (format!("prior.{name}"), layer.into())));
        layers
    }

    /// Returns every parameter except the likelihood's.
    pub fn parameters(&self) -> Vec<ParameterShape> {
        let is_prior = |path: &str| path.starts_with("prior.");
        let of_layer = |(path, layer): (String, LayerSpec)| {
            let parameters = layer.kind().parameters().into_iter();
            parameters.map(move |parameter| parameter.below(&path))
        };
        let layers = self.layers().into_iter();
        let own = layers
            .filter(|(path, _)| !is_prior(path))
            .flat_map(of_layer);
        let prior = self.prior.kind().parameters(self.latent_space());
        own.chain(prior.into_iter().map(|parameter| parameter.below("prior")))
            .collect()
    }

    /// Returns the number of multiplications with weights that it takes to encode an image and to decode a latent.
    pub fn multiply_adds(&self) -> u64 {
        let is_prior = |path: &str| path.starts_with("prior.");
        let layers = self.layers().into_iter();
        layers
            .filter(|(path, _)| !is_prior(path))
            .map(|(_, layer)| layer.kind().multiply_adds())
            .fold(0, u64::saturating_add)
    }

    /// Returns whether a training step draws noise for a layer.
    pub fn drops_out(&self) -> bool {
        let mut layers = self.encoder.iter().chain(&self.decoder);
        layers.any(|layer| layer.kind().drops_out())
    }

    /// Returns whether there are sections that `train.checkpointing` can compute again.
    pub fn has_blocks(&self) -> bool {
        let mut layers = self.encoder.iter().chain(&self.decoder);
        layers.any(|layer| layer.kind().is_block())
    }

    /// Returns the number of trained parameters, without the likelihood's.
    pub fn parameter_count(&self) -> usize {
        self.parameters()
            .iter()
            .map(ParameterShape::count)
            .fold(0, usize::saturating_add)
    }
}

/// Checks that the decoder's output fits the image.
///
/// # Errors
/// Returns an error if the decoder's output has another shape than the image.
fn check_output(given: Features, image_shape: [usize; 3]) -> Result<()> {
    let values: usize = image_shape.iter().product();
    let (fits, widened) = match given {
        Features::Flat(count) => (count == values, count.is_multiple_of(values)),
        Features::Map(shape) => (
            shape == image_shape,
            shape[0].is_multiple_of(image_shape[0]) && shape[1..] == image_shape[1..],
        ),
    };
    if fits {
        return Ok(());
    }
    Err(Error::request(format!(
        "model: the decoder's last layer gives {given}, and the images are {}",
        Features::Map(image_shape)
    ))
    .with_hint(if widened {
        "size the last layer for one number per value; a likelihood that needs more widens it itself"
    } else {
        "channels come from the last layer, height and width from the strides before it"
    }))
}

/// Chooses the fastest memory layout for the map between two convolutions. Everywhere else the order is visible from
/// outside, in the weights of a dense layer, and stays PyTorch's.
fn lay_out(layers: &mut [LayerSpec]) {
    for i in 1..layers.len() {
        let (before, after) = layers.split_at_mut(i);
        let pair = before.last_mut().zip(after.first_mut());
        let layouts = pair.and_then(|(before, after)| {
            before
                .kind_mut()
                .layouts_mut()
                .zip(after.kind_mut().layouts_mut())
        });
        if let Some((before, after)) = layouts {
            before[1] = MapLayout::ChannelsLast;
            after[0] = MapLayout::ChannelsLast;
        }
    }
}
