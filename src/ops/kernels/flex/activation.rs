//! An activation as an operation of its own.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::tensors::{AutodiffFlex, tensor, tracked, untracked, values};
use crate::ops::activation::Activation;
use crate::ops::kernels::activation::{activate as activate_all, multiply_by_slopes};
use crate::ops::kernels::pool;

/// The number of values that a thread takes at a time.
const CHUNK: usize = 16 * 1024;

/// The fast form of [`crate::ops::activate`].
pub fn activate(x: Tensor<2>, activation: Activation) -> Tensor<2> {
    if !x.is_autodiff() {
        return Tensor::from_primitive::<Flex>(forward(&untracked(x), activation));
    }
    let x = tracked(x);
    let output = match ActivationBackward(activation)
        .prepare::<NoCheckpointing>([x.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => {
            let y = forward(x.primitive(), activation);
            prep.finish(x.into_primitive(), y)
        }
        OpsKind::UnTracked(prep) => prep.finish(forward(x.primitive(), activation)),
    };
    Tensor::from_primitive::<AutodiffFlex>(output)
}

fn forward(x: &FlexTensor, activation: Activation) -> FlexTensor {
    let shape: [usize; 2] = x.shape().dims();
    let mut y = values(x).into_owned();
    pool::for_each(y.chunks_mut(CHUNK), |y| activate_all(activation, y));
    tensor(y, shape)
}

#[derive(Debug)]
struct ActivationBackward(Activation);

impl Backward<Flex, 1> for ActivationBackward {
    type State = FlexTensor;

    fn backward(self, ops: Ops<FlexTensor, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let upstream = gradients.consume::<Flex>(&ops.node);
        let [Some(node)] = ops.parents else { return };
        let shape: [usize; 2] = upstream.shape().dims();
        let mut dx = values(&upstream).into_owned();
        let z = values(&ops.state);
        pool::for_each(dx.chunks_mut(CHUNK).zip(z.chunks(CHUNK)), |(dx, z)| {
            multiply_by_slopes(self.0, z, dx);
        });
        gradients.register::<Flex>(node.id, tensor(dx, shape));
    }
}
