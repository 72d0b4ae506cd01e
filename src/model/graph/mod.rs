//! A network as a list of elementary operations. Each operation reads the values of operations before it. Other programs
//! read a network in this form: the formats in `export` and the page of `vae report` are written from it, and know nothing
//! of layers.
//!
//! The layout of every map is `[C, H, W]`, and weights have PyTorch's layouts, as in `model.safetensors`. Dropout and
//! other additions of a training step have no operation.

mod of_network;

use super::Features;
use crate::ops::{Activation, Window};

/// The operations of an encoder or a decoder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// In an order in which they can be computed.
    pub nodes: Vec<Node>,
    /// The nodes whose values are the results, with their names.
    pub outputs: Vec<(&'static str, NodeId)>,
}

/// The position of a node in [`Graph::nodes`].
pub type NodeId = usize;

/// An operation with its operands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub operation: Operation,
    pub inputs: Vec<NodeId>,
    /// The shape of the value for one image.
    pub output: Features,
}

/// An elementary operation. A layer is named by the path of its parameters, such as `encoder.0`.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// A value that is given: `image`, `[C, H, W]` in [0, 1]; `z`, `[D]`; `label`, `[L]`, one-hot; `u`, the latent of a
    /// prior with a layer of its own; or `outputs`, those of the decoder, the parameters of p(x | z).
    Input(&'static str),
    /// `W x + b` of a flat value.
    Dense {
        layer: String,
    },
    Convolution {
        layer: String,
        window: Window,
    },
    Transposed {
        layer: String,
        window: Window,
    },
    /// Group normalisation with a scale (the layer's weight) and a shift (its bias) for each channel.
    GroupNorm {
        layer: String,
        groups: usize,
    },
    Activation(Activation),
    /// Each pixel becomes a square of `factor` x `factor` pixels; what the output has no room for is cut off at the end.
    Upsample {
        factor: usize,
    },
    /// Each square of `factor` x `factor` pixels becomes the mean of those of its pixels that are in the map.
    AveragePool {
        factor: usize,
    },
    /// The sum of two values of one shape.
    Add,
    /// Two flat values, one after the other.
    Concat,
    /// The same values in another shape.
    Reshape,
    /// The mean of a continuous Bernoulli distribution for a logit.
    ContinuousBernoulliMean,
    /// The mean of a mixture of discretised logistic distributions. The operand has `O` numbers for each value of the
    /// image, as `[O, C, H, W]`: see [`DiscretisedLogistic`](super::DiscretisedLogistic).
    LogisticMixtureMean {
        components: usize,
    },
}

impl Graph {
    /// Appends an operation.
    pub fn push(
        &mut self,
        operation: Operation,
        inputs: impl Into<Vec<NodeId>>,
        output: Features,
    ) -> NodeId {
        self.nodes.push(Node {
            operation,
            inputs: inputs.into(),
            output,
        });
        self.nodes.len() - 1
    }

    /// Returns the shape of a node's value.
    pub fn shape(&self, node: NodeId) -> Features {
        self.nodes[node].output
    }

    /// Appends an activation, unless it is `None`.
    pub fn activated(&mut self, node: NodeId, activation: Activation) -> NodeId {
        match activation {
            Activation::None => node,
            _ => self.push(Operation::Activation(activation), [node], self.shape(node)),
        }
    }

    /// Appends a change of shape, unless the value has the shape already.
    pub fn shaped(&mut self, node: NodeId, shape: Features) -> NodeId {
        if self.shape(node) == shape {
            node
        } else {
            self.push(Operation::Reshape, [node], shape)
        }
    }

    /// Returns the graph with these of its outputs alone, without the operations that only other outputs need.
    #[must_use]
    pub fn only(mut self, names: &[&str]) -> Self {
        self.outputs.retain(|(name, _)| names.contains(name));
        let mut needed = vec![false; self.nodes.len()];
        for &(_, id) in &self.outputs {
            needed[id] = true;
        }
        // The operands of a node come before it.
        for (id, node) in self.nodes.iter().enumerate().rev() {
            if needed[id] {
                node.inputs.iter().for_each(|&input| needed[input] = true);
            }
        }
        let mut kept = Self::default();
        let mut places = vec![0; self.nodes.len()];
        let nodes = std::mem::take(&mut self.nodes).into_iter().zip(needed);
        for (id, (mut node, _)) in nodes.enumerate().filter(|(_, (_, needed))| *needed) {
            node.inputs
                .iter_mut()
                .for_each(|input| *input = places[*input]);
            places[id] = kept.nodes.len();
            kept.nodes.push(node);
        }
        let outputs = self.outputs.into_iter();
        kept.outputs = outputs.map(|(name, id)| (name, places[id])).collect();
        kept
    }

    /// Returns the given values with their shapes.
    pub fn inputs(&self) -> impl Iterator<Item = (&'static str, Features)> {
        self.nodes.iter().filter_map(|node| match node.operation {
            Operation::Input(name) => Some((name, node.output)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests;
