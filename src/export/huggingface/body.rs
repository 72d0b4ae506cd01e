//! A graph as the body of a Python function, written with PyTorch as a person would write it: a value has a name only if it is used
//! twice or by an operation of another kind, and a name is taken again as soon as its value is no longer needed.

use crate::model::{Features, Graph, Node, NodeId, Operation};
use crate::ops::Activation;

/// The names of values, in the order in which they are taken.
const NAMES: &[&str] = &["h", "r", "s", "t"];

/// Returns the lines of the body, without their indentation. Inputs and outputs have the names that they have in the graph.
pub fn body(graph: &Graph) -> Vec<String> {
    let uses = uses(graph);
    let mut expressions: Vec<String> = Vec::with_capacity(graph.nodes.len());
    let mut lines = Vec::new();
    // The node whose value each name has.
    let mut taken: Vec<Option<NodeId>> = Vec::new();
    for (id, node) in graph.nodes.iter().enumerate() {
        let operands: Vec<&str> = node
            .inputs
            .iter()
            .map(|&x| expressions[x].as_str())
            .collect();
        let expression = expression(graph, node, &operands);
        let is_given = matches!(node.operation, Operation::Input(_));
        let output = graph.outputs.iter().find(|(_, output)| *output == id);
        if is_given || output.is_none() && uses[id].is_inline {
            expressions.push(expression);
            continue;
        }
        let name = match output {
            Some((name, _)) => (*name).to_owned(),
            None => {
                let is_free =
                    |holds: &Option<NodeId>| holds.is_none_or(|held| uses[held].last <= id);
                let free = taken.iter().position(is_free).unwrap_or(taken.len());
                taken.resize(taken.len().max(free + 1), None);
                taken[free] = Some(id);
                NAMES
                    .get(free)
                    .map_or_else(|| format!("v{free}"), |name| (*name).to_owned())
            }
        };
        lines.push(format!("{name} = {expression}"));
        expressions.push(name);
    }
    let results: Vec<&str> = graph
        .outputs
        .iter()
        .map(|&(_, id)| expressions[id].as_str())
        .collect();
    let returned = results.join(", ");
    // A value that is only returned needs no name.
    let assignment = format!("{returned} = ");
    match lines.last().and_then(|line| line.strip_prefix(&assignment)) {
        Some(expression) if results.len() == 1 => {
            let last = format!("return {expression}");
            lines.pop();
            lines.push(last);
        }
        _ => lines.push(format!("return {returned}")),
    }
    lines
}

/// Returns the Python expression of the module at a path, such as `self.encoder["0"]`.
pub fn module(path: &str) -> String {
    let mut parts = path.split('.');
    let first = parts.next().unwrap_or_default();
    let rest: String = parts.map(|part| format!("[\"{part}\"]")).collect();
    format!("self.{first}{rest}")
}

/// How the value of a node is used.
#[derive(Clone, Copy, Debug, Default)]
struct Uses {
    /// Whether it is written where it is used.
    is_inline: bool,
    /// The node in whose line it is read for the last time.
    last: NodeId,
}

fn uses(graph: &Graph) -> Vec<Uses> {
    let mut uses = vec![Uses::default(); graph.nodes.len()];
    let mut readers: Vec<Vec<NodeId>> = vec![Vec::new(); graph.nodes.len()];
    for (id, node) in graph.nodes.iter().enumerate() {
        node.inputs
            .iter()
            .for_each(|&input| readers[input].push(id));
    }
    // The line in which each node is written.
    let mut line: Vec<NodeId> = (0..graph.nodes.len()).collect();
    for id in (0..graph.nodes.len()).rev() {
        let is_output = graph.outputs.iter().any(|(_, output)| *output == id);
        uses[id].is_inline = match readers[id][..] {
            [reader] if !is_output => is_inline(&graph.nodes[id], &graph.nodes[reader]),
            _ => false,
        };
        if uses[id].is_inline {
            line[id] = line[readers[id][0]];
        }
        uses[id].last = readers[id]
            .iter()
            .map(|&reader| line[reader])
            .max()
            .unwrap_or(id);
    }
    uses
}

