//! The replacement of a module's parameters by flat tensors.

use burn::module::{ModuleMapper, Param};
use burn::tensor::Tensor;

/// Puts flat tensors in the place of the parameters.
pub struct Replace<T>(pub T);

impl<T: Iterator<Item = Tensor<1>>> ModuleMapper for Replace<T> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(flat) = self.0.next() else {
            return param;
        };
        param.map(|weight| Tensor::from_inner(flat.reshape(weight.shape())).require_grad())
    }
}
