//! What `vae doctor` found, as text and as JSON.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::loaded_model::LoadedModel;
use super::advice::advice;
use crate::eval::{
    ACTIVE, Decomposition, Diagnostics, Estimate, Finding, Latent, LayerUnits, MORE_THAN,
};
use crate::model::Activation;
use crate::objective::NO_ELBO;
use crate::run::Record;

/// Rows of the table; the JSON has all.
const ROWS: usize = 32;

/// Why most of this says nothing of an autoencoder.
const NO_POSTERIOR: &str = "KL, mutual information and the prior are not looked at";

pub struct Report<'a> {
    pub opened: &'a LoadedModel,
    pub health: Diagnostics,
    pub findings: Vec<Finding>,
    /// Nothing for an autoencoder.
    pub terms: Option<Decomposition>,
    pub units: Vec<LayerUnits>,
    /// The training's own records.
    pub training: Vec<Record>,
    pub image: PathBuf,
    pub data: &'a str,
    pub hash: &'a str,
    pub model_hash: &'a str,
    pub seed: u64,
}

/// In a word or a few.
pub fn verdict(findings: &[Finding]) -> String {
    let names: Vec<&str> = findings.iter().map(|finding| finding.name()).collect();
    if names.is_empty() {
        "healthy".into()
    } else {
        names.join(", ")
    }
}

/// The numbers that a verdict follows from, on a line.
pub fn summary(health: &Diagnostics) -> String {
    let (active, latent_count) = (health.active(), health.latents.len());
    let difference = health.shuffled.difference.mean;
    match health.kl {
        Some(kl) => format!(
            "{active} of {latent_count} latents active, KL {:.2} nats, another image's latent costs {difference:.2} nats",
            kl.mean
        ),
        None => format!(
            "{active} of {latent_count} latents vary, another image's latent costs {difference:.2} nats"
        ),
    }
}

/// Why, in numbers.
fn reason(finding: Finding, health: &Diagnostics) -> String {
    let (active, latent_count) = (health.active(), health.latents.len());
    let kl = health.kl.map_or(0.0, |kl| kl.mean);
    let difference = health.shuffled.difference;
    match finding {
        Finding::Collapsed if health.kl.is_none() => {
            "the latent is the same for every image".into()
        }
        Finding::Collapsed => {
            format!(
                "the latent says nothing of the image: {active} of {latent_count} latents are active, the KL is {kl:.3} nats"
            )
        }
        Finding::IgnoresCode => format!(
            "the decoder does not listen: with another image's latent the reconstruction is {:.3} ± {:.3} nats more{}",
            difference.mean,
            difference.se,
            health
                .kl
                .map(|kl| format!(", at a KL of {:.2}", kl.mean))
                .unwrap_or_default()
        ),
        Finding::UnderRegularised { latent: d } => {
            let latent = health.latents[d];
            format!(
                "the images' latents and the prior's draws lie apart: z{d} has mean {:.2} and variance {:.2}, where the prior has 0 and 1",
                latent.mean,
                latent.variance()
            )
        }
        Finding::PartlyCollapsed => {
            format!(
                "{active} of {latent_count} latents carry the whole latent; the others say nothing of the image"
            )
        }
    }
}

