//! A model's parameters: their names, and the conversion of their values to and from PyTorch's layouts.
//!
//! A parameter's name is its path in the tree of modules, as in PyTorch: `encoder.0.weight`. burn's visitors report the
//! path; an enum on the way, such as `Layer`, adds nothing to it.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use crate::error::{Error, Result};

/// A parameter before it has values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterShape {
    pub name: String,
    /// The shape in PyTorch's layout.
    pub shape: Vec<usize>,
}

impl ParameterShape {
    pub fn new<const D: usize>(name: &str, shape: [usize; D]) -> Self {
        Self {
            name: name.to_owned(),
            shape: shape.to_vec(),
        }
    }

    /// Returns the same parameter as a part of the module at `path`.
    #[must_use]
    pub fn below(self, path: &str) -> Self {
        Self {
            name: format!("{path}.{}", self.name),
            ..self
        }
    }

    /// Returns the number of values.
    pub fn count(&self) -> usize {
        self.shape
            .iter()
            .fold(1, |count, &length| count.saturating_mul(length))
    }
}

/// A named tensor in host memory.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

impl NamedTensor {
    pub fn is_finite(&self) -> bool {
        self.values.iter().all(|value| value.is_finite())
    }
}

/// The position of burn's visitor in the tree of modules.
#[derive(Debug, Default)]
pub struct ModulePath(Vec<String>);

impl ModulePath {
    /// Follows a visitor's `enter_module`.
    pub fn enter(&mut self, name: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.push(name.to_owned());
        }
    }

    /// Follows a visitor's `exit_module`.
    pub fn exit(&mut self, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.pop();
        }
    }

    /// Returns the name of the visited parameter.
    pub fn name(&self) -> String {
        self.0.join(".")
    }
}

/// Returns the names of a module's parameters in the order in which burn visits them.
pub fn parameter_names(module: &impl Module) -> Vec<String> {
    #[derive(Default)]
    struct Names {
        path: ModulePath,
        names: Vec<String>,
    }
    impl ModuleVisitor for Names {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
        }

        fn exit_module(&mut self, _name: &str, container: &str) {
            self.path.exit(container);
        }

        fn visit_float<const D: usize>(&mut self, _param: &Param<Tensor<D>>) {
            self.names.push(self.path.name());
        }
    }
    let mut names = Names::default();
    module.visit(&mut names);
    names.names
}

/// Returns a module's parameters, each flat, in the order in which burn visits them.
///
/// # Shapes
/// Each: `[n]`.
pub fn flat_parameters(module: &impl Module) -> Vec<Tensor<1>> {
    struct Flat(Vec<Tensor<1>>);
    impl ModuleVisitor for Flat {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let weight = param.val();
            let count = weight.shape().num_elements();
            self.0.push(weight.reshape([count]));
        }
    }
    let mut flat = Flat(Vec::new());
    module.visit(&mut flat);
    flat.0
}

/// The parameters of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerParameters {
    /// The layer's path.
    pub layer: String,
    /// The positions of the layer's parameters in the order in which burn visits the model.
    pub places: Vec<usize>,
}

/// Returns the layers of a module, each with its parameters, in the order in which burn visits them. A layer is a
/// module with a `weight`, so a likelihood's log sigma and a prior's pseudo-inputs belong to no layer.
pub fn layer_parameters(module: &impl Module) -> Vec<LayerParameters> {
    let names = parameter_names(module);
    let path = |name: &str| {
        name.rsplit_once('.')
            .map_or("", |(path, _)| path)
            .to_owned()
    };
    let mut layers: Vec<LayerParameters> = Vec::new();
    for (place, layer) in names.iter().map(|name| path(name)).enumerate() {
        match layers.iter_mut().find(|known| known.layer == layer) {
            Some(known) => known.places.push(place),
            None => layers.push(LayerParameters {
                layer,
                places: vec![place],
            }),
        }
    }
    let is_layer = |layer: &LayerParameters| {
        let weight = format!("{}.weight", layer.layer);
        layer.places.iter().any(|&place| names[place] == weight)
    };
    layers.retain(is_layer);
    layers
}

/// Returns a module's parameters. Matrices have the shape `[out, in]`.
pub fn export(module: &impl Module) -> Vec<NamedTensor> {
    #[derive(Default)]
    struct Export {
        path: ModulePath,
        tensors: Vec<NamedTensor>,
    }
    impl ModuleVisitor for Export {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
        }

        fn exit_module(&mut self, _name: &str, container: &str) {
            self.path.exit(container);
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = if D == 2 {
                param.val().transpose()
            } else {
                param.val()
            };
            self.tensors.push(NamedTensor {
                name: self.path.name(),
                shape: tensor.dims().to_vec(),
                values: tensor.into_data().iter::<f32>().collect(),
            });
        }
    }
    let mut export = Export::default();
    module.visit(&mut export);
    export.tensors
}

/// Returns the module with its parameters replaced by `tensors`, found by name.
///
/// # Errors
/// Returns an error if a tensor is missing or has another shape.
pub fn import<M: Module>(module: M, tensors: &[NamedTensor]) -> Result<M> {
    struct Import<'a> {
        path: ModulePath,
        tensors: &'a [NamedTensor],
        error: Option<Error>,
    }
    impl ModuleMapper for Import<'_> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
        }

        fn exit_module(&mut self, _name: &str, container: &str) {
            self.path.exit(container);
        }

        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let mut shape = param.dims().to_vec();
            if D == 2 {
                shape.reverse();
            }
            match find(self.tensors, &self.path.name(), &shape) {
                Ok(tensor) => param.map(|old| {
                    let data = TensorData::new(tensor.values.clone(), tensor.shape.clone());
                    let inner = Tensor::<D>::from_data(data, &old.device().inner());
                    // The matrix is made contiguous, because a transposed view would be copied at every product.
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
        path: ModulePath::default(),
        tensors,
        error: None,
    };
    let module = module.map(&mut import);
    match import.error {
        Some(error) => Err(error),
        None => Ok(module),
    }
}

/// Returns the tensor with the name and shape of a parameter.
///
/// # Errors
/// Returns an error if the tensor is missing or has another shape.
pub(super) fn find<'a>(
    tensors: &'a [NamedTensor],
    name: &str,
    expected: &[usize],
) -> Result<&'a NamedTensor> {
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
