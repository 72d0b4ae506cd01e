//! The gradients of a step as flat tensors, and their norms.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorData};

use crate::model::LayerParameters;
use crate::ops;
use crate::parallel::Pieces;

/// Removes the gradient of every parameter from `gradients`, and returns them flat, in the order in which burn visits
/// the parameters.
///
/// # Shapes
/// Each: `[n]`.
pub fn collect(module: &impl Module, gradients: &mut Gradients) -> Vec<Tensor<1>> {
    struct Collect<'a> {
        gradients: &'a mut Gradients,
        flat: Vec<Tensor<1>>,
    }
    impl ModuleVisitor for Collect<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let weight = param.val();
            let count = weight.shape().num_elements();
            // A parameter that the loss does not depend on has a gradient of zero.
            let flat = match weight.grad_remove(self.gradients) {
                Some(gradient) => gradient.reshape([count]),
                None => Tensor::zeros([count], &weight.device().inner()),
            };
            self.flat.push(flat);
        }
    }
    let mut collect = Collect {
        gradients,
        flat: Vec::new(),
    };
    module.visit(&mut collect);
    collect.flat
}

/// The gradients of a step, in the order in which burn visits the parameters: of all parameters, or, where several processes
/// divide them, of this process's pieces.
#[derive(Debug)]
pub struct StepGradients {
    /// Each `[n]`, or the length of the piece, which may be 0.
    pub(super) tensors: Vec<Tensor<1>>,
    pub(super) pieces: Option<Pieces>,
}

impl StepGradients {
    /// Returns the squared Euclidean norm of the gradient of each parameter, each `[1]`.
    pub fn squares(&self) -> Vec<Tensor<1>> {
        let Some(pieces) = &self.pieces else {
            let gradients = self.tensors.iter();
            return gradients
                .map(|gradient| ops::sum_of_squares(gradient.clone()))
                .collect();
        };
        let Some(device) = self.tensors.first().map(Tensor::device) else {
            return Vec::new();
        };
        let made = |values: &[f32]| {
            Tensor::<1>::from_data(TensorData::new(values.to_vec(), [values.len()]), &device)
        };
        let sum = |chunk: &[f32]| ops::sum_of_squares(made(chunk)).into_scalar();
        let squares = pieces.sums(&values(&self.tensors), sum);
        squares.into_iter().map(|square| made(&[square])).collect()
    }
}

/// Returns the values of tensors on the host, one tensor after the other.
pub(super) fn values(tensors: &[Tensor<1>]) -> Vec<f32> {
    let mut values = Vec::with_capacity(tensors.iter().map(|tensor| tensor.dims()[0]).sum());
    for tensor in tensors {
        let data = tensor.clone().into_data();
        match data.as_slice::<f32>() {
            Ok(slice) => values.extend_from_slice(slice),
            // A backend with other floats.
            Err(_) => values.extend(data.iter::<f32>()),
        }
    }
    values
}

/// Returns the Euclidean norm of the gradients of all parameters together, from the squared norm of each.
///
/// # Shapes
/// `squares`: each `[1]`, as [`StepGradients::squares`] returns them; result: `[1]`.
pub fn global_norm(squares: Vec<Tensor<1>>) -> Tensor<1> {
    ops::sum_last_axis(Tensor::cat(squares, 0)).sqrt()
}

/// Returns the squared Euclidean norm of the gradient of each layer, over all its parameters together.
///
/// # Shapes
/// `squares`: each `[1]`, as [`StepGradients::squares`] returns them; result: `[L]`, the number of layers.
pub fn squared_norms(squares: &[Tensor<1>], layers: &[LayerParameters]) -> Tensor<1> {
    let square = |&place: &usize| squares[place].clone();
    let layers = layers
        .iter()
        .filter_map(|layer| layer.places.iter().map(square).reduce(|a, b| a + b));
    Tensor::cat(layers.collect(), 0)
}
