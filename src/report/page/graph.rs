//! A network's graph as JSON, for the page's decoder.

use serde_json::{Value, json};

use crate::model::{Graph, Node, Operation};

/// The part of a graph that one of its outputs is computed from.
#[derive(Clone, Debug)]
pub struct PageGraph {
    /// The nodes, each with its operation, the positions of its operands and its shape, and the position of the output.
    pub json: Value,
    /// The layers whose weights it needs, each once.
    pub layers: Vec<String>,
}

impl PageGraph {
    /// Returns the part of `graph` that the output of this name needs. `None` if there is no such output.
    pub fn new(graph: &Graph, output: &str) -> Option<Self> {
        let graph = graph.clone().only(&[output]);
        let &(_, last) = graph.outputs.first()?;
        let mut layers: Vec<String> = Vec::new();
        for layer in graph.nodes.iter().filter_map(|node| layer(&node.operation)) {
            if !layers.contains(layer) {
                layers.push(layer.clone());
            }
        }
        let nodes: Vec<Value> = graph.nodes.iter().map(node_json).collect();
        Some(Self {
            json: json!({ "nodes": nodes, "output": last }),
            layers,
        })
    }
}

/// Returns the layer whose weights an operation reads.
fn layer(operation: &Operation) -> Option<&String> {
    match operation {
        Operation::Dense { layer }
        | Operation::Convolution { layer, .. }
        | Operation::Transposed { layer, .. }
        | Operation::GroupNorm { layer, .. } => Some(layer),
        _ => None,
    }
}

fn node_json(node: &Node) -> Value {
    let mut json = match &node.operation {
        Operation::Input(name) => json!({ "operation": "input", "name": name }),
        Operation::Dense { layer } => json!({ "operation": "dense", "layer": layer }),
        Operation::Convolution { layer, window } | Operation::Transposed { layer, window } => {
            let is_transposed = matches!(node.operation, Operation::Transposed { .. });
            json!({
                "operation": if is_transposed { "transposed" } else { "convolution" },
                "layer": layer, "kernel": window.kernel, "stride": window.stride,
                "top": window.padding[0].0, "left": window.padding[1].0,
            })
        }
        Operation::GroupNorm { layer, groups } => {
            json!({ "operation": "group-norm", "layer": layer, "groups": groups })
        }
        Operation::Activation(activation) => {
            json!({ "operation": "activation", "activation": activation })
        }
        Operation::Upsample { factor } => json!({ "operation": "upsample", "factor": factor }),
        Operation::AveragePool { factor } => {
            json!({ "operation": "average-pool", "factor": factor })
        }
        Operation::Add => json!({ "operation": "add" }),
        Operation::Concat => json!({ "operation": "concat" }),
        Operation::Reshape => json!({ "operation": "reshape" }),
        Operation::ContinuousBernoulliMean => json!({ "operation": "continuous-bernoulli-mean" }),
        Operation::LogisticMixtureMean { components } => {
            json!({ "operation": "logistic-mixture-mean", "components": components })
        }
    };
    json["inputs"] = node.inputs.clone().into();
    json["shape"] = node.output.lengths().into();
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Features;

    #[test]
    fn only_what_an_output_needs_is_kept() {
        let mut graph = Graph::default();
        let flat = Features::Flat(2);
        let image = graph.push(Operation::Input("image"), [], flat);
        let dense = |layer: &str| Operation::Dense {
            layer: layer.to_owned(),
        };
        let log_var = graph.push(dense("log_var"), [image], flat);
        let mean = graph.push(dense("mean"), [image], flat);
        graph.outputs = vec![("log_var", log_var), ("mean", mean)];
        let found = PageGraph::new(&graph, "mean").unwrap();
        assert_eq!(found.layers, ["mean"]);
        assert_eq!(found.json["output"], 1);
        assert_eq!(
            found.json["nodes"][1],
            json!({ "operation": "dense", "layer": "mean", "inputs": [0], "shape": [2] })
        );
        assert!(PageGraph::new(&graph, "image").is_none());
    }
}
