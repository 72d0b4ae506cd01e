//! The replacement of a module's parameters by flat tensors, and their removal.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Shape, Tensor};

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

/// The weights of a module, taken out of it, so that they have no other owner and can be changed in place.
#[derive(Debug, Default)]
pub struct TakenWeights {
    /// Each `[n]`, without autodiff, in the order in which burn visits the parameters.
    pub weights: Vec<Tensor<1>>,
    pub shapes: WeightShapes,
}

impl TakenWeights {
    /// Returns the module without its weights, and the weights.
    pub fn of<M: Module>(module: M) -> (M, Self) {
        let mut taken = Self::default();
        (module.map(&mut taken), taken)
    }
}

impl ModuleMapper for TakenWeights {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|weight| {
            let (shape, device) = (weight.shape(), weight.device());
            let weight = weight.inner();
            self.weights.push(weight.reshape([shape.num_elements()]));
            self.shapes.0.push(shape);
            Tensor::empty([0; D], &device)
        })
    }
}

/// The shapes of weights that were taken out of a module.
#[derive(Debug, Default)]
pub struct WeightShapes(Vec<Shape>);

impl WeightShapes {
    /// Returns the module with `weights`, each `[n]`, in place of those that were taken.
    pub fn put_into<M: Module>(self, module: M, weights: Vec<Tensor<1>>) -> M {
        assert_eq!(
            weights.len(),
            self.0.len(),
            "a weight for each that was taken"
        );
        module.map(&mut Put(weights.into_iter().zip(self.0)))
    }
}

struct Put<T>(T);

impl<T: Iterator<Item = (Tensor<1>, Shape)>> ModuleMapper for Put<T> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some((weight, shape)) = self.0.next() else {
            return param;
        };
        param.map(|_| Tensor::from_inner(weight.reshape(shape)).require_grad())
    }
}
