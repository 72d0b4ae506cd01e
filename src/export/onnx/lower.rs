//! The operations of a graph as operators of ONNX. Only operators of version 13 are used, which runtimes since 2021 have; what
//! came later, such as a group normalisation, is computed from others.

use std::collections::HashMap;

use super::elementwise::{activate, continuous_bernoulli_mean, logistic_mixture_mean};
use super::writer::{Attribute, NodeWriter, ValueName};
use crate::error::{Error, Result};
use crate::model::{Features, Graph, Node, Operation, Window};
use crate::ops::EPSILON;

/// Appends the operations of a graph, and returns the names of its outputs. `given` has the names of its inputs.
///
/// # Errors
/// Returns an error if a weight is missing.
pub fn lower(
    graph: &Graph,
    given: &[(&str, &str)],
    to: &mut NodeWriter,
) -> Result<HashMap<&'static str, ValueName>> {
    let mut values: Vec<ValueName> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let operands: Vec<&str> = node.inputs.iter().map(|&id| values[id].as_str()).collect();
        let before: Vec<Features> = node.inputs.iter().map(|&id| graph.shape(id)).collect();
        let value = lower_node(node, &operands, &before, given, to)?;
        values.push(value);
    }
    let outputs = graph.outputs.iter();
    Ok(outputs
        .map(|&(name, id)| (name, values[id].clone()))
        .collect())
}

fn lower_node(
    node: &Node,
    operands: &[&str],
    before: &[Features],
    given: &[(&str, &str)],
    to: &mut NodeWriter,
) -> Result<ValueName> {
    let x = operands.first().copied().unwrap_or_default();
    Ok(match &node.operation {
        Operation::Input(name) => {
            let found = given.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| (*value).to_owned()).ok_or_else(|| {
                Error::failed(format!("the graph reads `{name}`, which is not given"))
            })?
        }
        Operation::Dense { layer } => {
            let weight = to.weight(layer, "weight", None)?;
            let bias = to.weight(layer, "bias", None)?;
            to.node(
                "Gemm",
                &[x, &weight, &bias],
                &[("transB", Attribute::Int(1))],
            )
        }
        Operation::Convolution { layer, window } => {
            let weight = to.weight(layer, "weight", None)?;
            let bias = to.weight(layer, "bias", None)?;
            let [kernel, strides, pads] = window_lengths(window);
            let attributes = [
                ("kernel_shape", Attribute::Ints(&kernel)),
                ("pads", Attribute::Ints(&pads)),
                ("strides", Attribute::Ints(&strides)),
            ];
            to.node("Conv", &[x, &weight, &bias], &attributes)
        }
        Operation::Transposed { layer, window } => {
            let weight = to.weight(layer, "weight", None)?;
            let bias = to.weight(layer, "bias", None)?;
            let [kernel, strides, pads] = window_lengths(window);
            let added = window.output_padding.map(|rows| rows as i64);
            let attributes = [
                ("kernel_shape", Attribute::Ints(&kernel)),
                ("output_padding", Attribute::Ints(&added)),
                ("pads", Attribute::Ints(&pads)),
                ("strides", Attribute::Ints(&strides)),
            ];
            to.node("ConvTranspose", &[x, &weight, &bias], &attributes)
        }
        Operation::GroupNorm { layer, groups } => group_norm(x, layer, *groups, node.output, to)?,
        Operation::Activation(activation) => activate(x, *activation, to),
        Operation::Upsample { factor } => upsample(x, *factor, before[0], node.output, to),
        Operation::AveragePool { factor } => average_pool(x, *factor, before[0], node.output, to),
        Operation::Add => to.node("Add", operands, &[]),
        Operation::Concat => to.node("Concat", operands, &[("axis", Attribute::Int(1))]),
        Operation::Reshape => reshape(x, &lengths(node.output), to),
        Operation::ContinuousBernoulliMean => continuous_bernoulli_mean(x, to),
        Operation::LogisticMixtureMean { components } => {
            let values = node.output.count() as i64;
            let split = reshape(x, &[-1, values], to);
            let mean = logistic_mixture_mean(&split, *components, to);
            reshape(&mean, &lengths(node.output), to)
        }
    })
}

