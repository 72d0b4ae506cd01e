//! The activation functions of layers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The slope of the leaky ReLU below 0: PyTorch's default.
pub const LEAK: f32 = 0.01;

/// The function that follows the affine map of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(y, 0).
    #[default]
    Relu,
    Tanh,
    /// y sigmoid(y) (Elfwing et al. 2018).
    Silu,
    /// y Phi(y), with the distribution function of N(0, 1) (Hendrycks, Gimpel 2016).
    Gelu,
    /// y above 0, and y / 100 below.
    LeakyRelu,
    /// y above 0, and e^y - 1 below (Clevert et al. 2016).
    Elu,
    /// ln(1 + e^y).
    Softplus,
    /// 1 / (1 + e^-y).
    Sigmoid,
    None,
}

impl Activation {
    /// Every activation.
    pub const ALL: [Self; 9] = [
        Self::Relu,
        Self::Tanh,
        Self::Silu,
        Self::Gelu,
        Self::LeakyRelu,
        Self::Elu,
        Self::Softplus,
        Self::Sigmoid,
        Self::None,
    ];

    /// Returns the name in a config.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Tanh => "tanh",
            Self::Silu => "silu",
            Self::Gelu => "gelu",
            Self::LeakyRelu => "leaky-relu",
            Self::Elu => "elu",
            Self::Softplus => "softplus",
            Self::Sigmoid => "sigmoid",
            Self::None => "none",
        }
    }

    /// Returns whether the products of layers apply it themselves. Their backward passes find its slope from its value,
    /// which does not tell it for all functions.
    pub fn is_fused(self) -> bool {
        matches!(self, Self::Relu | Self::Tanh | Self::None)
    }
}
