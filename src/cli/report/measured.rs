//! The numbers of a page: measured on the test images, or those at the end of the training if there are no images.

use crate::cli::eval::elbo;
use crate::cli::loaded_model::LoadedModel;
use crate::data::{Dataset, Part};
use crate::error::Result;
use crate::eval::{Estimate, bits};
use crate::report::evaluation::Evaluation;
use crate::report::page::Headline;
use crate::run::Record;

/// The unit of an ELBO and its terms.
pub const NATS: &str = "nats per image";

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
