//! The kinds of networks that a config can ask for. Each becomes a [`Network`](super::Network).

use super::auto::{Auto, ChosenModel};
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
        "auto" => Auto, "one of the others, chosen by the size of the images and by their number";
    }
}

impl From<ChosenModel> for Model {
    fn from(chosen: ChosenModel) -> Self {
        match chosen {
            ChosenModel::Mlp(mlp) => Self::Mlp(mlp),
            ChosenModel::Conv(conv) => Self::Conv(conv),
            ChosenModel::Resnet(resnet) => Self::Resnet(resnet),
        }
    }
}
