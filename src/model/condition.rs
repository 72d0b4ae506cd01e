//! The `[condition]` table: a model p(x | y) of images whose class y is known (the CVAE of Sohn, Lee and Yan 2015).
//!
//! The bound is log p(x | y) >= E_q(z | x, y)[log p(x | z, y)] - KL(q(z | x, y) || p(z)), with a prior that does not
//! depend on the class (Kingma et al. 2014, "Semi-supervised learning with deep generative models", equation 6, without
//! its log p(y)). An encoder that does not read the class gives q(z | x) in place of q(z | x, y), which is a bound as
//! well.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Activation, ConditionSpec, DenseSpec, Features, LayerSpec, Network};
use crate::check::count;
use crate::error::{Error, Result};

/// The largest number of classes, as many as the labels of an IDX file can name.
const MOST_CLASSES: usize = 256;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Condition {
    /// The way in which the class enters the decoder.
    pub decoder: ConditionMode,
    /// Whether the class enters the encoder as well, as a one-hot label that its first dense layer reads beside its
    /// flat input. In an `mlp` this input is the image, as in Sohn et al. After convolutions it is the output of the
    /// last one. If no dense layer follows, the two heads read the label.
    pub encoder: bool,
}

/// The ways in which a class can enter the decoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConditionMode {
    /// A dense layer with a ReLU maps the one-hot label to the latent's size; the result is added to the latent.
    #[default]
    Add,
    /// The decoder reads the one-hot label beside the latent.
    Concat,
}

impl Condition {
    /// Returns the network extended to read labels of `class_count` classes.
    ///
    /// # Errors
    /// Returns an error if the data has no labels.
    pub fn apply(self, mut network: Network, class_count: usize) -> Result<Network> {
        if class_count == 0 {
            return Err(Error::request(
                "[condition] asks for the class of each image, and this data has no labels",
            )
            .with_hint(
                "leave `[condition]` out, or train on data with labels, such as `[data.digits]`",
            ));
        }
        count(
            "[condition]: the number of classes",
            class_count,
            MOST_CLASSES,
        )?;
        let (label, z) = (Features::Flat(class_count), Features::Flat(network.latent));
        let projection = match (self.decoder, network.decoder.first_mut()) {
            (ConditionMode::Add, _) => Some(DenseSpec::new(label, z, Activation::Relu)),
            (ConditionMode::Concat, Some(LayerSpec::Dense(first))) => {
                first.read_labels(class_count);
                None
            }
            (ConditionMode::Concat, _) => {
                return Err(Error::request(
                    "condition.decoder = \"concat\" needs a decoder that begins with a dense layer",
                ));
            }
        };
        let encoder = self
            .encoder
            .then(|| tell_encoder(&mut network, class_count));
        network.condition = Some(ConditionSpec {
            class_count,
            projection,
            encoder,
        });
        network.checked()
    }
}

/// Makes the encoder's first dense layer read the label, or the two heads if it has no dense layer. Returns the layer's
/// index.
fn tell_encoder(network: &mut Network, class_count: usize) -> usize {
    for (i, layer) in network.encoder.iter_mut().enumerate() {
        if let LayerSpec::Dense(layer) = layer {
            layer.read_labels(class_count);
            return i;
        }
    }
    network.mean.read_labels(class_count);
    network.log_var.read_labels(class_count);
    network.encoder.len()
}
