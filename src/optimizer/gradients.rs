//! Gradients as flat tensors, and their norms.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};

use crate::model::LayerParameters;
use crate::ops;

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

/// Returns the Euclidean norm of the gradients of all parameters together.
///
/// # Shapes
/// Each gradient: `[n]`; result: `[1]`.
pub fn global_norm(gradients: &[Tensor<1>]) -> Tensor<1> {
    let squares = gradients
        .iter()
        .map(|gradient| ops::sum_of_squares(gradient.clone()))
        .collect::<Vec<_>>();
    ops::sum_last_axis(Tensor::cat(squares, 0)).sqrt()
}

/// Returns the squared Euclidean norm of the gradient of each layer, over all its parameters together.
///
/// # Shapes
/// Each gradient: `[n]`, as [`collect`] returns them; result: `[L]`, the number of layers.
pub fn squared_norms(gradients: &[Tensor<1>], layers: &[LayerParameters]) -> Tensor<1> {
    let square = |&place: &usize| ops::sum_of_squares(gradients[place].clone());
    let layers = layers
        .iter()
        .filter_map(|layer| layer.places.iter().map(square).reduce(|a, b| a + b));
    Tensor::cat(layers.collect(), 0)
}
