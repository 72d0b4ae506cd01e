//! A residual block with its activations before its convolutions (He et al. 2016, "Identity mappings in deep residual
//! networks", figure 4e): x + conv2(act(norm2(conv1(act(norm1(x)))))).

use burn::module::Module;
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dropout::{checked_dropout, dropped_out};
use super::normalised::{NormLayer, NormSpec, normalisation};
use super::{
    ConvolutionConfig, ConvolutionLayer, ConvolutionSpec, Forward, Layer, LayerKind, LayerNoise,
    LayerShape, LayerSpec, check_numbers,
};
use crate::check::is_default;
use crate::model::{Features, Graph, Init, NodeId, Operation, ParameterShape};
use crate::ops::{self, Activation, MapLayout, Resampling};

/// The config of a residual block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResidualConfig {
    /// The number of output channels.
    pub residual: usize,
    /// The groups of channels that are normalised; the default chooses, as the layer `norm` does for 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    /// The height and width of the kernels; the default is 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<usize>,
    /// The activation before each convolution. The sum has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// The probability with which a value before the second convolution becomes 0 in a training step.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dropout: f64,
}

impl Default for ResidualConfig {
    fn default() -> Self {
        Self {
            residual: 2,
            groups: None,
            kernel: None,
            activation: None,
            dropout: 0.0,
        }
    }
}

impl LayerKind for ResidualConfig {
    fn spec(&self, input: Features, activation: Activation) -> Result<LayerSpec, String> {
        check_numbers([Some(self.residual), self.groups, self.kernel])?;
        let Features::Map(map) = input else {
            return Err(
                "a residual block needs channels, height and width; give the dense layer before it a `shape`"
                    .to_owned(),
            );
        };
        let activation = self.activation.unwrap_or(activation);
        let groups = self.groups.unwrap_or(0);
        let conv = |input: [usize; 3], kernel: usize| -> Result<ConvolutionSpec, String> {
            ConvolutionConfig {
                conv: self.residual,
                kernel: Some(kernel),
                ..ConvolutionConfig::default()
            }
            .shapes(Features::Map(input), Activation::None)
        };
        let kernel = self.kernel.unwrap_or(3);
        let between = [self.residual, map[1], map[2]];
        Ok(ResidualSpec {
            norm1: NormSpec::of_map(normalisation(map, groups, activation)?),
            conv1: conv(map, kernel)?,
            norm2: NormSpec::of_map(normalisation(between, groups, activation)?),
            conv2: conv(between, kernel)?,
            shortcut: (map[0] != self.residual)
                .then(|| conv(map, 1))
                .transpose()?,
            dropout: checked_dropout(self.dropout)?,
            layouts: Default::default(),
        }
        .into())
    }
}

/// A residual block's shapes.
#[derive(Clone, Debug, PartialEq)]
pub struct ResidualSpec {
    norm1: NormSpec,
    conv1: ConvolutionSpec,
    norm2: NormSpec,
    conv2: ConvolutionSpec,
    /// The 1 x 1 convolution that gives x the channels of the sum; `None` if it has them.
    shortcut: Option<ConvolutionSpec>,
    dropout: f64,
    layouts: [MapLayout; 2],
}

impl ResidualSpec {
    /// Returns the same block with the layouts within it.
    fn laid_out(&self) -> Self {
        let mut block = self.clone();
        let inside = MapLayout::ChannelsLast;
        let [input, output] = self.layouts;
        block.norm1.normalisation.layouts = [input, inside];
        block.conv1.0.layouts = [inside; 2];
        block.norm2.normalisation.layouts = [inside; 2];
        block.conv2.0.layouts = [inside, output];
        if let Some(shortcut) = &mut block.shortcut {
            shortcut.0.layouts = self.layouts;
        }
        block
    }

    fn parts(&self) -> Vec<(&'static str, &dyn LayerShape)> {
        let mut parts: Vec<(&str, &dyn LayerShape)> = vec![
            ("norm1", &self.norm1),
            ("conv1", &self.conv1),
            ("norm2", &self.norm2),
            ("conv2", &self.conv2),
        ];
        if let Some(shortcut) = &self.shortcut {
            parts.push(("shortcut", shortcut));
        }
        parts
    }
}

impl LayerShape for ResidualSpec {
    fn words(&self) -> String {
        let dropout = if self.drops_out() {
            format!(", dropout {}", self.dropout)
        } else {
            String::new()
        };
        let kernel = self.conv1.0.window.kernel;
        format!("residual block {kernel}x{kernel}{dropout}")
    }

    fn input(&self) -> Features {
        self.conv1.input()
    }

