//! The sections of a page below the explorer.

use std::fs;
use std::path::Path;

use super::kept::kept_log_px;
use super::sheet::reconstruction_sheet;
use crate::cli::diagnosing::{diagnose, enough, with_bars};
use crate::cli::loaded_model::LoadedModel;
use crate::cli::sample_sheet::{Classes, sample_sheet};
use crate::cli::train::curves::{X_LABEL, panels};
use crate::data::{Choice, Dataset};
use crate::error::Result;
use crate::eval::LatentSampler;
use crate::figure::chart::Chart;
use crate::figure::curves::Curves;
use crate::figure::encode_png;
use crate::report::diagnosis::verdict;
use crate::report::evaluation::Evaluation;
use crate::report::page::{PagePart, PageSection};
use crate::run::Record;
use crate::ui;

/// The number of test images that are diagnosed: as many as `vae doctor` looks at.
const DIAGNOSED: usize = 2000;

/// The figures of `vae anomalies` in a run's folder, with their captions.
const ANOMALY_FIGURES: &[(&str, &str)] = &[
    (
        "anomaly-scores.png",
        "The scores of normal and abnormal images.",
    ),
    (
        "anomaly-roc.png",
        "The share of abnormal images that are found, against the share of false alarms.",
    ),
    (
        "anomaly-worst.png",
        "The abnormal images with the lowest scores, and the normal ones with the highest, with maps of where they are strange.",
    ),
];

/// Returns all sections that this run has something for.
///
/// # Errors
/// Returns an error if an image cannot be read, or if a number is not finite.
pub fn all(
    model: &LoadedModel,
    dataset: Option<&Dataset>,
    evaluation: Option<&Evaluation>,
    records: Vec<Record>,
) -> Result<Vec<PageSection>> {
    let training = training(&records)?;
    let sections = [
        images(model, dataset)?,
        latents(model, dataset, records)?,
        evaluation.map(|evaluation| numbers(model, evaluation)),
        anomalies(model),
        training,
        Some(config(model)?),
    ];
    Ok(sections.into_iter().flatten().collect())
}

/// Returns samples from the prior, and test images above their reconstructions.
fn images(model: &LoadedModel, dataset: Option<&Dataset>) -> Result<Option<PageSection>> {
    let is_sampled = model.config.is_variational();
    let title = match (is_sampled, dataset) {
        (true, Some(_)) => "Samples and reconstructions",
        (true, None) => "Samples",
        (false, _) => "Reconstructions",
    };
    let mut section = PageSection::new("images", title);
    if is_sampled {
        let classes = Classes::every(&model.vae, &model.card.classes);
        let count = classes.usual_count();
        let from = LatentSampler::Prior { temperature: 1.0 };
        let sheet = ui::working("sampling", || {
            sample_sheet(&model.vae, from, model.config.seed, count, classes)
        })?;
        let rows = match classes {
            Classes::Each(_) => " A row is a class, and a column has the same latent in each row.",
            _ => "",
        };
        section.push(PagePart::Image {
            png: encode_png(&sheet)?,
            about: format!("A sheet of {} decoded samples", count * classes.rows()),
            caption: format!(
                "Samples that nobody chose: the decoder's means for latents drawn from the prior.{rows}"
            ),
        });
    } else {
        section.push(PagePart::Text(
            "No samples: an autoencoder has no prior to draw latents from.".to_owned(),
        ));
    }
    if let Some(dataset) = dataset {
        let (sheet, count) = reconstruction_sheet(model, dataset)?;
        section.push(PagePart::Image {
            png: encode_png(&sheet)?,
            about: format!("{count} test images, each above its reconstruction"),
            caption: "Random test images, each above its reconstruction from the posterior mean."
                .to_owned(),
        });
    }
    Ok((is_sampled || dataset.is_some()).then_some(section))
}

