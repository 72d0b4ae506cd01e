//! The parts that a convolution and a transposed convolution share: the sliding window and its behaviour at the border.

use burn::module::Param;
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Layer, LayerShape};
use crate::model::{Features, Graph, Init, NodeId, Operation, ParameterShape};
use crate::ops::{Activation, Convolution, MapLayout, Window};

/// The rule for the border of a convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "WrittenPadding", into = "WrittenPadding")]
#[schemars(with = "WrittenPadding")]
pub enum Padding {
    /// TensorFlow's rule. A convolution's output is input / stride, rounded up, and an odd zero goes to the end. A
    /// transposed convolution, which is its gradient, gives input * stride, and an odd row is cut off at the end;
    /// PyTorch's habit of `padding = 1, output_padding = 1` gives the same size and cuts the row off at the start.
    #[default]
    Same,
    /// No padding.
    Valid,
    /// The given number of zeros on every side; for a transposed convolution, the number of rows cut off.
    Zeros(usize),
}

/// A padding as TOML represents it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected \"same\", \"valid\" or a number of zeros on every side"
)]
enum WrittenPadding {
    Named(NamedPadding),
    Zeros(usize),
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum NamedPadding {
    Same,
    Valid,
}

impl From<WrittenPadding> for Padding {
    fn from(written: WrittenPadding) -> Self {
        match written {
            WrittenPadding::Named(NamedPadding::Same) => Self::Same,
            WrittenPadding::Named(NamedPadding::Valid) => Self::Valid,
            WrittenPadding::Zeros(zeros) => Self::Zeros(zeros),
        }
    }
}

impl From<Padding> for WrittenPadding {
    fn from(padding: Padding) -> Self {
        match padding {
            Padding::Same => Self::Named(NamedPadding::Same),
            Padding::Valid => Self::Named(NamedPadding::Valid),
            Padding::Zeros(zeros) => Self::Zeros(zeros),
        }
    }
}

impl Padding {
    /// Returns the number of zeros, or `None` for a named padding.
    pub fn zeros(self) -> Option<usize> {
        match self {
            Self::Zeros(zeros) => Some(zeros),
            Self::Same | Self::Valid => None,
        }
    }
}

/// Returns the input as `[C, H, W]`.
///
/// # Errors
/// Returns an error if the input is not a map, or if one of the layer's `[channels, kernel, stride]` is 0.
pub fn input_map(input: Features, numbers: [usize; 3]) -> Result<[usize; 3], String> {
    let Features::Map(map) = input else {
        return Err(
            "a convolution needs channels, height and width; give the dense layer before it a `shape`"
                .into(),
        );
    };
    if numbers.contains(&0) {
        return Err("channels, kernel and stride must be at least 1".into());
    }
    Ok(map)
}

/// A layer whose shapes are known and that slides a window over a map. Everything else about its shapes follows.
pub trait Windowed {
    /// The name of the kind of layer.
    const NAME: &'static str;

    fn convolution(&self) -> &Convolution;

    fn convolution_mut(&mut self) -> &mut Convolution;

    fn kernel_shape(&self) -> [usize; 4];

    /// Returns the larger and the smaller map: each position of the smaller one belongs to a window of the larger one.
    fn maps(&self) -> [[usize; 3]; 2];

    /// Returns the operation of the layer at a path, without its activation.
    fn operation(&self, layer: String) -> Operation;

    /// Returns the layer with these weights.
    fn with_weights(&self, weight: Param<Tensor<4>>, bias: Param<Tensor<1>>) -> Layer;
}

impl<W: Windowed> LayerShape for W {
    fn words(&self) -> String {
        let Window { kernel, stride, .. } = self.convolution().window;
        let stride = match stride {
            1 => String::new(),
            _ => format!(", stride {stride}"),
        };
        format!("{} {kernel}x{kernel}{stride}", Self::NAME)
    }

    fn input(&self) -> Features {
        Features::Map(self.convolution().input)
    }

    fn output(&self) -> Features {
        Features::Map(self.convolution().output)
    }

    fn activation(&self) -> Activation {
        self.convolution().activation
    }

    fn set_activation(&mut self, activation: Activation) {
        self.convolution_mut().activation = activation;
    }

    fn set_channels(&mut self, count: usize) {
        self.convolution_mut().output[0] = count;
    }

    fn parameters(&self) -> Vec<ParameterShape> {
        vec![
            ParameterShape::new("weight", self.kernel_shape()),
            ParameterShape::new("bias", [self.convolution().output[0]]),
        ]
    }

    fn layer(&self, init: &Init) -> Layer {
        let (weight, bias) = init.kernel(self.kernel_shape(), self.convolution().output[0]);
        self.with_weights(weight, bias)
    }

    fn trace(&self, path: &str, x: NodeId, graph: &mut Graph) -> NodeId {
        let y = graph.push(self.operation(path.to_owned()), [x], self.output());
        graph.activated(y, self.activation())
    }

    fn layouts_mut(&mut self) -> Option<&mut [MapLayout; 2]> {
        Some(&mut self.convolution_mut().layouts)
    }

    fn output_layout(&self) -> MapLayout {
        self.convolution().layouts[1]
    }

    /// Returns the number of values in all windows: each position of the smaller map reads a window of every channel of
    /// the larger map.
    fn window_values(&self) -> usize {
        let [larger, smaller] = self.maps();
        let kernel = self.convolution().window.kernel;
        [larger[0], kernel, kernel, smaller[1], smaller[2]]
            .into_iter()
            .fold(1, usize::saturating_mul)
    }

    fn multiply_adds(&self) -> u64 {
        let [_, [_, height, width]] = self.maps();
        let weights: usize = self.kernel_shape().iter().product();
        (weights as u64).saturating_mul((height * width) as u64)
    }
}
