//! The metadata of an ONNX file: all that a program needs to give the model its input and to read its output.

use serde_json::json;

use super::message::StringStringEntryProto;
use crate::error::{Error, Result};
use crate::export::exported_model::ExportedModel;

/// Returns the keys and values. Values that are not plain text are JSON.
pub fn metadata(
    model: &ExportedModel,
    calibration: Option<&[f64]>,
) -> Result<Vec<StringStringEntryProto>> {
    let mut all = Vec::new();
    let mut add = |key: &str, value: String| {
        all.push(StringStringEntryProto {
            key: key.to_owned(),
            value,
        });
    };
    add("name", model.name.clone());
    add("vae_version", env!("CARGO_PKG_VERSION").to_owned());
    add("config", model.file.config.to_toml()?);
    add("data", model.data.clone());
    add("data_hash", model.file.card.data_hash.clone());
    add("image", model.image_settings().to_string());
    add("classes", json!(model.file.card.classes).to_string());
    let prior = &model.network.prior;
    add(
        "prior",
        if model.is_variational() {
            prior.tag().to_owned()
        } else {
            "none".to_owned()
        },
    );
    if let Some(elbo) = &model.elbo {
        add("elbo", serde_json::to_string(elbo).map_err(Error::failed)?);
    }
    if let Some(scores) = calibration {
        add("calibration", calibrating(scores).to_string());
    }
    Ok(all)
}

/// Returns how a score becomes a p-value.
fn calibrating(scores: &[f64]) -> serde_json::Value {
    let mut scores = scores.to_vec();
    scores.sort_by(|a, b| b.total_cmp(a));
    json!({
        "score": "error",
        "p": "(1 + the number of these scores that are at least the image's) / (1 + the number of these scores)",
        "scores": scores,
    })
}
