//! The activation functions of layers.

use serde::{Deserialize, Serialize};

/// The function that follows the affine map of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    #[default]
    Relu,
    Tanh,
    None,
}
