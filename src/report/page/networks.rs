//! The networks that a page computes, with their weights, and the rule for the precision of the weights.

use std::collections::HashMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use half::f16;
use serde_json::{Value, json};

use super::graph::PageGraph;
use crate::error::{Error, Result};
use crate::model::{Graph, NamedTensor};
use crate::report::{byte_size, short_count};

/// The most bytes of weights in float32. More are rounded to float16.
const MOST_IN_FLOAT32: usize = 8_000_000;

/// The most bytes of weights in float16, unless a person asks for float16.
const MOST_IN_FLOAT16: usize = 20_000_000;

/// The most bytes of weights in float16 if a person asks for it. Larger pages are slow to open.
const MOST_ASKED_FOR: usize = 100_000_000;

/// The precision of the weights in a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightPrecision {
    Float32,
    Float16,
}

/// The decoder, and the encoder where it is small enough, as a page holds them.
#[derive(Clone, Debug)]
pub struct PageNetworks {
    pub precision: WeightPrecision,
    decoder: PageGraph,
    encoder: Option<PageGraph>,
    /// The weights of both, in the order in which they lie in the page.
    tensors: Vec<NamedTensor>,
}

impl WeightPrecision {
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
        }
    }

    fn width(self) -> usize {
        match self {
            Self::Float32 => 4,
            Self::Float16 => 2,
        }
    }
}

impl PageNetworks {
    /// Chooses what a page holds of a model: its decoder, and its encoder if both stay below the limit of the precision.
    /// `float16` rounds the weights also where they are small.
    ///
    /// # Errors
    /// Returns an error if the decoder is too large.
    pub fn new(
        decoder: &Graph,
        encoder: &Graph,
        weights: Vec<NamedTensor>,
        float16: bool,
    ) -> Result<Self> {
        let graph = |graph: &Graph, output: &str| {
            PageGraph::new(graph, output)
                .ok_or_else(|| Error::failed(format!("the network has no output `{output}`")))
        };
        let (decoder, encoder) = (graph(decoder, "image")?, graph(encoder, "mean")?);
        let counts: HashMap<&str, usize> = weights
            .iter()
            .map(|tensor| (tensor.name.as_str(), tensor.values.len()))
            .collect();
        let count = |graph: &PageGraph| -> usize {
            let names = graph.layers.iter().flat_map(|layer| names(layer));
            names
                .map(|name| counts.get(name.as_str()).copied().unwrap_or(0))
                .sum()
        };
        let (of_decoder, of_encoder) = (count(&decoder), count(&encoder));
        let (precision, most) = if float16 {
            (WeightPrecision::Float16, MOST_ASKED_FOR)
        } else if 4 * of_decoder <= MOST_IN_FLOAT32 {
            (WeightPrecision::Float32, MOST_IN_FLOAT32)
        } else {
            (WeightPrecision::Float16, MOST_IN_FLOAT16)
        };
        let width = precision.width();
        if width * of_decoder > most {
            return Err(too_large(of_decoder, most, float16));
        }
        // The encoder is a convenience, and does not make a page of 100 MB.
        let most = most.min(MOST_IN_FLOAT16);
        let encoder = (width * (of_decoder + of_encoder) <= most).then_some(encoder);
        let mut all: HashMap<String, NamedTensor> = weights
            .into_iter()
            .map(|tensor| (tensor.name.clone(), tensor))
            .collect();
        let layers = std::iter::once(&decoder).chain(&encoder);
        let layers = layers.flat_map(|graph| &graph.layers);
        let tensors = layers
            .flat_map(|layer| names(layer))
            .filter_map(|name| all.remove(&name));
        Ok(Self {
            precision,
            tensors: tensors.collect(),
            decoder,
            encoder,
        })
    }

    pub fn has_encoder(&self) -> bool {
        self.encoder.is_some()
    }

    /// Returns the description of the networks: their operations, and the names of the weights in their order.
    pub fn json(&self) -> Value {
        let tensor =
            |tensor: &NamedTensor| json!({ "name": tensor.name, "length": tensor.values.len() });
        json!({
            "decoder": self.decoder.json,
            "encoder": self.encoder.as_ref().map(|encoder| &encoder.json),
            "precision": self.precision.name(),
            "tensors": self.tensors.iter().map(tensor).collect::<Vec<_>>(),
        })
    }

    /// Returns the weights, compressed: the first byte of every number, then the second of every number, and so on. Sign
    /// and exponent are alike in most weights, and side by side they compress, by a sixth in all.
    ///
    /// # Errors
    /// Returns an error if the compression fails.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let values = self.tensors.iter().flat_map(|tensor| &tensor.values);
        let numbers: Vec<u8> = match self.precision {
            WeightPrecision::Float32 => values.flat_map(|value| value.to_le_bytes()).collect(),
            WeightPrecision::Float16 => values
                .flat_map(|&value| f16::from_f32(value).to_le_bytes())
                .collect(),
        };
        let width = self.precision.width();
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        let plane = |plane: usize| numbers.iter().skip(plane).step_by(width).copied();
        let planes: Vec<u8> = (0..width).flat_map(plane).collect();
        encoder
            .write_all(&planes)
            .and_then(|()| encoder.finish())
            .map_err(|error| Error::failed(format!("the weights cannot be compressed: {error}")))
    }
}

