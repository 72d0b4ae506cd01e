//! A model as ONNX files: `encoder.onnx`, from an image to the mean and the logarithm of the variance of q(z | x);
//! `decoder.onnx`, from a latent to an image; and `score.onnx`, from an image to the squared error of its reconstruction from
//! the posterior mean, which draws nothing at random.
//!
//! The number of images is not fixed. The metadata says what an input must be like.

mod elementwise;
mod lower;
mod message;
mod metadata;
mod writer;

use prost::Message;

use super::exported_model::ExportedModel;
use crate::error::{Error, Result};
use crate::figure::NamedFile;
use crate::model::Features;
use crate::run::exports::{DECODER, ENCODER, SCORE, USE};
use lower::{lengths, lower};
use message::{
    DimensionProto, FLOAT, GraphProto, ModelProto, OperatorSetIdProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto,
};
use writer::{Attribute, NodeWriter};

/// The version of the operators, and that of the file format that came with it. Runtimes since 2021 read both.
const OPERATORS: i64 = 13;
const IR_VERSION: i64 = 7;

/// The most bytes of a message of Protocol Buffers.
const MOST_BYTES: usize = i32::MAX as usize;

/// A Python program that uses the files.
const PROGRAM: &str = include_str!("use.py");

/// Returns the files of a model. `calibration` has the scores of the normal images that calibrate it.
///
/// # Errors
/// Returns an error if a file would be too large for the format.
pub fn files(model: &ExportedModel, calibration: Option<&[f64]>) -> Result<Vec<NamedFile>> {
    let metadata = metadata::metadata(model, calibration)?;
    let mut files = Vec::new();
    for (name, graph) in [
        (ENCODER, encoder(model)?),
        (DECODER, decoder(model)?),
        (SCORE, score(model)?),
    ] {
        let message = ModelProto {
            ir_version: IR_VERSION,
            producer_name: "vae".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            doc_string: String::new(),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto {
                domain: String::new(),
                version: OPERATORS,
            }],
            metadata_props: metadata.clone(),
        };
        files.push(NamedFile::new(name, bytes(name, &message, MOST_BYTES)?));
    }
    files.push(NamedFile::new(USE, PROGRAM.as_bytes().to_vec()));
    Ok(files)
}

fn bytes(name: &str, message: &ModelProto, most: usize) -> Result<Vec<u8>> {
    let length = message.encoded_len();
    if length > most {
        return Err(Error::request(format!(
            "{name} would have {length} bytes; a file of ONNX has at most {most}"
        ))
        .with_hint("export it with `--to huggingface`, which has no such limit"));
    }
    Ok(message.encode_to_vec())
}

fn encoder(model: &ExportedModel) -> Result<GraphProto> {
    let outputs: &[&str] = if model.is_variational() {
        &["mean", "log_var"]
    } else {
        &["mean"]
    };
    let graph = model.network.encoder_graph().only(outputs);
    let mut to = NodeWriter::new(&model.file.tensors);
    let inputs: Vec<(&str, Features)> = graph.inputs().collect();
    let given: Vec<(&str, &str)> = inputs.iter().map(|&(name, _)| (name, name)).collect();
    let values = lower(&graph, &given, &mut to)?;
    for (name, value) in &values {
        to.rename(value, name);
    }
    let latent = lengths(Features::Flat(model.network.latent));
    let outputs = outputs.iter().map(|name| value(name, &latent)).collect();
    Ok(finished("encoder", &inputs, outputs, to))
}

fn decoder(model: &ExportedModel) -> Result<GraphProto> {
    let graph = model.network.decoder_graph(&model.file.config.likelihood);
    let mut to = NodeWriter::new(&model.file.tensors);
    let inputs: Vec<(&str, Features)> = graph.inputs().collect();
    let given: Vec<(&str, &str)> = inputs.iter().map(|&(name, _)| (name, name)).collect();
    let values = lower(&graph, &given, &mut to)?;
    to.rename(&values["image"], "image");
    let image = lengths(Features::Map(model.network.image_shape));
    let outputs = vec![value("image", &image)];
    Ok(finished("decoder", &inputs, outputs, to))
}

fn score(model: &ExportedModel) -> Result<GraphProto> {
    let encoder = model.network.encoder_graph().only(&["mean"]);
    let decoder = model.network.decoder_graph(&model.file.config.likelihood);
    let mut inputs: Vec<(&str, Features)> = encoder.inputs().collect();
    for input in decoder.inputs() {
        if input.0 != "z" && !inputs.contains(&input) {
            inputs.push(input);
        }
    }
    let mut to = NodeWriter::new(&model.file.tensors);
    let mut given: Vec<(&str, &str)> = inputs.iter().map(|&(name, _)| (name, name)).collect();
    let latent = lower(&encoder, &given, &mut to)?;
    given.push(("z", &latent["mean"]));
    let decoded = lower(&decoder, &given, &mut to)?;
    let difference = to.node("Sub", &["image", &decoded["image"]], &[]);
    let square = to.node("Mul", &[&difference, &difference], &[]);
    let sum = |of: &str, axes: &[i64], to: &mut NodeWriter| {
        let axes = to.ints(axes);
        to.node(
            "ReduceSum",
            &[of, &axes],
            &[("keepdims", Attribute::Int(0))],
        )
    };
    let map = sum(&square, &[1], &mut to);
    let score = sum(&map, &[1, 2], &mut to);
    to.rename(&map, "map");
    to.rename(&score, "score");
    let [_, height, width] = model.network.image_shape.map(|length| length as i64);
    let outputs = vec![value("score", &[]), value("map", &[height, width])];
    Ok(finished("score", &inputs, outputs, to))
}

fn finished(
    name: &str,
    inputs: &[(&str, Features)],
    output: Vec<ValueInfoProto>,
    to: NodeWriter,
) -> GraphProto {
    let inputs = inputs.iter();
    GraphProto {
        node: to.nodes,
        name: name.to_owned(),
        initializer: to.constants,
        input: inputs
            .map(|(name, shape)| value(name, &lengths(*shape)))
            .collect(),
        output,
    }
}

/// Returns the description of an input or output with these lengths for each image.
fn value(name: &str, lengths: &[i64]) -> ValueInfoProto {
    let batch = DimensionProto {
        dim_param: Some("N".to_owned()),
        ..DimensionProto::default()
    };
    let fixed = lengths.iter().map(|&length| DimensionProto {
        dim_value: Some(length),
        ..DimensionProto::default()
    });
    let dim = std::iter::once(batch).chain(fixed).collect();
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: FLOAT,
                shape: Some(TensorShapeProto { dim }),
            }),
        }),
        doc_string: meaning(name).to_owned(),
    }
}

/// Returns what an input or output is, for people who look into the file.
fn meaning(name: &str) -> &'static str {
    match name {
        "image" => "[N, C, H, W], in [0, 1]",
        "label" => "[N, L]: 1 for the image's class, 0 for the others",
        "z" => "[N, D]: a latent",
        "mean" => "[N, D]: the mean of q(z | x)",
        "log_var" => "[N, D]: the logarithm of the variance of q(z | x)",
        "score" => "[N]: the squared error of the image decoded from the mean of q(z | x)",
        "map" => "[N, H, W]: the squared error of each pixel, summed over channels",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