/// Returns whether a value that is used once is written where it is used.
fn is_inline(node: &Node, reader: &Node) -> bool {
    let becomes_map = |node: &Node| {
        node.operation == Operation::Reshape && matches!(node.output, Features::Map(_))
    };
    match &node.operation {
        Operation::Concat => true,
        Operation::Reshape => !becomes_map(node),
        Operation::Add => false,
        _ => matches!(reader.operation, Operation::Activation(_)) || becomes_map(reader),
    }
}

fn expression(graph: &Graph, node: &Node, operands: &[&str]) -> String {
    let x = operands.first().copied().unwrap_or_default();
    let before = node.inputs.first().map(|&id| graph.shape(id));
    match &node.operation {
        Operation::Input(name) => (*name).to_owned(),
        Operation::Dense { layer } | Operation::GroupNorm { layer, .. } => {
            format!("{}({x})", module(layer))
        }
        Operation::Convolution { layer, window } => {
            let [(top, bottom), (left, right)] = window.padding;
            if (top, left) == (bottom, right) {
                format!("{}({x})", module(layer))
            } else {
                format!(
                    "{}(F.pad({x}, ({left}, {right}, {top}, {bottom})))",
                    module(layer)
                )
            }
        }
        Operation::Transposed { layer, window } => {
            let whole = format!("{}({x})", module(layer));
            let [vertical, horizontal] = window.padding;
            // PyTorch removes as many rows at the end as at the start; the others are cut off here.
            if [vertical, horizontal]
                .iter()
                .all(|(before, after)| after <= before)
            {
                whole
            } else {
                cut(&whole, node.output)
            }
        }
        Operation::Activation(activation) => activated(x, *activation),
        Operation::Upsample { factor } => {
            let whole = format!("F.interpolate({x}, scale_factor={factor})");
            let all = before.map(|before| before.count() * factor * factor);
            if all == Some(node.output.count()) {
                whole
            } else {
                cut(&whole, node.output)
            }
        }
        Operation::AveragePool { factor } => {
            format!("F.avg_pool2d({x}, {factor}, ceil_mode=True, count_include_pad=False)")
        }
        Operation::Add => operands.join(" + "),
        Operation::Concat => format!("torch.cat([{}], 1)", operands.join(", ")),
        Operation::Reshape => reshaped(x, before, node.output),
        Operation::ContinuousBernoulliMean => format!("continuous_bernoulli_mean({x})"),
        Operation::LogisticMixtureMean { components } => {
            let mean = format!("logistic_mixture_mean({x}, {components})");
            reshaped(
                &mean,
                Some(Features::Flat(node.output.count())),
                node.output,
            )
        }
    }
}

fn activated(x: &str, activation: Activation) -> String {
    let function = match activation {
        Activation::Relu => "F.relu",
        Activation::Tanh => "torch.tanh",
        Activation::Silu => "F.silu",
        Activation::Gelu => "F.gelu",
        Activation::LeakyRelu => return format!("F.leaky_relu({x}, {})", crate::ops::LEAK),
        Activation::Elu => "F.elu",
        Activation::Softplus => "F.softplus",
        Activation::Sigmoid => "torch.sigmoid",
        Activation::None => return x.to_owned(),
    };
    format!("{function}({x})")
}

fn reshaped(x: &str, before: Option<Features>, after: Features) -> String {
    match (before, after) {
        (_, Features::Flat(_)) => format!("{x}.flatten(1)"),
        (Some(Features::Flat(_)), Features::Map([c, h, w])) => {
            format!("{x}.unflatten(1, ({c}, {h}, {w}))")
        }
        (_, Features::Map([c, h, w])) => format!("{x}.reshape(-1, {c}, {h}, {w})"),
    }
}

/// Returns a map without the rows and columns at the end that `after` has no room for.
fn cut(x: &str, after: Features) -> String {
    match after {
        Features::Map([_, height, width]) => format!("{x}[..., :{height}, :{width}]"),
        Features::Flat(_) => x.to_owned(),
    }
}