/// Appends a change of the shape of each image.
pub fn reshape(x: &str, lengths: &[i64], to: &mut NodeWriter) -> ValueName {
    // 0 keeps the length, that of the batch.
    let shape = to.ints(&[&[0], lengths].concat());
    to.node("Reshape", &[x, &shape], &[])
}

/// Returns the lengths of a value for one image.
pub fn lengths(features: Features) -> Vec<i64> {
    let lengths = features.lengths().into_iter();
    lengths.map(|length| length as i64).collect()
}

/// Returns the kernel, the strides and the pads, `[top, left, bottom, right]`.
fn window_lengths(window: &Window) -> [Vec<i64>; 3] {
    let [(top, bottom), (left, right)] = window.padding;
    let pads = [top, left, bottom, right].map(|rows| rows as i64);
    let square = |length: usize| vec![length as i64; 2];
    [square(window.kernel), square(window.stride), pads.to_vec()]
}

/// Appends a normalisation of each group as that of one channel, with the scales and shifts of the channels after it.
fn group_norm(
    x: &str,
    layer: &str,
    groups: usize,
    map: Features,
    to: &mut NodeWriter,
) -> Result<ValueName> {
    let map = lengths(map);
    let grouped = reshape(x, &[groups as i64, -1], to);
    let ones = to.floats(&vec![1.0; groups]);
    let zeros = to.floats(&vec![0.0; groups]);
    let normal = to.node(
        "InstanceNormalization",
        &[&grouped, &ones, &zeros],
        &[("epsilon", Attribute::Float(EPSILON))],
    );
    let normal = reshape(&normal, &map, to);
    let each_channel = || Some(vec![map[0], 1, 1]);
    let scale = to.weight(layer, "weight", each_channel())?;
    let shift = to.weight(layer, "bias", each_channel())?;
    let scaled = to.node("Mul", &[&normal, &scale], &[]);
    Ok(to.node("Add", &[&scaled, &shift], &[]))
}

fn upsample(
    x: &str,
    factor: usize,
    before: Features,
    after: Features,
    to: &mut NodeWriter,
) -> ValueName {
    let scales = to.floats(&[1.0, 1.0, factor as f32, factor as f32]);
    let nearest = [
        (
            "coordinate_transformation_mode",
            Attribute::Text("asymmetric"),
        ),
        ("mode", Attribute::Text("nearest")),
        ("nearest_mode", Attribute::Text("floor")),
    ];
    let whole = to.node("Resize", &[x, "", &scales], &nearest);
    let (before, after) = (lengths(before), lengths(after));
    let is_cut = (1..3).any(|side| before[side] * factor as i64 != after[side]);
    if !is_cut {
        return whole;
    }
    let [starts, ends, axes] = [[0, 0], [after[1], after[2]], [2, 3]].map(|list| to.ints(&list));
    to.node("Slice", &[&whole, &starts, &ends, &axes], &[])
}

fn average_pool(
    x: &str,
    factor: usize,
    before: Features,
    after: Features,
    to: &mut NodeWriter,
) -> ValueName {
    let (before, after) = (lengths(before), lengths(after));
    let square = [factor as i64; 2];
    // Padding that does not count, and not `ceil_mode`, which runtimes have got wrong.
    let beyond = |side: usize| after[side] * factor as i64 - before[side];
    let attributes = [
        ("count_include_pad", Attribute::Int(0)),
        ("kernel_shape", Attribute::Ints(&square)),
        ("pads", Attribute::Ints(&[0, 0, beyond(1), beyond(2)])),
        ("strides", Attribute::Ints(&square)),
    ];
    to.node("AveragePool", &[x], &attributes)
}
