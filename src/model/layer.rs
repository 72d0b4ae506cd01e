//! One layer with its weights.

use burn::module::{Module, Param};
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Tensor, TensorData};

use super::{Features, Initialisation, Kind, LayerSpec, Window};
use crate::ops::{dense, plain};
use crate::rng::Rng;

/// A dense layer, a convolution or a transposed convolution, and the activation after it.
#[derive(Module, Debug)]
pub struct Layer {
    weight: Weight,
    /// `[units or channels]`.
    bias: Param<Tensor<1>>,
    #[module(skip)]
    spec: LayerSpec,
}

#[derive(Module, Debug)]
enum Weight {
    /// `[in, out]`: burn multiplies `x W`.
    Matrix(Param<Tensor<2>>),
    /// `[out, in, k, k]`, transposed `[in, out, k, k]`.
    Kernel(Param<Tensor<4>>),
}

impl Layer {
    pub fn new(spec: &LayerSpec, initialisation: Initialisation, rng: Rng, device: &Device) -> Self {
        let (weight, bias) = initialisation.draw(spec, rng);
        let weight = TensorData::new(weight, spec.weight_shape());
        let weight = match spec.kind {
            Kind::Dense => {
                // PyTorch's [out, in] laid out anew as [in, out].
                let inner = device.clone().inner();
                let transposed = Tensor::<2>::from_data(weight, &inner).transpose().into_data();
                Weight::Matrix(Param::from_data(transposed, device))
            }
            Kind::Conv(_) | Kind::Transposed(_) => Weight::Kernel(Param::from_data(weight, device)),
        };
        let bias = Param::from_data(TensorData::new(bias, [spec.bias_length()]), device);
        Self { weight, bias, spec: spec.clone() }
    }

    pub fn device(&self) -> Device {
        self.bias.val().device()
    }

    /// # Shapes
    /// `x`: `[N, input]`, flat, whatever the layer does with it; result: `[N, output]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let activation = self.spec.activation;
        match (&self.weight, self.spec.kind) {
            (Weight::Kernel(kernel), Kind::Conv(window)) => {
                let options = ConvOptions::new_with_padding([window.stride; 2], window.padding, [1, 1], 1);
                let y = conv2d(self.map(x), kernel.val(), Some(self.bias.val()), options).flatten(1, 3);
                plain::activate(y, activation)
            }
            (Weight::Kernel(kernel), Kind::Transposed(window)) => {
                let y = conv_transpose2d(self.map(x), kernel.val(), Some(self.bias.val()), transposed(window));
                plain::activate(y.flatten(1, 3), activation)
            }
            (Weight::Matrix(matrix), _) => dense(x, matrix.val(), self.bias.val(), activation),
            (Weight::Kernel(_), Kind::Dense) => unreachable!("`new` gives a dense layer a matrix"),
        }
    }

    /// `[N, C * H * W]` -> `[N, C, H, W]`.
    fn map(&self, x: Tensor<2>) -> Tensor<4> {
        let Features::Map([c, h, w]) = self.spec.input else { unreachable!("the blueprint gives a convolution a map") };
        let [n, _] = x.dims();
        x.reshape([n, c, h, w])
    }
}

fn transposed(window: Window) -> ConvTransposeOptions<2> {
    let padding = window.padding.map(|(before, _)| before);
    ConvTransposeOptions::new([window.stride; 2], padding, window.output_padding, [1, 1], 1)
}
