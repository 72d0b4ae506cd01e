//! The kinds of layers. Each has three types: its config (the table in the TOML), its spec (the shapes, known once the
//! input is known), and the layer with its weights. A new kind is one file, and one line in the list at the end of this
//! file.

mod convolution;
mod dense;
mod dropout;
mod noise;
mod normalised;
mod pool;
mod residual;
#[cfg(test)]
mod scale;
mod transposed;
mod upsample;
mod window;

use std::borrow::Cow;

use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Features, Graph, Init, NodeId, ParameterShape};
use crate::ops::{Activation, MapLayout};

pub use convolution::{ConvolutionConfig, ConvolutionLayer, ConvolutionSpec};
pub use dense::{DenseConfig, DenseLayer, DenseSpec};
pub use dropout::{DropoutConfig, DropoutLayer, DropoutSpec, checked_dropout};
pub use noise::LayerNoise;
pub use normalised::{NormConfig, NormLayer, NormSpec};
pub use pool::{PoolConfig, PoolLayer, PoolSpec};
pub use residual::{ResidualConfig, ResidualLayer, ResidualSpec};
#[cfg(test)]
use scale::{ScaleConfig, ScaleLayer, ScaleSpec};
pub use transposed::{TransposedConfig, TransposedLayer, TransposedSpec};
pub use upsample::{UpsampleConfig, UpsampleLayer, UpsampleSpec};
pub use window::Padding;

/// The largest value of any number in a layer's config, so that no shape overflows.
const MOST: usize = 4_000_000;

/// A layer as a config describes it.
pub trait LayerKind {
    /// Returns the layer's shapes. `activation` applies unless the layer names its own.
    ///
    /// # Errors
    /// Returns an error if the numbers do not fit each other or the input; the text says why.
    fn spec(&self, input: Features, activation: Activation) -> Result<LayerSpec, String>;

    /// Returns the activation that the layer names, or `None` if it names none or has none.
    fn activation(&self) -> Option<Activation> {
        None
    }
}

/// A layer whose shapes are known, before it has weights.
pub trait LayerShape {
    /// Returns the kind of the layer and its numbers in words, without its activation.
    fn words(&self) -> String;

    fn input(&self) -> Features;

    fn output(&self) -> Features;

    /// Returns the activation of the output.
    fn activation(&self) -> Activation {
        Activation::None
    }

    /// Sets the activation of the output. Does nothing if the layer has none.
    fn set_activation(&mut self, _activation: Activation) {}

    /// Sets the number of output units or, if the output is a map, of output channels.
    fn set_channels(&mut self, count: usize);

    /// Returns the parameters in PyTorch's layouts, with their names below the layer's path.
    fn parameters(&self) -> Vec<ParameterShape>;

    /// Returns the layer with its initial weights.
    fn layer(&self, init: &Init) -> Layer;

    /// Appends the layer's operations outside of training to a graph, and returns the node of its output. `path` is the
    /// layer's path.
    fn trace(&self, path: &str, x: NodeId, graph: &mut Graph) -> NodeId;

    /// Returns the memory layouts of the input and the output, or `None` if the layer supports only PyTorch's layout.
    fn layouts_mut(&mut self) -> Option<&mut [MapLayout; 2]> {
        None
    }

    /// Returns the memory layout of the output.
    fn output_layout(&self) -> MapLayout {
        MapLayout::ChannelsFirst
    }

    /// Returns the number of values in all windows of a convolution over one image.
    fn window_values(&self) -> usize {
        0
    }

    /// Returns the number of values of one image that are kept for the backward pass, besides the input.
    fn kept_values(&self) -> usize {
        self.output().count()
    }

    /// Returns the number of multiplications with weights for one image.
    fn multiply_adds(&self) -> u64 {
        0
    }

    /// Returns whether a training step draws noise for the layer.
    fn drops_out(&self) -> bool {
        false
    }

    /// Returns whether the layer ends a section that `train.checkpointing` computes again.
    fn is_block(&self) -> bool {
        false
    }
}

/// A layer with its weights.
pub trait Forward {
    /// Returns the layer's output.
    ///
    /// # Shapes
    /// `x`: `[N, input]`, always flat; result: `[N, output]`.
    fn forward(&self, x: Tensor<2>) -> Tensor<2>;

    /// Returns the layer's output in a training step.
    ///
    /// # Shapes
    /// As in [`Forward::forward`].
    fn forward_in_training(&self, x: Tensor<2>, _noise: &LayerNoise) -> Tensor<2> {
        self.forward(x)
    }

    /// Returns the bias, `[units or channels]`, or `None` if the layer has no bias.
    fn bias_mut(&mut self) -> Option<&mut Param<Tensor<1>>> {
        None
    }
}