/// Returns the verdict on the latents, with its numbers.
fn latents(
    model: &LoadedModel,
    dataset: Option<&Dataset>,
    records: Vec<Record>,
) -> Result<Option<PageSection>> {
    let Some(dataset) = dataset else {
        return Ok(None);
    };
    let mut section = PageSection::new("latents", "Health of the latents");
    if !model.config.prior.is_normal() {
        section.push(PagePart::Text(format!(
            "No diagnosis: `vae doctor` compares latents with N(0, I), and the prior of this model is `{}`.",
            model.config.prior.tag()
        )));
        return Ok(Some(section));
    }
    let Ok(images) = enough(&dataset.test, Choice::AtRandom(DIAGNOSED)) else {
        section.push(PagePart::Text(
            "No diagnosis: it needs at least 2 test images.".to_owned(),
        ));
        return Ok(Some(section));
    };
    let diagnosis = diagnose(model, &images, records, None)?;
    let health = &diagnosis.health;
    section.push(PagePart::Finding(format!(
        "Verdict: {}",
        verdict(&diagnosis.findings)
    )));
    for finding in diagnosis.findings_in_words() {
        section.push(PagePart::Text(finding));
    }
    let (active, all) = (health.active(), health.latents.len());
    let bars = with_bars(health, &dataset.name, |chart| chart.svg())?;
    let about =
        format!("Bars of the KL and the variances of each latent; {active} of {all} are active");
    section.push(PagePart::Charts(vec![(about, bars)]));
    section.push(PagePart::MoreNumbers(
        "All numbers".to_owned(),
        diagnosis.numbers(),
    ));
    Ok(Some(section))
}

fn numbers(model: &LoadedModel, evaluation: &Evaluation) -> PageSection {
    let mut section = PageSection::new("evaluation", "Evaluation");
    section.push(PagePart::Numbers(evaluation.report()));
    match kept_log_px(model) {
        Some(kept) => section.push(PagePart::Numbers(kept)),
        None if evaluation.elbo.kl.is_some() => section.push(PagePart::Text(
            "There is no estimate of log p(x) for this model on the test images. To add one, run `vae eval RUN --importance-samples 1,50,5000`, and `vae report RUN` again."
                .to_owned(),
        )),
        None => {}
    }
    section
}

/// The first bytes of every PNG.
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Returns the figures of this model that `vae anomalies` left in the run's folder.
fn anomalies(model: &LoadedModel) -> Option<PageSection> {
    let mut section = PageSection::new("anomalies", "Anomalies");
    let modified = |path: &Path| fs::metadata(path).ok()?.modified().ok();
    for (name, caption) in ANOMALY_FIGURES {
        let path = model.folder.join(name);
        // A figure from before the last training is of another model.
        if modified(&path) >= modified(&model.path)
            && let Ok(png) = fs::read(path)
            && png.starts_with(PNG_SIGNATURE)
        {
            section.push(PagePart::Image {
                png,
                about: (*caption).to_owned(),
                caption: (*caption).to_owned(),
            });
        }
    }
    (!section.parts.is_empty()).then_some(section)
}

fn training(records: &[Record]) -> Result<Option<PageSection>> {
    let panels = panels(records);
    if panels.is_empty() {
        return Ok(None);
    }
    let charts = panels.into_iter().map(|panel| {
        let about = format!("Curve of the {} over the epochs", panel.title);
        let chart = Curves {
            panels: vec![panel],
            x_label: X_LABEL.to_owned(),
        };
        Ok((about, chart.svg()?))
    });
    let mut section = PageSection::new("training", "Training");
    section.push(PagePart::Charts(charts.collect::<Result<_>>()?));
    Ok(Some(section))
}

fn config(model: &LoadedModel) -> Result<PageSection> {
    let mut section = PageSection::new("config", "Config");
    section.push(PagePart::Listing(
        "Every value that this model was trained with".to_owned(),
        model.config.to_toml()?,
    ));
    Ok(section)
}
