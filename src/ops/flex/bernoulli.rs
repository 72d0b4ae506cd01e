//! The Bernoulli term and its derivative, x - sigmoid(l), in one pass over the logits.

use std::mem::MaybeUninit;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::super::team;
use super::super::vector::log1p_exp_and_sigmoid;
use super::product::written;
use super::{tensor, tracked, untracked, values, whole};

type Tracked = Autodiff<Flex>;

/// Partial sums: as many as the widest vector has lanes, always, so that the sum does not depend on the machine.
const LANES: usize = 16;

/// Rows that one core takes at a time.
const ROWS: usize = 16;

/// The fast form of [`crate::ops::bernoulli_log_prob`]. Nothing flows back to `x`.
pub fn bernoulli_log_prob(x: Tensor<2>, logits: Tensor<3>) -> Tensor<2> {
    let x = untracked(x);
    if !logits.is_autodiff() {
        return Tensor::from_primitive::<Flex>(forward(&x, &untracked(logits), false).0);
    }
    let logits = tracked(logits);
    let output = match Bernoulli.prepare::<NoCheckpointing>([logits.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let (value, slope) = forward(&x, logits.primitive(), true);
            prep.finish(slope, value)
        }
        OpsKind::UnTracked(prep) => prep.finish(forward(&x, logits.primitive(), false).0),
    };
    Tensor::from_primitive::<Tracked>(output)
}

/// The sums `[K, B]`, and the derivatives `[K, B, P]` if asked for.
fn forward(x: &FlexTensor, logits: &FlexTensor, slope: bool) -> (FlexTensor, FlexTensor) {
    let [k, b, p] = logits.shape().dims();
    let (x, logits) = (values(x), values(logits));
    let mut sums = vec![0.0; k * b];
    if slope {
        let (slopes, ()) = written(k * b * p, |slopes| {
            let blocks = sums.chunks_mut(ROWS).zip(slopes.chunks_mut(ROWS * p)).enumerate();
            team::for_each(blocks, |(block, (sums, slopes))| {
                let rows = sums.iter_mut().zip(slopes.chunks_exact_mut(p)).enumerate();
                pulp::Arch::new().dispatch(
                    #[inline(always)]
                    || {
                        for (row, (sum, slopes)) in rows {
                            let row = block * ROWS + row;
                            *sum = row_with_slope(&x[row % b * p..][..p], &logits[row * p..][..p], slopes);
                        }
                    },
                );
            });
        });
        return (tensor(sums, [k, b]), tensor(slopes, [k, b, p]));
    } else {
        team::for_each(sums.chunks_mut(ROWS).enumerate(), |(block, sums)| {
            for (row, sum) in (block * ROWS..).zip(sums) {
                *sum = pulp::Arch::new().dispatch(|| row_sum(&x[row % b * p..][..p], &logits[row * p..][..p]));
            }
        });
    }
    (tensor(sums, [k, b]), tensor(Vec::new(), [0, b, p]))
}

/// x l - log(1 + e^l).
#[inline(always)]
fn value(x: f32, l: f32) -> (f32, f32) {
    let (log1p, sigmoid) = log1p_exp_and_sigmoid(l);
    (x * l - l.max(0.0) - log1p, x - sigmoid)
}

#[inline(always)]
fn row_sum(x: &[f32], logits: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let ((x, x_rest), (l, l_rest)) = (x.as_chunks::<LANES>(), logits.as_chunks::<LANES>());
    for (x, l) in x.iter().zip(l) {
        for lane in 0..LANES {
            sums[lane] += value(x[lane], l[lane]).0;
        }
    }
    let rest: f32 = x_rest.iter().zip(l_rest).map(|(&x, &l)| value(x, l).0).sum();
    sums.iter().sum::<f32>() + rest
}

#[inline(always)]
fn row_with_slope(x: &[f32], logits: &[f32], slopes: &mut [MaybeUninit<f32>]) -> f32 {
    let mut sums = [0.0; LANES];
    let ((x, x_rest), (l, l_rest)) = (x.as_chunks::<LANES>(), logits.as_chunks::<LANES>());
    let (s, s_rest) = slopes.as_chunks_mut::<LANES>();
    for ((x, l), s) in x.iter().zip(l).zip(s) {
        for lane in 0..LANES {
            let (value, slope) = value(x[lane], l[lane]);
            sums[lane] += value;
            s[lane].write(slope);
        }
    }
    let mut rest = 0.0;
    for ((&x, &l), s) in x_rest.iter().zip(l_rest).zip(s_rest) {
        let (value, slope) = value(x, l);
        rest += value;
        s.write(slope);
    }
    sums.iter().sum::<f32>() + rest
}

#[derive(Debug)]
struct Bernoulli;

impl Backward<Flex, 1> for Bernoulli {
    /// The derivatives, `[K, B, P]`.
    type State = FlexTensor;

    fn backward(self, ops: Ops<FlexTensor, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let upstream = gradients.consume::<Flex>(&ops.node);
        let [Some(node)] = ops.parents else { return };
        let mut slopes = whole(ops.state);
        let shape: [usize; 3] = slopes.shape().dims();
        let upstream = values(&upstream);
        // Held by this graph alone: scaled in place.
        let rows = slopes.storage_mut::<f32>().chunks_mut(ROWS * shape[2]).zip(upstream.chunks(ROWS));
        team::for_each(rows, |(rows, scales)| {
            for (row, &scale) in rows.chunks_exact_mut(shape[2]).zip(scales) {
                pulp::Arch::new().dispatch(|| row.iter_mut().for_each(|slope| *slope *= scale));
            }
        });
        gradients.register::<Flex>(node.id, slopes);
    }
}
