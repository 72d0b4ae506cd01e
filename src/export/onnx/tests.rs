//! The files are what a reader of Protocol Buffers finds in them: a graph in which every value is made before it is read, with all
//! weights. tests/onnx.py compares what they compute with the model.

use std::collections::HashSet;
use std::path::Path;

use super::*;
use crate::config::Config;
use crate::data::fetch::md5_hex;
use crate::model::NamedTensor;
use crate::train::{ModelCard, ModelFile};

/// Returns a model of 1x12x10 images whose weights count up.
pub fn exported(config: &str) -> ExportedModel {
    let config = Config::parse(config, Path::new("test.toml")).unwrap();
    let card = ModelCard {
        image_shape: [1, 12, 10],
        classes: vec!["cat".to_owned(), "a \"b\"\n</script>".to_owned()],
        data_hash: md5_hex(&[b"data"]),
        started_from: None,
    };
    let network = config
        .network(card.image_shape, card.classes.len())
        .unwrap();
    let likelihood = config.likelihood.kind().parameters().into_iter();
    let likelihood = likelihood.map(|parameter| parameter.below("likelihood"));
    let tensors = network.parameters().into_iter().chain(likelihood);
    let tensors = tensors.map(|parameter| NamedTensor {
        values: (0..parameter.count()).map(|i| i as f32).collect(),
        name: parameter.name,
        shape: parameter.shape,
    });
    let tensors = tensors.collect();
    let file = ModelFile {
        config,
        card,
        tensors,
    };
    ExportedModel::new("test-1", "digits", file, None).unwrap()
}

const CONDITIONAL: &str = r#"
[data.digits]
[model.conv]
latent = 3
encoder = [
    { conv = 4, stride = 2, activation = "elu" },
    { norm = 2, activation = "silu" },
    { residual = 6, activation = "gelu" },
    { pool = 2 },
    { dense = 5, activation = "softplus" },
]
decoder = [
    { dense = 36, shape = [4, 3, 3] },
    { upsample = 2, size = [6, 5] },
    { transposed = 1, kernel = 3, stride = 2 },
]
[condition]
encoder = true
[likelihood.discretised-logistic]
components = 2
[objective.elbo]
[optimizer.adam]
[train]
epochs = 1
"#;

const PLAIN: &str = r#"
[data.digits]
[model.mlp]
latent = 3
hidden = [7]
[likelihood.continuous-bernoulli]
[objective.autoencoder]
[optimizer.adam]
[train]
epochs = 1
"#;

fn named(values: &[ValueInfoProto]) -> Vec<&str> {
    values.iter().map(|value| value.name.as_str()).collect()
}

#[test]
fn every_value_is_made_once_and_before_it_is_read() {
    for config in [CONDITIONAL, PLAIN] {
        let model = exported(config);
        for file in files(&model, None).unwrap() {
            if file.name == "use.py" {
                continue;
            }
            let message = ModelProto::decode(&file.bytes[..]).unwrap();
            assert_eq!(message.opset_import[0].version, OPERATORS);
            let graph = message.graph.unwrap();
            let mut known: HashSet<String> =
                named(&graph.input).into_iter().map(str::to_owned).collect();
            for tensor in &graph.initializer {
                let count: i64 = tensor.dims.iter().product();
                let size = if tensor.data_type == FLOAT { 4 } else { 8 };
                assert_eq!(
                    tensor.raw_data.len() as i64,
                    size * count,
                    "{}",
                    tensor.name
                );
                assert!(known.insert(tensor.name.clone()), "{}", tensor.name);
            }
            for node in &graph.node {
                let mut read = node.input.iter().filter(|name| !name.is_empty());
                assert!(read.all(|name| known.contains(name)), "{node:?}");
                for name in &node.output {
                    assert!(known.insert(name.clone()), "{name} is made twice");
                }
            }
            assert!(
                named(&graph.output)
                    .iter()
                    .all(|name| known.contains(*name))
            );
        }
    }
}

#[test]
fn the_graphs_have_the_inputs_and_outputs_of_the_model() {
    let signature = |graph: &GraphProto| {
        [named(&graph.input), named(&graph.output)].map(|names| names.join(" "))
    };
    let conditional = exported(CONDITIONAL);
    let found = [
        encoder(&conditional).unwrap(),
        decoder(&conditional).unwrap(),
        score(&conditional).unwrap(),
    ];
    assert_eq!(
        found.each_ref().map(signature),
        [
            ["image label", "mean log_var"],
            ["z label", "image"],
            ["image label", "score map"],
        ]
    );
    // Every weight is there, by its own name.
    for tensor in &conditional.file.tensors {
        let mut all = found.iter().flat_map(|graph| &graph.initializer);
        assert!(
            all.any(|known| known.name == tensor.name),
            "{}",
            tensor.name
        );
    }
    let plain = exported(PLAIN);
    assert_eq!(signature(&encoder(&plain).unwrap()), ["image", "mean"]);
    assert_eq!(signature(&decoder(&plain).unwrap()), ["z", "image"]);
}

#[test]
fn the_metadata_names_the_classes_and_sorts_the_calibration_scores() {
    let all = metadata::metadata(&exported(CONDITIONAL), Some(&[1.0, 3.0, 2.0])).unwrap();
    let value = |key: &str| {
        let found = all.iter().find(|entry| entry.key == key).unwrap();
        serde_json::from_str::<serde_json::Value>(&found.value).unwrap()
    };
    assert_eq!(value("classes")[1], "a \"b\"\n</script>");
    assert_eq!(
        value("calibration")["scores"],
        serde_json::json!([3.0, 2.0, 1.0])
    );
    assert_eq!(value("image")["shape"], serde_json::json!([1, 12, 10]));
}

#[test]
fn a_file_above_the_limit_of_protocol_buffers_is_refused() {
    let message = ModelProto {
        graph: Some(encoder(&exported(PLAIN)).unwrap()),
        ..ModelProto::default()
    };
    assert!(bytes("encoder.onnx", &message, MOST_BYTES).is_ok());
    let error = bytes("encoder.onnx", &message, 10).unwrap_err();
    assert_eq!(error.code(), 2);
    assert!(error.hint().unwrap().contains("huggingface"), "{error}");
}

#[test]
fn a_model_without_a_tensor_of_its_network_is_refused() {
    let mut model = exported(PLAIN);
    model.file.tensors.clear();
    assert!(encoder(&model).is_err());
}
