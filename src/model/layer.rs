//! One layer with its weights.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::{Features, Initialisation, Kind, LayerSpec, Window};
use crate::ops::{Convolution, convolve, convolve_transposed, dense};
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
    pub fn new(
        spec: &LayerSpec,
        initialisation: Initialisation,
        rng: Rng,
        device: &Device,
    ) -> Self {
        let (weight, bias) = initialisation.draw(spec, rng);
        let weight = TensorData::new(weight, spec.weight_shape());
        let weight = match spec.kind {
            Kind::Dense => {
                // PyTorch's [out, in] laid out anew as [in, out].
                let inner = device.clone().inner();
                let transposed = Tensor::<2>::from_data(weight, &inner)
                    .transpose()
                    .into_data();
                Weight::Matrix(Param::from_data(transposed, device))
            }
            Kind::Conv(_) | Kind::Transposed(_) => Weight::Kernel(Param::from_data(weight, device)),
        };
        let bias = Param::from_data(TensorData::new(bias, [spec.bias_length()]), device);
        Self {
            weight,
            bias,
            spec: spec.clone(),
        }
    }

    pub fn device(&self) -> Device {
        self.bias.val().device()
    }

    /// Sets the bias: to `values`, `[output]`, or to the mean of those of each channel.
    pub fn set_bias(&mut self, values: &[f32]) {
        let [count] = self.bias.val().dims();
        let each = values.len() / count;
        let means = values
            .chunks_exact(each)
            .map(|channel| channel.iter().sum::<f32>() / each as f32)
            .collect();
        self.bias = Param::from_data(TensorData::new(means, [count]), &self.device());
    }

    /// # Shapes
    /// `x`: `[N, input]`, flat, whatever the layer does with it; result: `[N, output]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let bias = self.bias.val();
        match (&self.weight, self.spec.kind) {
            (Weight::Kernel(kernel), Kind::Conv(window)) => {
                convolve(x, kernel.val(), bias, self.convolution(window))
            }
            (Weight::Kernel(kernel), Kind::Transposed(window)) => {
                convolve_transposed(x, kernel.val(), bias, self.convolution(window))
            }
            (Weight::Matrix(matrix), _) => dense(x, matrix.val(), bias, self.spec.activation),
            (Weight::Kernel(_), Kind::Dense) => unreachable!("`new` gives a dense layer a matrix"),
        }
    }

    fn convolution(&self, window: Window) -> Convolution {
        let (Features::Map(input), Features::Map(output)) = (self.spec.input, self.spec.output)
        else {
            unreachable!("the network gives a convolution maps")
        };
        Convolution {
            input,
            output,
            window,
            activation: self.spec.activation,
            layouts: self.spec.layouts,
        }
    }
}
