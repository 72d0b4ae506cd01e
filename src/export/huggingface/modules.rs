//! The layers of graphs as the modules of a `torch.nn.Module`, named as in `model.safetensors`.

use super::body::module;
use crate::model::{Features, Graph, Node, Operation, Window};

/// A module of a Python class, or a dictionary of them.
#[derive(Clone, Debug, PartialEq)]
enum PythonModule {
    Layer(String),
    Dictionary(Vec<(String, PythonModule)>),
}

/// Returns the lines that make the layers of graphs in `__init__`, without their indentation.
pub fn modules(graphs: &[&Graph]) -> Vec<String> {
    let mut all = Vec::new();
    for graph in graphs {
        for node in &graph.nodes {
            if let Some((path, layer)) = layer(graph, node) {
                let parts: Vec<&str> = path.split('.').collect();
                insert(&mut all, &parts, layer);
            }
        }
    }
    let mut lines = Vec::new();
    for (name, found) in all {
        write(&format!("{} = ", module(&name)), &found, "", 0, &mut lines);
    }
    lines
}

fn insert(into: &mut Vec<(String, PythonModule)>, path: &[&str], layer: String) {
    let [name, rest @ ..] = path else {
        return;
    };
    let position = into.iter().position(|(known, _)| known == name);
    if rest.is_empty() {
        if position.is_none() {
            into.push(((*name).to_owned(), PythonModule::Layer(layer)));
        }
        return;
    }
    let position = position.unwrap_or_else(|| {
        into.push(((*name).to_owned(), PythonModule::Dictionary(Vec::new())));
        into.len() - 1
    });
    if let PythonModule::Dictionary(inner) = &mut into[position].1 {
        insert(inner, rest, layer);
    }
}

/// Writes a module after `start` and before `end`.
fn write(start: &str, module: &PythonModule, end: &str, depth: usize, lines: &mut Vec<String>) {
    let indent = "    ".repeat(depth);
    match module {
        PythonModule::Layer(layer) => lines.push(format!("{indent}{start}{layer}{end}")),
        PythonModule::Dictionary(inner) => {
            lines.push(format!("{indent}{start}nn.ModuleDict({{"));
            for (name, module) in inner {
                write(&format!("\"{name}\": "), module, ",", depth + 1, lines);
            }
            lines.push(format!("{indent}}}){end}"));
        }
    }
}

/// Returns the path of a node's layer and the expression that makes it, or `None` if the node has no weights.
fn layer<'a>(graph: &Graph, node: &'a Node) -> Option<(&'a str, String)> {
    let channels = |features: Features| match features {
        Features::Flat(count) => count,
        Features::Map([channels, ..]) => channels,
    };
    let input = channels(graph.shape(*node.inputs.first()?));
    let output = channels(node.output);
    match &node.operation {
        Operation::Dense { layer } => Some((layer, format!("nn.Linear({input}, {output})"))),
        Operation::GroupNorm { layer, groups } => {
            Some((layer, format!("nn.GroupNorm({groups}, {output})")))
        }
        Operation::Convolution { layer, window } => {
            let [(top, bottom), (left, right)] = window.padding;
            // A padding that differs between two sides is added before the layer.
            let padding = if (top, left) == (bottom, right) {
                [top, left]
            } else {
                [0, 0]
            };
            let settings = settings(window, padding);
            let kernel = window.kernel;
            Some((
                layer,
                format!("nn.Conv2d({input}, {output}, {kernel}{settings})"),
            ))
        }
        Operation::Transposed { layer, window } => {
            let [vertical, horizontal] = window.padding;
            let mut settings = settings(window, [vertical.0, horizontal.0]);
            // PyTorch removes `padding` rows at the end too; where that is too many, it adds them again.
            let added = [0, 1].map(|side| {
                let (before, after) = window.padding[side];
                (window.output_padding[side] + before).saturating_sub(after)
            });
            if added != [0, 0] {
                settings.push_str(&format!(", output_padding={}", pair(added)));
            }
            let kernel = window.kernel;
            Some((
                layer,
                format!("nn.ConvTranspose2d({input}, {output}, {kernel}{settings})"),
            ))
        }
        _ => None,
    }
}

/// Returns the stride and the padding where they are not the defaults.
fn settings(window: &Window, padding: [usize; 2]) -> String {
    let mut settings = String::new();
    if window.stride != 1 {
        settings.push_str(&format!(", stride={}", window.stride));
    }
    if padding != [0, 0] {
        settings.push_str(&format!(", padding={}", pair(padding)));
    }
    settings
}

fn pair([vertical, horizontal]: [usize; 2]) -> String {
    if vertical == horizontal {
        vertical.to_string()
    } else {
        format!("({vertical}, {horizontal})")
    }
}
