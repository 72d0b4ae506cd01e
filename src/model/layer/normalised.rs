//! Group normalisation and the activation that follows it (Wu, He 2018).

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Forward, Layer, LayerKind, LayerShape, LayerSpec, check_numbers};
use crate::model::{Features, Graph, Init, NodeId, Operation, ParameterShape};
use crate::ops::{self, Activation, MapLayout, Normalisation};
use crate::words::counted;

/// The number of groups unless a config names another: that of Wu and He, for maps with enough channels.
const GROUPS: usize = 32;

/// The fewest channels of a group unless a config asks for fewer: the mean and variance of a group are those of its values
/// alone.
const FEWEST_CHANNELS: usize = 4;

/// The config of a normalisation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NormConfig {
    /// The number of groups of channels; 0 chooses it: at most 32, of at least 4 channels each.
    pub norm: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
}

/// Returns the normalisation of a map in `groups` groups, or in a number that is chosen if it is 0.
///
/// # Errors
/// Returns an error if the groups do not divide the channels.
pub fn normalisation(
    map: [usize; 3],
    groups: usize,
    activation: Activation,
) -> Result<Normalisation, String> {
    let channels = map[0];
    let fits = |groups: &usize| channels.is_multiple_of(*groups);
    let groups = match groups {
        0 => (1..=GROUPS.min(channels / FEWEST_CHANNELS).max(1))
            .rev()
            .find(fits)
            .unwrap_or(1),
        groups if fits(&groups) => groups,
        groups => {
            return Err(format!("{groups} groups do not divide {channels} channels"));
        }
    };
    Ok(Normalisation {
        map,
        groups,
        activation,
        layouts: Default::default(),
    })
}

impl LayerKind for NormConfig {
    fn spec(&self, input: Features, activation: Activation) -> Result<LayerSpec, String> {
        check_numbers([Some(self.norm)])?;
        let map = match input {
            Features::Map(map) => map,
            Features::Flat(units) => [units, 1, 1],
        };
        let activation = self.activation.unwrap_or(activation);
        let normalisation = normalisation(map, self.norm, activation)?;
        Ok(NormSpec {
            normalisation,
            is_flat: matches!(input, Features::Flat(_)),
        }
        .into())
    }

    fn activation(&self) -> Option<Activation> {
        self.activation
    }
}

/// A normalisation's shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NormSpec {
    pub normalisation: Normalisation,
    /// Whether it reads units. Each unit is then a channel of one pixel.
    is_flat: bool,
}

impl NormSpec {
    /// Returns a normalisation of a map.
    pub fn of_map(normalisation: Normalisation) -> Self {
        Self {
            normalisation,
            is_flat: false,
        }
    }

    /// Returns the layer with its initial weights: the scales are 1 and the shifts 0.
    pub fn norm(&self, init: &Init) -> NormLayer {
        let channels = self.normalisation.map[0];
        NormLayer {
            weight: init.vector(vec![1.0; channels]),
            bias: init.vector(vec![0.0; channels]),
            normalisation: self.normalisation,
        }
    }
}

impl LayerShape for NormSpec {
    fn words(&self) -> String {
        let groups = counted(self.normalisation.groups, "group");
        format!("normalisation in {groups}")
    }

    fn input(&self) -> Features {
        if self.is_flat {
            Features::Flat(self.normalisation.map[0])
        } else {
            Features::Map(self.normalisation.map)
        }
    }

    fn output(&self) -> Features {
        self.input()
    }

    fn activation(&self) -> Activation {
        self.normalisation.activation
    }

    fn set_activation(&mut self, activation: Activation) {
        self.normalisation.activation = activation;
    }

    fn set_channels(&mut self, count: usize) {
        self.normalisation.map[0] = count;
    }

    fn parameters(&self) -> Vec<ParameterShape> {
        let channels = [self.normalisation.map[0]];
        vec![
            ParameterShape::new("weight", channels),
            ParameterShape::new("bias", channels),
        ]
    }

    fn layer(&self, init: &Init) -> Layer {
        Layer::Norm(self.norm(init))
    }

    fn trace(&self, path: &str, x: NodeId, graph: &mut Graph) -> NodeId {
        let map = Features::Map(self.normalisation.map);
        let x = graph.shaped(x, map);
        let operation = Operation::GroupNorm {
            layer: path.to_owned(),
            groups: self.normalisation.groups,
        };
        let y = graph.push(operation, [x], map);
        let y = graph.activated(y, self.normalisation.activation);
        graph.shaped(y, self.output())
    }

    fn layouts_mut(&mut self) -> Option<&mut [MapLayout; 2]> {
        Some(&mut self.normalisation.layouts)
    }

    fn output_layout(&self) -> MapLayout {
        self.normalisation.layouts[1]
    }
}

/// A normalisation with its weights.
#[derive(Module, Debug)]
pub struct NormLayer {
    /// The scales, `[C]`.
    pub weight: Param<Tensor<1>>,
    /// The shifts, `[C]`.
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    pub normalisation: Normalisation,
}

impl Forward for NormLayer {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        ops::normalise(x, self.weight.val(), self.bias.val(), self.normalisation)
    }
}
