//! The diagnosis of a model's latents, for `vae doctor` and for the page of `vae report`.

use super::data_arg::DataArg;
use super::loaded_model::{BROKEN_LATENTS, LoadedModel};
use crate::data::{Choice, Part, Split};
use crate::error::{Error, Result};
use crate::eval::{Diagnostics, LatentStatistics, decompose, judged, saturated_units};
use crate::figure::bars::{BarPanel, Bars, MOST_BARS};
use crate::model::layer_parameters;
use crate::report::diagnosis::{Diagnosis, course};
use crate::run::{Record, read_whole_records};
use crate::{files, ui};

/// Returns the chosen images.
///
/// # Errors
/// Returns an error if these are fewer than two images.
pub fn enough(images: &Split, choice: Choice) -> Result<Part<'_>> {
    let part = Part::new(images, choice);
    if part.len() >= 2 {
        return Ok(part);
    }
    Err(Error::request(format!(
        "{} test image: a latent is looked at over several, at least 2",
        part.len()
    ))
    .with_hint(if images.len() >= 2 {
        format!("pass a larger `{}`", choice.flag("--n"))
    } else {
        "train on data with more test images".into()
    }))
}

/// Returns the records of the run, or an empty list if its folder has none.
pub fn metrics(model: &LoadedModel) -> Result<Vec<Record>> {
    match model.run_folder().map(|folder| folder.metrics()) {
        Some(metrics) if files::is_there(&metrics)? && metrics.is_file() => {
            read_whole_records(&metrics)
        }
        _ => Ok(Vec::new()),
    }
}

/// Diagnoses the latents of test images, whose data is loaded. `records` are those of the run; `seed` overrides the run's.
///
/// # Errors
/// Returns an error if an image cannot be read, or if a latent is not finite.
pub fn diagnose(
    model: &LoadedModel,
    images: &Part,
    mut records: Vec<Record>,
    seed: Option<u64>,
) -> Result<Diagnosis> {
    let (dataset, _) = model.data(&DataArg::default())?;
    let protocol = model.protocol(1, seed);
    let bar = ui::image_bar("looking at", 2 * images.len());
    let examined = Diagnostics::of(&model.vae, images, protocol, &mut |seen| {
        bar.set_position(seen as u64)
    });
    bar.finish_and_clear();
    let (health, aggregate) = examined?;
    if !health.is_finite() {
        return Err(model.broken(BROKEN_LATENTS));
    }
    let layers = layer_parameters(&model.vae).into_iter();
    let layers = layers.map(|layer| layer.layer);
    let decomposition = protocol
        .latent_mode
        .is_sampled()
        .then(|| ui::working("splitting the KL into its terms", || decompose(&aggregate)));
    let units = ui::working("looking at the hidden units", || {
        saturated_units(&model.vae, images, &aggregate, protocol)
    })?;
    let course = course(&model.config, &records, dataset.train.len());
    records.retain(|record| record.split == "train");
    Ok(Diagnosis {
        provenance: model.provenance("test", images, protocol.seed)?,
        findings: judged(&health, &course, &units),
        course,
        decomposition,
        units,
        training: records,
        layers: layers.collect(),
        chart: None,
        health,
    })
}

/// Calls `work` with the chart of the latents: their KL and their variances, those that carry most first.
pub fn with_bars<T>(health: &Diagnostics, data: &str, work: impl FnOnce(&Bars) -> T) -> T {
    let order = health.order();
    let shown: Vec<_> = order
        .iter()
        .take(MOST_BARS)
        .map(|&index| (format!("z{index}"), health.latents[index]))
        .collect();
    let names: Vec<String> = shown.iter().map(|(name, _)| name.clone()).collect();
    let column = |of: &dyn Fn(&LatentStatistics) -> f64| {
        shown.iter().map(|(_, latent)| of(latent)).collect()
    };
    let kl: [Vec<f64>; 1] = [column(&|latent| latent.kl.unwrap_or(0.0))];
    let variances: [Vec<f64>; 2] = [
        column(&|latent| latent.variance_of_mean),
        column(&|latent| latent.mean_variance),
    ];
    let left_out = match order.len() - shown.len() {
        0 => String::new(),
        count => format!(", without {count} that carry less"),
    };
    let images = health.images;
    let title = format!("latents over {images} test images of {data}{left_out}");
    let of_kl = BarPanel {
        y_label: "KL, nats",
        parts: &kl,
        legend: &[],
        mark: None,
    };
    let of_variance = BarPanel {
        y_label: "variance",
        parts: &variances,
        legend: &["between images (of the mean)", "within one image (noise)"],
        mark: Some((1.0, "the prior's")),
    };
    let of_points = BarPanel {
        parts: &variances[..1],
        legend: &[],
        mark: None,
        ..of_variance
    };
    let panels = if health.kl.is_some() {
        vec![of_kl, of_variance]
    } else {
        vec![of_points]
    };
    work(&Bars {
        title: &title,
        names: &names,
        panels: &panels,
    })
}
