//! A module's parameters as plain numbers with names, in PyTorch's layouts, and back.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::{Likelihood, Network, Sigma};
use crate::error::{Error, Result};
use crate::rng::Rng;

/// A tensor away from any device.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// Of a likelihood with one sigma for all values, where it is not fixed.
const LOG_SIGMA: &str = "likelihood.log_sigma";

/// `[C, P]`: the logits of a prior's pseudo-inputs.
const PSEUDO_INPUTS: &str = "prior.pseudo_inputs";

/// Names in the order in which a module is visited: each layer's weight, then its bias; then the likelihood's and the
/// prior's own.
fn names(model: &super::Vae) -> Vec<String> {
    let layers = model.network().layers();
    let layers = layers.flat_map(|(name, _)| [format!("{name}.weight"), format!("{name}.bias")]);
    let pseudo_inputs = model
        .network()
        .pseudo_inputs()
        .map(|_| PSEUDO_INPUTS.to_owned());
    layers
        .chain(model.has_log_sigma().then(|| LOG_SIGMA.to_owned()))
        .chain(pseudo_inputs)
        .collect()
}

/// The model's parameters. Matrices are given as `[out, in]`.
pub fn export(model: &super::Vae) -> Vec<NamedTensor> {
    struct Export {
        names: std::vec::IntoIter<String>,
        tensors: Vec<NamedTensor>,
    }
    impl ModuleVisitor for Export {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = if D == 2 {
                param.val().transpose()
            } else {
                param.val()
            };
            let Some(name) = self.names.next() else {
                unreachable!("every parameter has a name")
            };
            let shape = tensor.dims().to_vec();
            self.tensors.push(NamedTensor {
                name,
                shape,
                values: to_vec(tensor),
            });
        }
    }
    let mut export = Export {
        names: names(model).into_iter(),
        tensors: Vec::new(),
    };
    model.visit(&mut export);
    export.tensors
}

/// The model with its parameters replaced by `tensors`, found by name.
///
/// # Errors
/// Where one is missing or of another shape.
pub fn import(model: super::Vae, tensors: &[NamedTensor]) -> Result<super::Vae> {
    struct Import<'a> {
        names: std::vec::IntoIter<String>,
        tensors: &'a [NamedTensor],
        error: Option<Error>,
    }
    impl Import<'_> {
        fn find(&mut self, expected: &[usize]) -> Result<TensorData> {
            let tensor = find(
                self.tensors,
                &self.names.next().unwrap_or_default(),
                expected,
            )?;
            Ok(TensorData::new(tensor.values.clone(), tensor.shape.clone()))
        }
    }
    impl ModuleMapper for Import<'_> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let mut shape = param.dims().to_vec();
            if D == 2 {
                shape.reverse();
            }
            match self.find(&shape) {
                Ok(data) => param.map(|old| {
                    let inner = Tensor::<D>::from_data(data, &old.device().inner());
                    // Made contiguous: a transposed view would be copied at every product.
                    let inner = if D == 2 {
                        contiguous(inner.transpose())
                    } else {
                        inner
                    };
                    if old.is_autodiff() {
                        Tensor::from_inner(inner).require_grad()
                    } else {
                        inner
                    }
                }),
                Err(error) => {
                    self.error.get_or_insert(error);
                    param
                }
            }
        }
    }
    let mut import = Import {
        names: names(&model).into_iter(),
        tensors,
        error: None,
    };
    let model = model.map(&mut import);
    match import.error {
        Some(error) => Err(error),
        None => Ok(model),
    }
}

/// The model of a network with the weights `tensors`.
///
/// # Errors
/// Where one is missing or of another shape: found out before the model is built, whose size is what a file says.
pub fn load(
    network: &Network,
    likelihood: &Likelihood,
    tensors: &[NamedTensor],
    device: &Device,
) -> Result<super::Vae> {
    for (name, layer) in network.layers() {
        find(tensors, &format!("{name}.weight"), &layer.weight_shape())?;
        find(tensors, &format!("{name}.bias"), &[layer.bias_length()])?;
    }
    if let Some(shape) = network.pseudo_inputs() {
        find(tensors, PSEUDO_INPUTS, &shape)?;
    }
    let mut model = super::Vae::new(network, likelihood, Rng::new(0), device);
    if likelihood.kind().sigma() == Some(Sigma::Optimal) {
        // A model that was written holds the one that was fitted.
        model = model.with_log_sigma(0.0);
    }
    import(model, tensors)
}

fn find<'a>(tensors: &'a [NamedTensor], name: &str, expected: &[usize]) -> Result<&'a NamedTensor> {
    let Some(tensor) = tensors.iter().find(|tensor| tensor.name == name) else {
        return Err(Error::request(format!("the tensor `{name}` is missing")));
    };
    if tensor.shape != expected {
        return Err(Error::request(format!(
            "the tensor `{name}` is {:?}; the config asks for {expected:?}",
            tensor.shape
        )));
    }
    Ok(tensor)
}

fn contiguous<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    let device = tensor.device();
    Tensor::from_data(tensor.into_data(), &device)
}

/// The numbers of a tensor, in the order of its axes.
fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}
