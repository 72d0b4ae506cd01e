//! The logarithm of a sum of exponentials, without overflow.

use burn::tensor::Tensor;

/// Returns the logarithm of the sum of exp(values) over one axis, which is kept with length 1.
pub fn log_sum_exp<const D: usize>(values: Tensor<D>, axis: usize) -> Tensor<D> {
    // The largest value needs no gradient, because it cancels.
    let most = values.clone().detach().max_dim(axis);
    (values - most.clone()).exp().sum_dim(axis).log() + most
}
