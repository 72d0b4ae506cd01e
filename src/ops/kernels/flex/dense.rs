//! A dense layer as an operation in the autodiff graph. Bias and activation are applied within the product, and the two products
//! of the backward pass run side by side.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::dense_products::{DenseTensors, LayerInBackward, gradients, outputs};
use super::tensors::{AutodiffFlex, tensor, tracked, untracked};
use crate::ops::activation::Activation;

/// The fast form of [`crate::ops::dense`].
pub fn dense(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    activation: Activation,
) -> Tensor<2> {
    if !(x.is_autodiff() || weight.is_autodiff() || bias.is_autodiff()) {
        let layer = DenseTensors {
            weight: untracked(weight),
            bias: untracked(bias),
            activation,
        };
        let [output] = outputs(&untracked(x), [&layer]);
        return Tensor::from_primitive::<Flex>(output);
    }
    let (x, weight, bias) = (tracked(x), tracked(weight), tracked(bias));
    let prepared = DenseBackward
        .prepare::<NoCheckpointing>([x.node(), weight.node(), bias.node()])
        .compute_bound()
        .stateful();
    let x = x.into_primitive();
    let layer = DenseTensors {
        weight: weight.into_primitive(),
        bias: bias.into_primitive(),
        activation,
    };
    let [output] = outputs(&x, [&layer]);
    let output = match prepared {
        OpsKind::Tracked(prep) => {
            let state = DenseState {
                x,
                layer,
                output: output.clone(),
            };
            prep.finish(state, output)
        }
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Tensor::from_primitive::<AutodiffFlex>(output)
}

#[derive(Debug)]
struct DenseBackward;

#[derive(Clone, Debug)]
struct DenseState {
    x: FlexTensor,
    layer: DenseTensors,
    output: FlexTensor,
}

impl Backward<Flex, 3> for DenseBackward {
    type State = DenseState;

    fn backward(self, ops: Ops<DenseState, 3>, to: &mut Gradients, _: &mut Checkpointer) {
        let DenseState { x, layer, output } = ops.state;
        let ([n, i], [_, o]) = (x.shape().dims(), output.shape().dims());
        let [to_x, to_weight, to_bias] = ops.parents;
        let in_backward = LayerInBackward {
            layer: &layer,
            x: &x,
            output: &output,
            upstream: to.consume::<Flex>(&ops.node),
        };
        let [found] = gradients([in_backward], [to_x.is_some(), to_weight.is_some()]);
        if let Some(node) = to_x {
            to.register::<Flex>(node.id, tensor(found.x, [n, i]));
        }
        if let Some(node) = to_weight {
            to.register::<Flex>(node.id, tensor(found.weight, [i, o]));
        }
        if let Some(node) = to_bias {
            to.register::<Flex>(node.id, tensor(found.bias, [o]));
        }
    }
}