impl Report<'_> {
    pub fn text(&self) -> String {
        let health = &self.health;
        let mut text = self.table();
        let row = |name: &str, value: Estimate, more: &str| {
            format!(
                "{name:<20} {:>9.2} ± {:.2} nats{more}\n",
                value.mean, value.se
            )
        };
        text += &format!(
            "{:<20} {:>9} of {}",
            "active latents",
            health.active(),
            health.latents.len()
        );
        text += &match health.kl {
            Some(_) => format!(" (the posterior's mean varies by more than {ACTIVE})\n"),
            None => " (vary)\n".to_owned(),
        };
        text += &health.kl.map(|kl| row("KL", kl, "")).unwrap_or_default();
        if let Some(terms) = &self.terms {
            let most = (health.images as f64).ln();
            let most = format!("of {} images at most {most:.2}", health.images);
            let (information, correlation) = if terms.is_saturated(health.images) {
                (
                    format!(" ({most}: there may be more)"),
                    " (with what mutual information may have more: look at neither alone)",
                )
            } else {
                (format!(" ({most})"), "")
            };
            text += &row("mutual information", terms.mutual_information, &information);
            text += &row("total correlation", terms.total_correlation, correlation);
            text += &row(
                "latents to prior",
                terms.dimension_wise,
                " (dimension-wise KL)",
            );
        }
        text += &row("reconstruction", health.shuffled.reconstruction, "");
        text += &row("with others' latents", health.shuffled.difference, " more");
        text += &self.saturated();
        text += &self.gradients();
        text += &format!(
            "protocol: first {} test images of {}, {} pixels, seed {}; ± is the standard error over images\n",
            health.images,
            self.data,
            self.opened.config.data.kind().pixels().name(),
            self.seed,
        );
        text += &format!("data {}, model {}\n", self.hash, self.model_hash);
        if health.kl.is_none() {
            text += &format!("{NO_ELBO}; {NO_POSTERIOR}\n");
        }
        text += &format!("verdict: {}", verdict(&self.findings));
        for finding in &self.findings {
            let advice = advice(*finding, health, &self.opened.config);
            text += &format!(
                "\n  {}: {}; {advice}",
                finding.name(),
                reason(*finding, health)
            );
        }
        text
    }

    /// A row for each latent, those that carry most first.
    fn table(&self) -> String {
        let health = &self.health;
        let order = health.order();
        let largest = health.largest_variance();
        let has_kl = health.kl.is_some();
        let mut text = if has_kl {
            format!(
                "{:<8} {:>8} {:>8} {:>8} {:>8} {:>8}  active\n",
                "latent", "KL", "var mean", "mean var", "mean", "variance"
            )
        } else {
            format!(
                "{:<8} {:>10} {:>10}  varies\n",
                "latent", "mean", "variance"
            )
        };
        for &d in order.iter().take(ROWS) {
            let latent = &health.latents[d];
            let active = if latent.is_active(largest) {
                "yes"
            } else {
                "no"
            };
            let name = format!("z{d}");
            text += &match latent.kl {
                Some(kl) => format!(
                    "{name:<8} {kl:>8.3} {:>8.3} {:>8.3} {:>8.2} {:>8.2}  {active}\n",
                    latent.variance_of_mean,
                    latent.mean_variance,
                    latent.mean,
                    latent.variance(),
                ),
                None => format!(
                    "{name:<8} {:>10.3} {:>10.3}  {active}\n",
                    latent.mean, latent.variance_of_mean
                ),
            };
        }
        if order.len() > ROWS {
            text += &format!(
                "and {} that carry less: `--json` has all\n",
                order.len() - ROWS
            );
        }
        text
    }

    fn saturated(&self) -> String {
        if self.units.is_empty() {
            return String::new();
        }
        let stuck = |units: &LayerUnits| {
            if units.activation == Activation::Tanh {
                " at an end"
            } else {
                ""
            }
        };
        let of_layer = |units: &LayerUnits| {
            format!(
                "{} {} of {}{}",
                units.layer,
                units.saturated,
                units.units,
                stuck(units)
            )
        };
        let layers: Vec<String> = self.units.iter().map(of_layer).collect();
        let is_tanh = self
            .units
            .iter()
            .any(|units| units.activation == Activation::Tanh);
        let what = if is_tanh {
            format!(
                "0 for every image, or at an end for over {:.0} % of values",
                100.0 * MORE_THAN
            )
        } else {
            "0 for every image".to_owned()
        };
        format!("{:<20} {} ({what})\n", "saturated units", layers.join(", "))
    }

    /// Programs of old did not record them.
    fn with_norms(&self) -> impl Iterator<Item = &Record> {
        self.training
            .iter()
            .filter(|record| !record.gradient_norms.is_empty())
    }

    /// The layers' gradient norms in the first epoch and in the last.
    fn gradients(&self) -> String {
        let (Some(first), Some(last)) = (self.with_norms().next(), self.with_norms().last()) else {
            return String::new();
        };
        let layers = self.opened.vae.network().layers().filter_map(|(name, _)| {
            let [from, to] = [first, last].map(|record| record.gradient_norms.get(&name));
            Some(format!("{name} {:.3} to {:.3}", from?, to?))
        });
        format!(
            "{:<20} {} (epoch {} to {})\n",
            "gradient norms",
            layers.collect::<Vec<_>>().join(", "),
            first.epoch,
            last.epoch
        )
    }

    pub fn json(&self) -> String {
        let health = &self.health;
        let largest = health.largest_variance();
        let estimate = |value: Option<Estimate>| {
            value.map(|value| json!({ "mean": value.mean, "se": value.se }))
        };
        let terms = self.terms.as_ref();
        let latent = |(d, latent): (usize, &Latent)| -> Value {
            json!({
                "active": latent.is_active(largest), "kl": latent.kl,
                "variance_of_mean": latent.variance_of_mean,
                "mean_variance": latent.kl.is_some().then_some(latent.mean_variance),
                "aggregate_mean": latent.mean, "aggregate_variance": latent.variance(),
                "dimension_wise_kl": terms.map(|terms| terms.by_latent[d]),
            })
        };
        let finding = |finding: &Finding| -> Value {
            json!({
                "name": finding.name(), "reason": reason(*finding, health),
                "advice": advice(*finding, health, &self.opened.config),
            })
        };
        let units = |units: &LayerUnits| -> Value {
            json!({ "layer": units.layer, "units": units.units, "saturated": units.saturated })
        };
        let gradients = |record: &Record| -> Value {
            json!({ "epoch": record.epoch, "norms": record.gradient_norms })
        };
        json!({
            "verdict": verdict(&self.findings),
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "active": health.active(),
            "latents": health.latents.iter().enumerate().map(latent).collect::<Vec<_>>(),
            "kl": estimate(health.kl),
            "mutual_information": estimate(terms.map(|terms| terms.mutual_information)),
            "mutual_information_at_most": terms.map(|_| (health.images as f64).ln()),
            "mutual_information_is_saturated": terms.map(|terms| terms.is_saturated(health.images)),
            "total_correlation": estimate(terms.map(|terms| terms.total_correlation)),
            "dimension_wise_kl": estimate(terms.map(|terms| terms.dimension_wise)),
            "sampled_kl": estimate(terms.map(|terms| terms.kl)),
            "reconstruction": estimate(Some(health.shuffled.reconstruction)),
            "shuffled_latents_add": estimate(Some(health.shuffled.difference)),
            "saturated_units": self.units.iter().map(units).collect::<Vec<_>>(),
            "gradient_norms": self.with_norms().map(gradients).collect::<Vec<_>>(),
            "unit": "nats per image",
            "data": self.data, "data_hash": self.hash, "split": "test", "images": health.images,
            "pixels": self.opened.config.data.kind().pixels().name(), "seed": self.seed,
            "image": self.image, "model": self.opened.path, "model_hash": self.model_hash, "device": self.opened.chosen.name,
            "program_version": env!("CARGO_PKG_VERSION"),
        })
        .to_string()
    }
}
