//! The CPU's kernels, on burn-flex's tensors: SIMD chosen at run time, all cores, and results that do not depend on
//! how many there are.

mod adam;
mod conv;
mod dense;
mod dots;
mod gaussian;
mod product;
mod rowwise;
mod sum;
mod terms;
mod tile;
mod transpose;
mod windows;

use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, BackendTypes, Flex, TensorMetadata};
use burn::tensor::{Tensor, TensorData};

type AutodiffTensor = <Autodiff<Flex> as BackendTypes>::FloatTensorPrimitive;

pub use adam::adam;
pub use conv::{convolve, convolve_transposed};
pub use dense::dense;
pub use gaussian::{kl_to_standard_normal, reparameterise};
pub use rowwise::{bernoulli_log_prob, squared_error};
pub use sum::sum_of_squares;

/// Whether a tensor is one of burn-flex's, with autodiff or without.
pub fn runs<const D: usize>(tensor: &Tensor<D>) -> bool {
    let tensor = tensor.clone();
    if tensor.is_autodiff() {
        tensor.try_into_primitive::<Autodiff<Flex>>().is_ok()
    } else {
        tensor.try_into_primitive::<Flex>().is_ok()
    }
}

/// A tensor's own form, without autodiff.
fn untracked<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    match tensor.without_autodiff().try_into_primitive::<Flex>() {
        Ok(tensor) => tensor,
        Err(_) => unreachable!("`runs` said that it is burn-flex's"),
    }
}

/// A tensor's own form, with its node in the graph; a plain one becomes a constant of it.
fn tracked<const D: usize>(tensor: Tensor<D>) -> AutodiffTensor {
    let tensor = if tensor.is_autodiff() {
        tensor
    } else {
        Tensor::from_inner(tensor)
    };
    match tensor.try_into_primitive::<Autodiff<Flex>>() {
        Ok(tensor) => tensor,
        Err(_) => unreachable!("`runs` said that it is burn-flex's, with autodiff"),
    }
}

/// The values of a tensor, in the order of its axes.
fn values(tensor: &FlexTensor) -> std::borrow::Cow<'_, [f32]> {
    match tensor.as_slice::<f32>() {
        Some(values) => values.into(),
        None => tensor.to_contiguous().storage::<f32>().to_vec().into(),
    }
}

/// A tensor whose memory is its values in order and nothing else: what may be changed in place.
fn whole(tensor: FlexTensor) -> FlexTensor {
    let is_whole = tensor
        .as_slice::<f32>()
        .is_some_and(|values| values.len() == tensor.storage::<f32>().len());
    if is_whole {
        tensor
    } else {
        FlexTensor::from_data(TensorData::new(values(&tensor).to_vec(), tensor.shape()))
    }
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// max(y, 0), and NaN for NaN: `f32::max` would hide it.
#[inline(always)]
fn rectified(y: f32) -> f32 {
    if y < 0.0 { 0.0 } else { y }
}
