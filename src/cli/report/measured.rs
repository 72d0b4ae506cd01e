//! The numbers of a page: measured on the test images, or those at the end of the training if there are no images.

use std::fs;

use serde_json::Value;

use crate::cli::eval::elbo;
use crate::cli::loaded_model::LoadedModel;
use crate::data::{Dataset, Part};
use crate::error::Result;
use crate::eval::{Estimate, bits};
use crate::report::evaluation::Evaluation;
use crate::report::page::Headline;
use crate::report::{Cell, Report};
use crate::run::Record;

/// The unit of an ELBO and its terms.
const NATS: &str = "nats per image";

/// Measures all test images as `vae eval` does.
///
/// # Errors
/// Returns an error if an image cannot be read, or if the result is not finite.
pub fn measured(model: &LoadedModel, dataset: &Dataset) -> Result<Evaluation> {
    let images = Part::from(&dataset.test);
    let protocol = model.protocol(1, None);
    Ok(Evaluation {
        provenance: model.provenance("test", &images, protocol.seed)?,
        protocol,
        elbo: elbo(model, &images, protocol)?,
        values: dataset.test.values(),
        sigma: model.vae.sigma(),
        bounds: Vec::new(),
        importance_seconds: None,
        squared_errors: None,
        sample_figures: None,
    })
}

/// Returns the last record of the test images.
pub fn last_test_record(records: &[Record]) -> Option<&Record> {
    records.iter().rfind(|record| record.split == "test")
}

/// Returns the numbers of the page's head. There are none if nothing is known.
pub fn headline(evaluation: Option<&Evaluation>, last: Option<&Record>) -> Vec<Headline> {
    let exactly = |mean: f64| Estimate { mean, se: None };
    let (elbo, reconstruction, kl) = match (evaluation, last) {
        (Some(found), _) => (
            found.elbo.elbo(),
            Some(found.elbo.reconstruction()),
            found.elbo.kl(),
        ),
        (None, Some(record)) => (
            record.elbo.map(|mean| Estimate {
                mean,
                se: record.elbo_se,
            }),
            Some(exactly(record.reconstruction)),
            record.kl.map(exactly),
        ),
        (None, None) => (None, None, None),
    };
    let per_dimension = evaluation.and_then(|found| Some(bits(found.elbo.elbo()?, found.values)));
    let numbers = [
        ("ELBO", elbo, 2, NATS),
        ("Reconstruction", reconstruction, 2, NATS),
        ("KL", kl, 2, NATS),
        ("Bits per dimension", per_dimension, 4, ""),
    ];
    let numbers = numbers
        .into_iter()
        .filter_map(|(title, number, digits, unit)| {
            let number = number?;
            let error = number.se.map(|_| number.plus_minus(digits));
            Some(Headline {
                title: title.to_owned(),
                number: format!("{:.digits$}", number.mean).replace('-', "\u{2212}"),
                error: error.unwrap_or_default(),
                unit: unit.to_owned(),
            })
        });
    numbers.collect()
}

/// Returns the estimate of log p(x) that `vae eval` kept in the run's folder, if it is of this model.
pub fn kept_log_px(model: &LoadedModel) -> Option<Report> {
    let path = model.run_folder()?.report();
    let kept: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    if kept["model_hash"] != model.hash.as_str() || kept["split"] != "test" {
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
        let remark = format!(
            "{NATS}, from K = {samples} importance samples; `vae eval` measured {images} test images"
        );
        report.row(key, title, Cell::estimate(value, 2), remark);
        return Some(report);
    }
    None
}
