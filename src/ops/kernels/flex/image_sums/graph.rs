//! The operation in the autodiff graph that all sums over images share, and the size of their blocks.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::Tensor;

use crate::ops::kernels::flex::tensors::{AutodiffFlex, contiguous, tracked, untracked, values};
use crate::ops::kernels::pool;
use crate::ops::kernels::simd::with_widest_simd;

/// The number of partial sums: the lanes of the widest vectors, on every machine, so that the sum does not depend on
/// it.
pub const LANES: usize = 16;

/// The number of values that one core takes at a time, in whole rows and at most [`ROWS`] of them, so that small
/// batches also keep all cores busy.
pub const VALUES: usize = 4096;
const ROWS: usize = 16;

/// Returns the number of rows of `width` values that one core takes at a time.
pub fn rows_at_a_time(width: usize) -> usize {
    (VALUES / width.max(1)).clamp(1, ROWS)
}

/// Returns the sums that `forward` computes from the outputs, as an operation that gives the outputs their gradient.
///
/// `forward` returns the sums, `[K, B]`, and if its second argument is true their derivatives in the outputs.
///
/// # Shapes
/// `outputs` and the derivatives: `[K, B, O P]`; result: `[K, B]`.
pub fn image_sums(
    outputs: Tensor<3>,
    forward: impl Fn(&FlexTensor, bool) -> (FlexTensor, FlexTensor),
) -> Tensor<2> {
    if !outputs.is_autodiff() {
        return Tensor::from_primitive::<Flex>(forward(&untracked(outputs), false).0);
    }
    let outputs = tracked(outputs);
    let output = match ImageSum
        .prepare::<NoCheckpointing>([outputs.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => {
            let (value, slope) = forward(outputs.primitive(), true);
            prep.finish(slope, value)
        }
        OpsKind::UnTracked(prep) => prep.finish(forward(outputs.primitive(), false).0),
    };
    Tensor::from_primitive::<AutodiffFlex>(output)
}

#[derive(Debug)]
struct ImageSum;

impl Backward<Flex, 1> for ImageSum {
    /// The derivatives, `[K, B, O P]`.
    type State = FlexTensor;

    fn backward(self, ops: Ops<FlexTensor, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let upstream = gradients.consume::<Flex>(&ops.node);
        let [Some(node)] = ops.parents else { return };
        let mut slopes = contiguous(ops.state);
        let shape: [usize; 3] = slopes.shape().dims();
        let upstream = values(&upstream);
        // Only this graph owns them, so they are scaled in place.
        let at_a_time = rows_at_a_time(shape[2]);
        let rows = slopes
            .storage_mut::<f32>()
            .chunks_mut((at_a_time * shape[2]).max(1))
            .zip(upstream.chunks(at_a_time));
        pool::for_each(rows, |(rows, scales)| {
            for (row, &scale) in rows.chunks_exact_mut(shape[2]).zip(scales) {
                with_widest_simd(
                    #[inline(always)]
                    || row.iter_mut().for_each(|slope| *slope *= scale),
                );
            }
        });
        gradients.register::<Flex>(node.id, slopes);
    }
}
