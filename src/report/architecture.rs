//! The table of `vae summary`: the layers of a network, and what a training of it needs.

use serde_json::Value;

use super::{Cell, Column, Report, Table, byte_size};
use crate::config::Config;
use crate::model::{Features, LayerShape, Network, ParameterShape};
use crate::ops::Activation;
use crate::train::MemoryNeed;
use crate::words::counted;

/// Bytes of a float.
const FLOAT: u64 = 4;

/// A layer, or another part with parameters.
struct LayerRow {
    /// The start of its parameters' names.
    name: String,
    /// The kind of layer, in words.
    kind: String,
    output: Features,
    parameters: usize,
    /// `None` if the number is not that of one image.
    multiply_adds: Option<u64>,
    /// The bytes that a step keeps for the backward pass; `None` if they are computed again.
    activations: Option<u64>,
}

const COLUMNS: &[Column<LayerRow>] = &[
    Column {
        key: "name",
        title: "layer",
        cell: |row| Cell::text(&row.name),
    },
    Column {
        key: "kind",
        title: "kind",
        cell: |row| Cell::text(&row.kind),
    },
    Column {
        key: "output",
        title: "output",
        cell: |row| Cell::Said(row.output.lengths().into(), row.output.to_string()),
    },
    Column {
        key: "parameters",
        title: "parameters",
        cell: |row| Cell::Count(row.parameters),
    },
    Column {
        key: "multiply_adds",
        title: "multiply-adds",
        cell: |row| match row.multiply_adds {
            Some(count) => Cell::Count(count as usize),
            None => Cell::number(None, 0),
        },
    },
    Column {
        key: "activations",
        title: "activations",
        cell: |row| row.activations.map_or(Cell::number(None, 0), Cell::Bytes),
    },
];

/// Returns a network in a few words: `mlp with 20 latents, given one of 10 classes`.
pub fn network_words(config: &Config, network: &Network) -> String {
    let class = match &network.condition {
        Some(condition) => format!(", given one of {} classes", condition.class_count),
        None => String::new(),
    };
    let latents = counted(network.latent, "latent");
    format!("{} with {latents}{class}", config.model.tag())
}

/// Returns the report on the network of a config, which is called `name`.
pub fn architecture(name: &str, config: &Config, network: &Network, need: &MemoryNeed) -> Report {
    let shape = network.image_shape;
    let mut report = Report::new();
    report.line(format!(
        "{name}: {}, for images of {}",
        network_words(config, network),
        Features::Map(shape),
    ));
    report.field("name", name);
    report.field("model", config.model.tag());
    report.field("latents", network.latent);
    report.field("image_shape", shape.to_vec());
    report.field(
        "class_count",
        network
            .condition
            .as_ref()
            .map_or(Value::Null, |condition| condition.class_count.into()),
    );
    let rows = rows(config, network, need.batch());
    report.table(Table::of("layers", &rows, COLUMNS));
    let parameters = config.parameter_count(network);
    report.row(
        "parameters",
        "parameters",
        Cell::Count(parameters),
        format!("{} as 32-bit floats", byte_size(FLOAT * parameters as u64)),
    );
    report.row(
        "multiply_adds",
        "multiply-adds",
        Cell::Count(network.multiply_adds() as usize),
        "per image, to encode it and to decode its latent",
    );
    let batch = need.batch();
    let samples = config.objective.kind().samples();
    let samples_words = match samples {
        1 => String::new(),
        _ => format!(", {samples} samples of z each"),
    };
    report.field("batch", batch);
    report.field("samples", samples);
    report.row(
        "memory",
        "memory",
        Cell::Bytes(need.bytes()),
        format!(
            "to train in batches of {}{samples_words}, besides the data",
            counted(batch, "image")
        ),
    );
    report.row(
        "activations",
        "activations",
        Cell::Bytes(need.activations()),
        "part of that memory: the values kept for the backward pass, and the largest gradient",
    );
    report
}

/// Returns a row for each layer, for the prior and for the likelihood.
fn rows(config: &Config, network: &Network, batch: usize) -> Vec<LayerRow> {
    let samples = config.objective.kind().samples();
    let is_sampled = config.is_variational();
    let recomputes = config.train.checkpointing;
    let mut rows: Vec<LayerRow> = network
        .layers()
        .iter()
        .filter(|(name, _)| !name.starts_with("prior."))
        .map(|(name, layer)| {
            let layer = layer.kind();
            let trained = is_sampled || name != "log_var";
            let samples = if name.starts_with("decoder.") {
                samples
            } else {
                1
            };
            // A step keeps the values of one shard at a time.
            let images = (batch * samples).div_ceil(config.train.shards);
            let kept = FLOAT * (layer.kept_values() * images) as u64;
            LayerRow {
                kind: words(layer, trained),
                output: layer.output(),
                parameters: if trained {
                    count(&layer.parameters())
                } else {
                    0
                },
                multiply_adds: Some(layer.multiply_adds()),
                activations: (!recomputes).then_some(kept),
                name: name.clone(),
            }
        })
        .collect();
    let part = |name: &str, kind: &str, output, parameters: &[ParameterShape]| LayerRow {
        name: name.to_owned(),
        kind: kind.to_owned(),
        output,
        parameters: count(parameters),
        multiply_adds: None,
        activations: None,
    };
    let prior = network.prior.kind().parameters(network.latent_space());
    let latents = Features::Flat(network.latent);
    rows.push(part("prior", network.prior.tag(), latents, &prior));
    let likelihood = config.likelihood.kind().parameters();
    let image = Features::Map(network.image_shape);
    rows.push(part(
        "likelihood",
        config.likelihood.tag(),
        image,
        &likelihood,
    ));
    rows
}

fn words(layer: &dyn LayerShape, trained: bool) -> String {
    let activation = match layer.activation() {
        Activation::None => String::new(),
        activation => format!(", {}", activation.name()),
    };
    let trained = if trained { "" } else { ", not trained" };
    format!("{}{activation}{trained}", layer.words())
}

fn count(parameters: &[ParameterShape]) -> usize {
    parameters.iter().map(ParameterShape::count).sum()
}