/// Defines the enums of configs, specs and layers. Each line has the key that identifies the kind in a config, the
/// three types of the kind, and a short description.
macro_rules! layers {
    ($($(#[$attribute:meta])* $tag:literal => $Kind:ident($Config:ident, $Spec:ident, $Layer:ident), $about:literal;)+) => {
        /// The config of a layer: a table with exactly one of the keys in [`LayerConfig::LIST`].
        #[derive(Clone, Debug, PartialEq)]
        pub enum LayerConfig { $($(#[$attribute])* #[doc = $about] $Kind($Config),)+ }

        /// A layer whose shapes are known.
        #[derive(Clone, Debug, PartialEq)]
        #[expect(clippy::large_enum_variant, reason = "a network has few layers")]
        pub enum LayerSpec { $($(#[$attribute])* #[doc = $about] $Kind($Spec),)+ }

        /// A layer with its weights.
        #[derive(Module, Debug)]
        #[expect(clippy::large_enum_variant, reason = "a network has few layers")]
        pub enum Layer { $($(#[$attribute])* #[doc = $about] $Kind($Layer),)+ }

        impl LayerConfig {
            /// The key and the description of each kind.
            pub const LIST: &'static [(&'static str, &'static str)] =
                &[$($(#[$attribute])* ($tag, $about)),+];

            /// Returns a small layer of each kind.
            pub fn every() -> Vec<Self> {
                Vec::from([$($(#[$attribute])* Self::$Kind($Config::default())),+])
            }

            pub fn kind(&self) -> &dyn LayerKind {
                match self { $($(#[$attribute])* Self::$Kind(config) => config,)+ }
            }

            fn from_table(tag: &str, table: toml::Table) -> Result<Self, toml::de::Error> {
                match tag {
                    $($(#[$attribute])* $tag => $Config::deserialize(table).map(Self::$Kind),)+
                    _ => Err(toml::de::Error::custom(format!("there is no layer `{tag}`"))),
                }
            }
        }

        impl JsonSchema for LayerConfig {
            fn schema_name() -> Cow<'static, str> {
                "Layer".into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let kinds =
                    Vec::from([$($(#[$attribute])* generator.subschema_for::<$Config>()),+]);
                json_schema!({
                    "description": "A layer; one of its keys says which.",
                    "anyOf": kinds,
                })
            }
        }

        impl Serialize for LayerConfig {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                match self { $($(#[$attribute])* Self::$Kind(config) => config.serialize(to),)+ }
            }
        }

        impl LayerSpec {
            pub fn kind(&self) -> &dyn LayerShape {
                match self { $($(#[$attribute])* Self::$Kind(spec) => spec,)+ }
            }

            pub fn kind_mut(&mut self) -> &mut dyn LayerShape {
                match self { $($(#[$attribute])* Self::$Kind(spec) => spec,)+ }
            }
        }

        impl Layer {
            pub fn kind(&self) -> &dyn Forward {
                match self { $($(#[$attribute])* Self::$Kind(layer) => layer,)+ }
            }

            pub fn kind_mut(&mut self) -> &mut dyn Forward {
                match self { $($(#[$attribute])* Self::$Kind(layer) => layer,)+ }
            }
        }

        $($(#[$attribute])* impl From<$Config> for LayerConfig {
            fn from(config: $Config) -> Self {
                Self::$Kind(config)
            }
        }

        $(#[$attribute])* impl From<$Spec> for LayerSpec {
            fn from(spec: $Spec) -> Self {
                Self::$Kind(spec)
            }
        })+
    };
}

impl<'de> Deserialize<'de> for LayerConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let table = toml::Table::deserialize(from)?;
        let mut tags = Self::LIST.iter().map(|(tag, _)| *tag);
        let given: Vec<&str> = tags
            .by_ref()
            .filter(|tag| table.contains_key(*tag))
            .collect();
        let [tag] = given[..] else {
            let tags: Vec<String> = Self::LIST
                .iter()
                .map(|(tag, _)| format!("`{tag}`"))
                .collect();
            return Err(D::Error::custom(format!(
                "a layer needs exactly one of {}",
                tags.join(", ")
            )));
        };
        Self::from_table(tag, table).map_err(|error| D::Error::custom(error.message()))
    }
}

impl Layer {
    /// Returns the layer's output.
    ///
    /// # Shapes
    /// `x`: `[N, input]`, always flat; result: `[N, output]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.kind().forward(x)
    }

    /// Sets the bias, if the layer has one, to `values`, `[output]`, or to their mean over each channel.
    pub fn set_bias(&mut self, values: &[f32]) {
        let Some(bias) = self.kind_mut().bias_mut() else {
            return;
        };
        let [count] = bias.val().dims();
        let each = values.len() / count;
        let means = values
            .chunks_exact(each)
            .map(|channel| channel.iter().sum::<f32>() / each as f32)
            .collect();
        let device = bias.val().device();
        *bias = Param::from_data(TensorData::new(means, [count]), &device);
    }
}

/// Checks the size of a layer's numbers.
///
/// # Errors
/// Returns an error if a number is so large that a shape could overflow.
fn check_numbers(numbers: impl IntoIterator<Item = Option<usize>>) -> Result<(), String> {
    match numbers.into_iter().flatten().find(|&number| number > MOST) {
        Some(number) => Err(format!("{number} is too large; expected at most {MOST}")),
        None => Ok(()),
    }
}

layers! {
    "dense" => Dense(DenseConfig, DenseSpec, DenseLayer), "every output from every input";
    "conv" => Convolution(ConvolutionConfig, ConvolutionSpec, ConvolutionLayer), "a convolution";
    "transposed" => Transposed(TransposedConfig, TransposedSpec, TransposedLayer), "a transposed convolution";
    "residual" => Residual(ResidualConfig, ResidualSpec, ResidualLayer), "a residual block";
    "norm" => Norm(NormConfig, NormSpec, NormLayer), "a group normalisation";
    "upsample" => Upsample(UpsampleConfig, UpsampleSpec, UpsampleLayer), "each pixel becomes a square";
    "pool" => Pool(PoolConfig, PoolSpec, PoolLayer), "each square becomes its mean";
    "dropout" => Dropout(DropoutConfig, DropoutSpec, DropoutLayer), "in training, a share of the values becomes 0";
    #[cfg(test)]
    "scale" => Scale(ScaleConfig, ScaleSpec, ScaleLayer), "a toy: one factor for each feature";
}

#[cfg(test)]
mod tests;
