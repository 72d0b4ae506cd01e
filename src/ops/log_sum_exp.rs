//! The logarithm of a sum of exponentials, without overflow.

use burn::tensor::Tensor;

use crate::ops::sum_last_axis;

/// Returns the logarithm of the sum of exp(values) over one axis, which is kept with length 1.
pub fn log_sum_exp<const D: usize>(values: Tensor<D>, axis: usize) -> Tensor<D> {
    // The largest value needs no gradient, because it cancels.
    let most = values.clone().detach().max_dim(axis);
    let shares = (values - most.clone()).exp();
    let sum = if axis + 1 == D {
        sum_last_axis(shares)
    } else {
        shares.sum_dim(axis)
    };
    sum.log() + most
}
