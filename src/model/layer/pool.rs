//! Average pooling: each square of pixels becomes their mean.

use burn::module::Module;
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Forward, Layer, LayerKind, LayerShape, LayerSpec, check_numbers};
use crate::model::{Features, Graph, Init, NodeId, Operation, ParameterShape};
use crate::ops::{self, Activation, MapLayout, Resampling};

/// The config of an average pooling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolConfig {
    /// The height and width of the squares. Those at the lower and right end may be smaller, as with PyTorch's
    /// `ceil_mode=True, count_include_pad=False`.
    pub pool: usize,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self { pool: 2 }
    }
}

impl LayerKind for PoolConfig {
    fn spec(&self, input: Features, _activation: Activation) -> Result<LayerSpec, String> {
        check_numbers([Some(self.pool)])?;
        let (Features::Map([channels, height, width]), 1..) = (input, self.pool) else {
            return Err(
                "a pooling needs channels, height and width, and squares of at least 1 pixel"
                    .to_owned(),
            );
        };
        Ok(PoolSpec(Resampling {
            big: [channels, height, width],
            small: [
                channels,
                height.div_ceil(self.pool),
                width.div_ceil(self.pool),
            ],
            factor: self.pool,
            layouts: Default::default(),
        })
        .into())
    }
}

/// An average pooling's shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSpec(Resampling);

impl LayerShape for PoolSpec {
    fn words(&self) -> String {
        let side = self.0.factor;
        format!("mean of {side}x{side} pixels")
    }

    fn input(&self) -> Features {
        Features::Map(self.0.big)
    }

    fn output(&self) -> Features {
        Features::Map(self.0.small)
    }

    fn set_channels(&mut self, count: usize) {
        (self.0.big[0], self.0.small[0]) = (count, count);
    }

    fn parameters(&self) -> Vec<ParameterShape> {
        Vec::new()
    }

    fn layer(&self, _init: &Init) -> Layer {
        Layer::Pool(PoolLayer { resampling: self.0 })
    }

    fn trace(&self, _path: &str, x: NodeId, graph: &mut Graph) -> NodeId {
        let factor = self.0.factor;
        graph.push(Operation::AveragePool { factor }, [x], self.output())
    }

    fn layouts_mut(&mut self) -> Option<&mut [MapLayout; 2]> {
        Some(&mut self.0.layouts)
    }

    fn output_layout(&self) -> MapLayout {
        self.0.layouts[1]
    }
}

/// An average pooling, which has no weights.
#[derive(Module, Debug)]
pub struct PoolLayer {
    #[module(skip)]
    resampling: Resampling,
}

impl Forward for PoolLayer {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        ops::average_pool(x, self.resampling)
    }
}