    fn output(&self) -> Features {
        self.conv2.output()
    }

    fn set_channels(&mut self, count: usize) {
        self.conv2.set_channels(count);
        match &mut self.shortcut {
            Some(shortcut) => shortcut.set_channels(count),
            None if self.conv1.0.input[0] == count => {}
            None => {
                let mut shortcut = self.conv1.clone();
                shortcut.0.window.kernel = 1;
                shortcut.0.window.padding = [(0, 0); 2];
                shortcut.set_channels(count);
                self.shortcut = Some(shortcut);
            }
        }
    }

    fn parameters(&self) -> Vec<ParameterShape> {
        let parts = self.parts().into_iter();
        parts
            .flat_map(|(name, part)| {
                let parameters = part.parameters().into_iter();
                parameters.map(|parameter| parameter.below(name))
            })
            .collect()
    }

    fn layer(&self, init: &Init) -> Layer {
        let block = self.laid_out();
        let shortcut = block.shortcut.as_ref();
        Layer::Residual(ResidualLayer {
            norm1: block.norm1.norm(&init.at("norm1")),
            conv1: block.conv1.convolution_layer(&init.at("conv1")),
            norm2: block.norm2.norm(&init.at("norm2")),
            conv2: block.conv2.convolution_layer(&init.at("conv2")),
            shortcut: shortcut.map(|shortcut| shortcut.convolution_layer(&init.at("shortcut"))),
            dropout: self.dropout,
            layouts: self.layouts,
        })
    }

    fn trace(&self, path: &str, x: NodeId, graph: &mut Graph) -> NodeId {
        let at = |part: &str| format!("{path}.{part}");
        let h = self.norm1.trace(&at("norm1"), x, graph);
        let h = self.conv1.trace(&at("conv1"), h, graph);
        let h = self.norm2.trace(&at("norm2"), h, graph);
        let h = self.conv2.trace(&at("conv2"), h, graph);
        let carried = match &self.shortcut {
            Some(shortcut) => shortcut.trace(&at("shortcut"), x, graph),
            None => x,
        };
        graph.push(Operation::Add, [h, carried], self.output())
    }

    fn layouts_mut(&mut self) -> Option<&mut [MapLayout; 2]> {
        Some(&mut self.layouts)
    }

    fn output_layout(&self) -> MapLayout {
        self.layouts[1]
    }

    fn window_values(&self) -> usize {
        self.conv1.window_values().max(self.conv2.window_values())
    }

    fn kept_values(&self) -> usize {
        // The output of the first convolution, and the sum; with dropout, what it reads, its factors, what it gives, and the
        // output of the second convolution.
        let maps = if self.drops_out() { 4 } else { 0 };
        (1 + maps) * self.conv1.output().count() + self.output().count()
    }

    fn drops_out(&self) -> bool {
        self.dropout > 0.0
    }

    fn is_block(&self) -> bool {
        true
    }

    fn multiply_adds(&self) -> u64 {
        let parts = self.parts().into_iter();
        parts.map(|(_, part)| part.multiply_adds()).sum()
    }
}

/// A residual block with its weights.
#[derive(Module, Debug)]
pub struct ResidualLayer {
    norm1: NormLayer,
    conv1: ConvolutionLayer,
    norm2: NormLayer,
    conv2: ConvolutionLayer,
    shortcut: Option<ConvolutionLayer>,
    #[module(skip)]
    dropout: f64,
    #[module(skip)]
    layouts: [MapLayout; 2],
}

impl ResidualLayer {
    /// Returns x with the channels and the layout of the sum.
    fn carried(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.shortcut {
            Some(shortcut) => shortcut.forward(x),
            None if self.layouts[0] == self.layouts[1] => x,
            None => {
                let map = self.norm1.normalisation.map;
                ops::upsample(x, Resampling::relayout(map, self.layouts))
            }
        }
    }
}

impl Forward for ResidualLayer {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let h = self.conv1.after(&self.norm1, x.clone(), None);
        self.conv2.after(&self.norm2, h, Some(self.carried(x)))
    }

    fn forward_in_training(&self, x: Tensor<2>, noise: &LayerNoise) -> Tensor<2> {
        if self.dropout == 0.0 {
            return self.forward(x);
        }
        let h = self.conv1.after(&self.norm1, x.clone(), None);
        let h = dropped_out(self.norm2.forward(h), self.dropout, noise);
        self.conv2.forward(h) + self.carried(x)
    }

    fn bias_mut(&mut self) -> Option<&mut burn::module::Param<Tensor<1>>> {
        self.conv2.bias_mut()
    }
}
