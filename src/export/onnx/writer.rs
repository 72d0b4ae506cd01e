//! The nodes and constants of a graph in the making.

use std::collections::HashMap;

use super::message::{AttributeProto, FLOAT, INT64, NodeProto, TensorProto};
use crate::error::{Error, Result};
use crate::model::NamedTensor;

/// The name of a value, or "" for an operand that is left out.
pub type ValueName = String;

/// A setting of an operation.
#[derive(Clone, Copy, Debug)]
pub enum Attribute<'a> {
    Float(f32),
    Int(i64),
    Text(&'a str),
    Ints(&'a [i64]),
}

/// Nodes and constants. Every value has a name of its own: that of its operation, with a number.
pub struct NodeWriter<'a> {
    weights: &'a [NamedTensor],
    pub nodes: Vec<NodeProto>,
    pub constants: Vec<TensorProto>,
    /// The number of values named after each operation.
    counts: HashMap<String, usize>,
}

impl<'a> NodeWriter<'a> {
    /// Makes a writer that takes weights from `weights`.
    pub fn new(weights: &'a [NamedTensor]) -> Self {
        Self {
            weights,
            nodes: Vec::new(),
            constants: Vec::new(),
            counts: HashMap::new(),
        }
    }

    /// Appends an operation with one result, and returns the result's name.
    pub fn node(
        &mut self,
        operation: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) -> ValueName {
        let output = self.name(operation);
        self.nodes(operation, inputs, attributes, vec![output.clone()]);
        output
    }

    /// Appends an operation that splits a value along axis 1, and returns the names of the parts.
    pub fn split(&mut self, value: &str, lengths: &[i64]) -> Vec<ValueName> {
        let outputs: Vec<ValueName> = lengths.iter().map(|_| self.name("Split")).collect();
        let lengths = self.ints(lengths);
        let axis = [("axis", Attribute::Int(1))];
        self.nodes("Split", &[value, &lengths], &axis, outputs.clone());
        outputs
    }

    fn nodes(
        &mut self,
        operation: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
        output: Vec<ValueName>,
    ) {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(ToString::to_string).collect(),
            name: output.first().cloned().unwrap_or_default(),
            output,
            op_type: operation.to_owned(),
            attribute: attributes
                .iter()
                .map(|(name, value)| value.named(name))
                .collect(),
        });
    }

    fn name(&mut self, operation: &str) -> ValueName {
        let operation = operation.to_lowercase();
        let count = self.counts.entry(operation.clone()).or_default();
        *count += 1;
        format!("{operation}_{count}")
    }

    /// Returns the name of a constant whole number or list of them.
    pub fn ints(&mut self, values: &[i64]) -> ValueName {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.constant(INT64, vec![values.len() as i64], bytes.collect())
    }

    /// Returns the name of a constant list of numbers.
    pub fn floats(&mut self, values: &[f32]) -> ValueName {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.constant(FLOAT, vec![values.len() as i64], bytes.collect())
    }

    /// Returns the name of a constant number, which fits to values of any shape.
    pub fn float(&mut self, value: f64) -> ValueName {
        let bytes = (value as f32).to_le_bytes();
        self.constant(FLOAT, Vec::new(), bytes.to_vec())
    }

    fn constant(&mut self, data_type: i32, dims: Vec<i64>, raw_data: Vec<u8>) -> ValueName {
        let known = self.constants.iter().find(|known| {
            known.name.starts_with("constant_")
                && (known.data_type, &known.dims, &known.raw_data) == (data_type, &dims, &raw_data)
        });
        if let Some(known) = known {
            return known.name.clone();
        }
        let name = self.name("constant");
        self.constants.push(TensorProto {
            dims,
            data_type,
            name: name.clone(),
            raw_data,
        });
        name
    }

    /// Returns the name of a parameter of a layer, which is the name that it has in `model.safetensors`. `dims` are other
    /// lengths for the same values.
    ///
    /// # Errors
    /// Returns an error if there is no such parameter.
    pub fn weight(
        &mut self,
        layer: &str,
        parameter: &str,
        dims: Option<Vec<i64>>,
    ) -> Result<ValueName> {
        let name = format!("{layer}.{parameter}");
        if self.constants.iter().all(|known| known.name != name) {
            let found = self.weights.iter().find(|tensor| tensor.name == name);
            let Some(tensor) = found else {
                return Err(Error::failed(format!("the tensor `{name}` is missing")));
            };
            let bytes = tensor.values.iter().flat_map(|value| value.to_le_bytes());
            self.constants.push(TensorProto {
                dims: dims.unwrap_or_else(|| tensor.shape.iter().map(|&n| n as i64).collect()),
                data_type: FLOAT,
                name: name.clone(),
                raw_data: bytes.collect(),
            });
        }
        Ok(name)
    }

    /// Gives a value another name, which no value may have yet.
    pub fn rename(&mut self, value: &str, name: &str) {
        let names = self
            .nodes
            .iter_mut()
            .flat_map(|node| node.input.iter_mut().chain(&mut node.output));
        names
            .filter(|other| *other == value)
            .for_each(|other| *other = name.to_owned());
    }
}

impl Attribute<'_> {
    fn named(self, name: &str) -> AttributeProto {
        let empty = AttributeProto {
            name: name.to_owned(),
            ..AttributeProto::default()
        };
        match self {
            Self::Float(value) => AttributeProto {
                f: Some(value),
                r#type: 1,
                ..empty
            },
            Self::Int(value) => AttributeProto {
                i: Some(value),
                r#type: 2,
                ..empty
            },
            Self::Text(value) => AttributeProto {
                s: Some(value.as_bytes().to_vec()),
                r#type: 3,
                ..empty
            },
            Self::Ints(values) => AttributeProto {
                ints: values.to_vec(),
                r#type: 7,
                ..empty
            },
        }
    }
}
