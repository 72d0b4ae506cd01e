//! The division of an optimizer's work among several processes: each updates its pieces of the parameters, and keeps the
//! slots of these alone (stage 1 of ZeRO; Rajbhandari et al. 2020).

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::gradients::{StepGradients, values};
use super::replace::Replace;
use crate::parallel::Pieces;

/// Returns the sum of the gradients of all processes, added in the order of a balanced tree: for all parameters or, if there
/// are `pieces`, for this process's pieces alone. `own` holds the gradients of this process's part of the batch, in the order
/// of [`super::collect`].
///
/// # Shapes
/// Each: `[n]`.
pub fn total(pieces: Option<&Pieces>, own: Vec<Tensor<1>>) -> StepGradients {
    let (Some(pieces), Some(first)) = (pieces, own.first()) else {
        return StepGradients {
            tensors: own,
            pieces: None,
        };
    };
    let device = first.device();
    let sum = pieces.total(&values(&own));
    StepGradients {
        tensors: cut(pieces, &sum, &device),
        pieces: Some(pieces.clone()),
    }
}

/// Returns the slots of whole parameters, `[parameter][slot]`, from the `own` ones of this process's pieces.
pub fn whole_slots(pieces: &Pieces, own: &[Vec<Tensor<1>>]) -> Vec<Vec<Tensor<1>>> {
    let mut whole: Vec<Vec<Tensor<1>>> = vec![Vec::new(); own.len()];
    for slot in 0..own.first().map_or(0, Vec::len) {
        let own: Vec<Tensor<1>> = own.iter().map(|slots| slots[slot].clone()).collect();
        let all = gathered(pieces, &own);
        whole
            .iter_mut()
            .zip(all)
            .for_each(|(slots, tensor)| slots.push(tensor));
    }
    whole
}

/// Returns this process's pieces of parameters.
///
/// # Shapes
/// `parameters`: each `[n]`.
pub fn own_pieces(pieces: &Pieces, parameters: Vec<Tensor<1>>) -> Vec<Tensor<1>> {
    let parameters = parameters.into_iter().zip(pieces.own());
    parameters
        .map(|(tensor, range)| piece(tensor, range))
        .collect()
}

/// Returns the slots of this process's pieces, `[parameter][slot]`.
pub fn own_slots(pieces: &Pieces, slots: Vec<Vec<Tensor<1>>>) -> Vec<Vec<Tensor<1>>> {
    let of_parameter = |(slots, range): (Vec<Tensor<1>>, &Range<usize>)| {
        let slots = slots.into_iter();
        slots.map(|slot| piece(slot, range)).collect()
    };
    slots
        .into_iter()
        .zip(pieces.own())
        .map(of_parameter)
        .collect()
}

fn piece(tensor: Tensor<1>, range: &Range<usize>) -> Tensor<1> {
    if range.is_empty() {
        return Tensor::zeros([0], &tensor.device());
    }
    tensor.slice([range.clone()])
}

/// Returns the module with the parameters whose pieces all processes have updated; `own` are this process's.
pub fn replaced<M: Module>(module: M, pieces: &Pieces, own: Vec<Tensor<1>>) -> M {
    module.map(&mut Replace(gathered(pieces, &own).into_iter()))
}

/// Returns whole parameters from the pieces of all processes; `own` are this one's.
fn gathered(pieces: &Pieces, own: &[Tensor<1>]) -> Vec<Tensor<1>> {
    let Some(device) = own.first().map(Tensor::device) else {
        return Vec::new();
    };
    let whole = pieces.gather(&values(own)).into_iter();
    whole.map(|values| tensor(values, &device)).collect()
}

/// Cuts the values of this process's pieces, one behind the other, into a tensor for each parameter.
fn cut(pieces: &Pieces, values: &[f32], device: &Device) -> Vec<Tensor<1>> {
    let mut rest = values;
    let of_parameter = |range: &Range<usize>| {
        let (values, after) = rest.split_at(range.len());
        rest = after;
        tensor(values.to_vec(), device)
    };
    pieces.own().iter().map(of_parameter).collect()
}

fn tensor(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}
