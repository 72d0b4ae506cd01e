//! Conversions between burn's tensors and the values that the kernels read and write.

use std::borrow::Cow;

use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, BackendTypes, Flex, TensorMetadata};
use burn::tensor::{Tensor, TensorData};

use crate::ops::kernels::instruction_set::is_plain;

/// The backend burn-flex with autodiff.
pub type AutodiffFlex = Autodiff<Flex>;

type AutodiffTensor = <AutodiffFlex as BackendTypes>::FloatTensorPrimitive;

/// Returns whether the kernels process this tensor: burn-flex holds it, with or without autodiff, and `VAE_SIMD` is not
/// `plain`.
pub fn uses_kernels<const D: usize>(tensor: &Tensor<D>) -> bool {
    if is_plain() {
        return false;
    }
    let tensor = tensor.clone();
    if tensor.is_autodiff() {
        tensor.try_into_primitive::<AutodiffFlex>().is_ok()
    } else {
        tensor.try_into_primitive::<Flex>().is_ok()
    }
}

/// Returns the primitive of a tensor, without autodiff.
pub fn untracked<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    match tensor.without_autodiff().try_into_primitive::<Flex>() {
        Ok(tensor) => tensor,
        Err(_) => unreachable!("`uses_kernels` returned true for this tensor"),
    }
}

/// Returns the primitive of a tensor with its node in the autodiff graph; a plain tensor becomes a constant of the
/// graph.
pub fn tracked<const D: usize>(tensor: Tensor<D>) -> AutodiffTensor {
    let tensor = if tensor.is_autodiff() {
        tensor
    } else {
        Tensor::from_inner(tensor)
    };
    match tensor.try_into_primitive::<AutodiffFlex>() {
        Ok(tensor) => tensor,
        Err(_) => unreachable!("`uses_kernels` returned true for this tensor, which has autodiff"),
    }
}

/// Returns the values of a tensor in the order of its axes, copied only if they are not in this order in memory.
pub fn values(tensor: &FlexTensor) -> Cow<'_, [f32]> {
    match tensor.as_slice::<f32>() {
        Some(values) => values.into(),
        None => tensor.to_contiguous().storage::<f32>().to_vec().into(),
    }
}

/// Returns the tensor with memory that holds only its values, in order, so that it can be changed in place.
pub fn contiguous(tensor: FlexTensor) -> FlexTensor {
    let is_whole = tensor
        .as_slice::<f32>()
        .is_some_and(|values| values.len() == tensor.storage::<f32>().len());
    if is_whole {
        tensor
    } else {
        FlexTensor::from_data(TensorData::new(values(&tensor).to_vec(), tensor.shape()))
    }
}

/// Makes a tensor of `values`.
pub fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}
