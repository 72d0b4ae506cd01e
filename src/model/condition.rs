//! The `[condition]` table: a model of images whose class y is known, p(x | y) (the CVAE of Sohn, Lee and Yan 2015).
//!
//! What is bounded is log p(x | y) >= E_q(z | x, y)[log p(x | z, y)] - KL(q(z | x, y) || p(z)), with a prior that knows
//! nothing of the class (Kingma et al. 2014, "Semi-supervised learning with deep generative models", equation 6, without
//! its log p(y)). An encoder that is not told the class gives q(z | x) in place of q(z | x, y), which is a bound as well.

use serde::{Deserialize, Serialize};

use super::{Activation, Features, Kind, LayerSpec, Network};
use crate::check::count;
use crate::error::{Error, Result};

/// A label is a byte.
const MOST_CLASSES: usize = 256;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Condition {
    /// How the decoder is told the class.
    pub decoder: ConditionMode,
    /// Whether the encoder is told it, too: one-hot, beside the flat numbers that its first dense layer reads. In an
    /// `mlp` that is the image, as in Sohn et al.; after convolutions it is what they give, and where no dense layer
    /// follows them it is what the two heads read.
    pub encoder: bool,
}

/// How a class enters the decoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConditionMode {
    /// One-hot -> dense -> ReLU to the latent's size, added to the latent.
    #[default]
    Add,
    /// One-hot, beside the latent.
    Concat,
}

/// Where labels enter a network that is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// `L`.
    pub classes: usize,
    /// What is added to the latent; where it is not there, the one-hot label stands beside the latent.
    pub projection: Option<LayerSpec>,
    /// Which layer of the encoder reads the one-hot label beside its input; the heads count as the one after the last.
    pub encoder: Option<usize>,
}

impl Condition {
    /// The network with labels of `classes` classes in it.
    ///
    /// # Errors
    /// Where the data has no labels.
    pub fn apply(self, mut network: Network, classes: usize) -> Result<Network> {
        if classes == 0 {
            return Err(Error::request(
                "[condition] asks for the class of each image, and this data has no labels",
            )
            .with_hint(
                "leave `[condition]` out, or train on data with labels, such as `[data.digits]`",
            ));
        }
        count("[condition]: the number of classes", classes, MOST_CLASSES)?;
        let beside =
            |layer: &mut LayerSpec| layer.input = Features::Flat(layer.input.count() + classes);
        let (label, z) = (Features::Flat(classes), Features::Flat(network.latent));
        let projection = match (self.decoder, network.decoder.first_mut()) {
            (ConditionMode::Add, _) => Some(LayerSpec::dense(label, z, Activation::Relu)),
            (ConditionMode::Concat, Some(first)) if first.kind == Kind::Dense => {
                beside(first);
                None
            }
            (ConditionMode::Concat, _) => {
                return Err(Error::request(
                    "condition.decoder = \"concat\" needs a decoder that begins with a dense layer",
                ));
            }
        };
        let layers = &mut network.encoder;
        let first_dense = layers
            .iter()
            .position(|layer| layer.kind == Kind::Dense)
            .unwrap_or(layers.len());
        let encoder = self.encoder.then_some(first_dense);
        match encoder.map(|place| layers.get_mut(place)) {
            Some(Some(layer)) => beside(layer),
            Some(None) => [&mut network.mean, &mut network.log_var]
                .into_iter()
                .for_each(beside),
            None => {}
        }
        network.labels = Some(Labels {
            classes,
            projection,
            encoder,
        });
        network.checked()
    }
}
