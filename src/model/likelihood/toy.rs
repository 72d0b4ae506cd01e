//! A toy likelihood with a parameter, which shows that a new likelihood takes one file and one line in the list.
//!
//! p(x | z) = N(x; m + shift, I / (2 pi)), whose log is -pi (x - m - shift)^2 per pixel.

use std::f64::consts::PI;

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ImageDistribution, LikelihoodKind, LikelihoodModule};
use crate::model::{Features, Graph, Init, NodeId, ParameterShape};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Toy {}

impl LikelihoodKind for Toy {
    fn parameters(&self) -> Vec<ParameterShape> {
        vec![ParameterShape::new("shift", [1])]
    }

    fn module(&self, init: &Init) -> LikelihoodModule {
        let shift = init.scalar(0.0);
        ToyLikelihood { shift }.into()
    }

    /// Never called: no other program is told of a toy.
    fn trace_mean(&self, _decoded: NodeId, _image: Features, _graph: &mut Graph) -> NodeId {
        unreachable!("a toy is not exported")
    }

    fn caveat(&self, _binary_pixels: bool) -> Option<&'static str> {
        None
    }
}

#[derive(Module, Debug)]
pub struct ToyLikelihood {
    /// `[1]`.
    shift: Param<Tensor<1>>,
}

impl ImageDistribution for ToyLikelihood {
    fn log_prob(&self, x: Tensor<2>, decoded: Tensor<3>) -> Tensor<2> {
        let mean = decoded + self.shift.val().unsqueeze::<3>();
        let squares = (mean - x.unsqueeze::<3>()).square();
        squares.sum_dim(2).squeeze_dim::<2>(2) * -PI
    }

    fn mean(&self, decoded: Tensor<2>) -> Tensor<2> {
        decoded + self.shift.val().unsqueeze::<2>()
    }
}
