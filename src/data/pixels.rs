//! How a grey level becomes a value: the `pixels` key of a data set. The loader does it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pixels {
    /// The level divided by 255.
    #[default]
    Grey,
    /// 1 if the level is above one half, else 0.
    Threshold,
    /// 1 with the level as its probability, drawn afresh each time an image is seen (Burda et al. 2016); the test
    /// set is drawn once, from the seed of the run or of the measurement.
    Dynamic,
    /// 1 with the level as its probability, drawn once for all epochs and runs, from a seed of its own. This is what
    /// published numbers mean by "static" binarisation, except that the draw is ours and not Larochelle's.
    Static,
}

impl Pixels {
    pub fn name(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::Threshold => "threshold",
            Self::Dynamic => "dynamic",
            Self::Static => "static (drawn once, by us)",
        }
    }

    /// Returns what reports call the pixels of images with this many channels.
    pub fn name_for(self, channels: usize) -> &'static str {
        match self {
            Self::Grey if channels > 1 => "colour",
            other => other.name(),
        }
    }

    /// Whether every value is 0 or 1.
    pub fn is_binary(self) -> bool {
        self != Self::Grey
    }

    /// Whether the values are drawn at random.
    pub fn is_drawn(self) -> bool {
        matches!(self, Self::Dynamic | Self::Static)
    }
}
