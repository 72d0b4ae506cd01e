//! Upsampling: each pixel becomes a square of equal pixels. A convolution after it has no checkerboard, which a transposed
//! convolution tends to have (Odena et al. 2016).

use burn::module::Module;
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Forward, Layer, LayerKind, LayerShape, LayerSpec, check_numbers};
use crate::model::{Features, Graph, Init, NodeId, Operation, ParameterShape};
use crate::ops::{self, Activation, MapLayout, Resampling};

/// The config of an upsampling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpsampleConfig {
    /// The factor of height and width.
    pub upsample: usize,
    /// The height and width of the output, if rows and columns at the end are to be cut off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
}

impl Default for UpsampleConfig {
    fn default() -> Self {
        Self {
            upsample: 2,
            size: None,
        }
    }
}

impl LayerKind for UpsampleConfig {
    fn spec(&self, input: Features, _activation: Activation) -> Result<LayerSpec, String> {
        let factor = self.upsample;
        let size = self.size.unwrap_or([1, 1]);
        check_numbers([Some(factor), Some(size[0]), Some(size[1])])?;
        let (Features::Map([channels, height, width]), 1..) = (input, factor) else {
            return Err(
                "an upsampling needs channels, height and width, and a factor of at least 1"
                    .to_owned(),
            );
        };
        let whole = [height * factor, width * factor];
        let [rows, columns] = self.size.unwrap_or(whole);
        if rows.div_ceil(factor) != height || columns.div_ceil(factor) != width {
            return Err(format!(
                "`size` is {rows}x{columns}, and an upsampling by {factor} gives {}x{}; expected the same size, or one with fewer than {factor} rows and columns cut off",
                whole[0], whole[1]
            ));
        }
        Ok(UpsampleSpec(Resampling {
            big: [channels, rows, columns],
            small: [channels, height, width],
            factor,
            layouts: Default::default(),
        })
        .into())
    }
}

/// An upsampling's shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpsampleSpec(Resampling);

impl LayerShape for UpsampleSpec {
    fn words(&self) -> String {
        let side = self.0.factor;
        format!("upsampling to {side}x{side} pixels")
    }

    fn input(&self) -> Features {
        Features::Map(self.0.small)
    }

    fn output(&self) -> Features {
        Features::Map(self.0.big)
    }

    fn set_channels(&mut self, count: usize) {
        (self.0.big[0], self.0.small[0]) = (count, count);
    }

    fn parameters(&self) -> Vec<ParameterShape> {
        Vec::new()
    }

    fn layer(&self, _init: &Init) -> Layer {
        Layer::Upsample(UpsampleLayer { resampling: self.0 })
    }

    fn trace(&self, _path: &str, x: NodeId, graph: &mut Graph) -> NodeId {
        let factor = self.0.factor;
        graph.push(Operation::Upsample { factor }, [x], self.output())
    }

    fn layouts_mut(&mut self) -> Option<&mut [MapLayout; 2]> {
        Some(&mut self.0.layouts)
    }

    fn output_layout(&self) -> MapLayout {
        self.0.layouts[1]
    }
}

/// An upsampling, which has no weights.
#[derive(Module, Debug)]
pub struct UpsampleLayer {
    #[module(skip)]
    resampling: Resampling,
}

impl Forward for UpsampleLayer {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        ops::upsample(x, self.resampling)
    }
}
