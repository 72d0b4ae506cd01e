//! The kinds of networks that a config can ask for. Each becomes a [`Network`](super::Network).

use super::conv::Conv;
use super::mlp::Mlp;
use super::model_kind::ModelKind;
use super::resnet::Resnet;
use crate::registry::registry;

registry! {
    /// The networks of the encoder and the decoder.
    pub enum Model: ModelKind {
        "mlp" => Mlp, "dense layers";
        "resnet" => Resnet, "residual blocks with group normalisation, for larger images";
        "conv" => Conv, "a list of convolutional, transposed convolutional and dense layers";
    }
}