/// Returns weights as float16 holds them.
pub fn rounded_to_float16(weights: &[NamedTensor]) -> Vec<NamedTensor> {
    let rounded = |tensor: &NamedTensor| {
        let values = tensor.values.iter();
        let values = values.map(|&value| f16::from_f32(value).to_f32());
        NamedTensor {
            values: values.collect(),
            ..tensor.clone()
        }
    };
    weights.iter().map(rounded).collect()
}

fn names(layer: &str) -> [String; 2] {
    ["weight", "bias"].map(|name| format!("{layer}.{name}"))
}

/// Returns the error for a decoder that is too large for a page.
fn too_large(parameters: usize, most: usize, float16: bool) -> Error {
    let bytes = if float16 {
        2 * parameters
    } else {
        4 * parameters
    };
    let error = Error::request(format!(
        "the decoder has {} parameters ({}); expected at most {} of weights in a page{}",
        short_count(parameters as u64),
        byte_size(bytes as u64),
        byte_size(most as u64),
        if float16 { "" } else { ", as float16" },
    ));
    if !float16 && 2 * parameters <= MOST_ASKED_FOR {
        let page = byte_size((2 * parameters * 4 / 3) as u64);
        error.with_hint(format!(
            "`--f16` writes it all the same, a page of about {page}; `--no-explorer` writes the page without it"
        ))
    } else {
        error.with_hint("`--no-explorer` writes the page without it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Features, Operation};

    /// Returns a graph with one dense layer of `count` weights and its weights.
    fn network(layer: &str, output: &'static str, count: usize) -> (Graph, Vec<NamedTensor>) {
        let mut graph = Graph::default();
        let flat = Features::Flat(1);
        let input = graph.push(Operation::Input("z"), [], flat);
        let operation = Operation::Dense {
            layer: layer.to_owned(),
        };
        let last = graph.push(operation, [input], flat);
        graph.outputs = vec![(output, last)];
        let tensor = |name: String, length: usize| NamedTensor {
            name,
            shape: vec![length],
            values: vec![0.1; length],
        };
        let [weight, bias] = names(layer);
        (graph, vec![tensor(weight, count - 1), tensor(bias, 1)])
    }

    fn chosen(decoder: usize, encoder: usize, float16: bool) -> Result<PageNetworks> {
        let (decoder, weights) = network("decoder.0", "image", decoder);
        let (encoder, others) = network("mean", "mean", encoder);
        PageNetworks::new(&decoder, &encoder, [weights, others].concat(), float16)
    }

    #[test]
    fn the_size_decides_the_precision_and_whether_the_encoder_is_there() {
        use WeightPrecision::{Float16, Float32};
        for (decoder, encoder, float16, precision, has_encoder) in [
            (1_000_000, 1_000_000, false, Float32, true),
            (1_000_000, 1_000_001, false, Float32, false),
            (1_000_000, 1_000_000, true, Float16, true),
            (2_000_001, 1_000_000, false, Float16, true),
            (9_000_000, 2_000_000, false, Float16, false),
            (31_000_000, 2_000_000, true, Float16, false),
        ] {
            let found = chosen(decoder, encoder, float16).unwrap();
            assert_eq!(found.precision, precision, "{decoder} {encoder}");
            assert_eq!(found.has_encoder(), has_encoder, "{decoder} {encoder}");
        }
        let error = chosen(31_000_000, 1_000_000, false).unwrap_err();
        assert_eq!(error.code(), 2);
        let text = error.to_string();
        assert!(text.contains("31.0 M parameters (120 MB)"), "{text}");
        let hint = error.hint().unwrap();
        assert!(
            hint.contains("--f16") && hint.contains("--no-explorer"),
            "{hint}"
        );
        let error = chosen(60_000_000, 1_000_000, true).unwrap_err();
        assert!(!error.hint().unwrap().contains("--f16"));
    }

    #[test]
    fn float16_is_the_nearest_and_even_among_equals() {
        let tensor = NamedTensor {
            name: "x".to_owned(),
            shape: vec![4],
            values: vec![1.0, 1.0 + 1.0 / 2048.0, 1.0 + 3.0 / 2048.0, 0.1],
        };
        let rounded = rounded_to_float16(&[tensor]);
        let step = 1.0 / 1024.0;
        assert_eq!(
            rounded[0].values,
            [1.0, 1.0, 1.0 + 2.0 * step, 0.099_975_586]
        );
    }
}
