//! Gradient checkpointing (Chen, Xu, Zhang, Guestrin 2016, "Training deep nets with sublinear memory cost"): the forward pass
//! of a section of a network keeps its input alone, and the backward pass computes the section a second time. It is the same
//! computation on the same numbers, so the gradients have the same bytes as without checkpointing.

use std::fmt::Debug;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, BackendTypes};
use burn::tensor::Tensor;

/// A function of an input and of weights that returns the same result at every call.
pub trait Section: Clone + Debug + Send + 'static {
    /// Returns the output.
    ///
    /// # Shapes
    /// `x`: `[N, input]`; `weights`: `[n]`, all weights of the section; result: `[N, output]`.
    fn forward(&self, x: Tensor<2>, weights: Tensor<1>) -> Tensor<2>;
}

/// Returns the output of a section. Only its input and its weights are kept for the backward pass.
///
/// # Shapes
/// As in [`Section::forward`].
pub fn recompute<S: Section>(x: Tensor<2>, weights: Tensor<1>, section: S) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if let Some(y) = flex::recompute(&x, &weights, &section) {
        return y;
    }
    #[cfg(feature = "ndarray")]
    if let Some(y) = ndarray::recompute(&x, &weights, &section) {
        return y;
    }
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    if let Some(y) = cube::recompute(&x, &weights, &section) {
        return y;
    }
    // Without autodiff nothing is kept in any case.
    section.forward(x, weights)
}

/// The operation in the autodiff graph.
#[derive(Debug)]
struct Recompute<S>(S);

/// Defines the operation for a backend, because burn's types for autodiff name one.
macro_rules! on_backend {
    ($(#[$attribute:meta])* $name:ident, $Backend:ty) => {
        $(#[$attribute])*
        mod $name {
            use super::*;

            type Tracked = Autodiff<$Backend>;

            /// Does the same as [`super::recompute`]; returns `None` unless both tensors are of this backend, with autodiff.
            pub fn recompute<S: Section>(
                x: &Tensor<2>,
                weights: &Tensor<1>,
                section: &S,
            ) -> Option<Tensor<2>> {
                let nodes = [
                    x.clone().try_into_primitive::<Tracked>().ok()?.node(),
                    weights.clone().try_into_primitive::<Tracked>().ok()?.node(),
                ];
                let (x, weights) = (x.clone().inner(), weights.clone().inner());
                let y = primitive(section.forward(x.clone(), weights.clone()));
                let output = match Recompute(section.clone())
                    .prepare::<NoCheckpointing>(nodes)
                    .compute_bound()
                    .stateful()
                {
                    OpsKind::Tracked(prep) => prep.finish((x, weights), y),
                    OpsKind::UnTracked(prep) => prep.finish(y),
                };
                Some(Tensor::from_primitive::<Tracked>(output))
            }

            fn primitive<const D: usize>(
                tensor: Tensor<D>,
            ) -> <$Backend as BackendTypes>::FloatTensorPrimitive {
                match tensor.try_into_primitive::<$Backend>() {
                    Ok(tensor) => tensor,
                    Err(_) => unreachable!("a section gives tensors of its input's backend"),
                }
            }

            impl<S: Section> Backward<$Backend, 2> for Recompute<S> {
                type State = (Tensor<2>, Tensor<1>);

                fn backward(
                    self,
                    ops: Ops<Self::State, 2>,
                    gradients: &mut Gradients,
                    _: &mut Checkpointer,
                ) {
                    let upstream = gradients.consume::<$Backend>(&ops.node);
                    let upstream = Tensor::from_primitive::<$Backend>(upstream);
                    let [to_x, to_weights] = ops.parents;
                    let (x, weights) = ops.state;
                    let asked = [to_x.is_some(), to_weights.is_some()];
                    let (dx, dw) = section_gradients(&self.0, x, weights, upstream, asked);
                    if let Some((node, dx)) = to_x.zip(dx) {
                        gradients.register::<$Backend>(node.id, primitive(dx));
                    }
                    if let Some((node, dw)) = to_weights.zip(dw) {
                        gradients.register::<$Backend>(node.id, primitive(dw));
                    }
                }
            }
        }
    };
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
on_backend!(cube, burn::backend::Cube);
#[cfg(feature = "cpu")]
on_backend!(flex, burn::backend::Flex);
#[cfg(feature = "ndarray")]
on_backend!(
    #[expect(deprecated, reason = "burn deprecates this backend for Flex")]
    ndarray,
    burn::backend::NdArray
);

/// Computes the section again, and returns the gradients of the input and of the weights that are `asked` for, given that of
/// the output.
///
/// # Shapes
/// `x` and its gradient: `[N, input]`; `weights` and theirs: `[n]`; `upstream`: `[N, output]`; all without autodiff.
fn section_gradients<S: Section>(
    section: &S,
    x: Tensor<2>,
    weights: Tensor<1>,
    upstream: Tensor<2>,
    asked: [bool; 2],
) -> (Option<Tensor<2>>, Option<Tensor<1>>) {
    let x = Tensor::from_inner(x).set_require_grad(asked[0]);
    let weights = Tensor::from_inner(weights).set_require_grad(asked[1]);
    let y = section.forward(x.clone(), weights.clone());
    // The gradient of this sum with respect to `y` is exactly `upstream`.
    let mut found = (y * Tensor::from_inner(upstream)).sum().backward();
    (x.grad_remove(&mut found), weights.grad_remove(&mut found))
}
