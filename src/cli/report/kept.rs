//! The numbers that an earlier `vae eval` kept in the run's folder.

use std::fs;

use serde_json::Value;

use super::measured::NATS;
use crate::cli::loaded_model::LoadedModel;
use crate::eval::Estimate;
use crate::report::{Cell, Report};

/// Returns the estimate of log p(x) that `vae eval` kept in the run's folder, if it is of this model.
pub fn kept_log_px(model: &LoadedModel) -> Option<Report> {
    let path = model.run_folder()?.report();
    let kept: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    if kept["model_hash"] != model.hash.as_str()
        || kept["split"] != "test"
        || kept["other_data"] == true
    {
        return None;
    }
    let mut report = Report::new();
    for (key, title) in [("log_px", "log p(x)"), ("iw_bound", "IW bound")] {
        let Some(mean) = kept[key].as_f64() else {
            continue;
        };
        let se = kept[format!("{key}_se")].as_f64();
        let value = Some(Estimate { mean, se });
        let (samples, images) = (&kept["importance_samples"], &kept["images"]);
        let images = match &kept["images_in_split"] {
            Value::Number(all) => format!("{images} of {all}"),
            _ => images.to_string(),
        };
        let remark = format!(
            "{NATS}, from K = {samples} importance samples; `vae eval` measured {images} test images"
        );
        report.row(key, title, Cell::estimate(value, 2), remark);
        return Some(report);
    }
    None
}
