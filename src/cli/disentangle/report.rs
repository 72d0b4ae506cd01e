//! What `vae disentangle` found, as a table and as JSON.

use std::path::Path;

use serde_json::{Value, json};

use super::super::eval::Split;
use super::super::loaded_model::LoadedModel;
use super::{Disentangle, NEIGHBOURS, Probes};
use crate::data::Factor;
use crate::eval::disentanglement::{Mig, Scores};
use crate::eval::largest_first;

/// A measure of latents against factors.
struct Measure {
    key: &'static str,
    name: &'static str,
    of: fn(&Scores) -> Option<f64>,
    /// What it is in a few words.
    about: &'static str,
}

const MEASURES: [Measure; 7] = [
    Measure {
        key: "mig",
        name: "MIG",
        of: |scores| scores.mig.as_ref().map(|mig| mig.score),
        about: "what the best latent tells of a factor beyond what the next one does",
    },
    Measure {
        key: "factor_vae",
        name: "FactorVAE score",
        of: |scores| scores.factor_vae,
        about: "a factor held fixed, found by the latent that varies least",
    },
    Measure {
        key: "beta_vae",
        name: "beta-VAE score",
        of: |scores| scores.beta_vae,
        about: "a factor that pairs share, found by how far their latents differ",
    },
    Measure {
        key: "dci_disentanglement",
        name: "DCI disentanglement",
        of: |scores| scores.dci.as_ref()?.disentanglement,
        about: "each latent matters for one factor",
    },
    Measure {
        key: "dci_completeness",
        name: "DCI completeness",
        of: |scores| scores.dci.as_ref()?.completeness,
        about: "for each factor one latent matters",
    },
    Measure {
        key: "dci_informativeness",
        name: "DCI informativeness",
        of: |scores| scores.dci.as_ref().map(|dci| dci.informativeness),
        about: "factors that boosted trees read off the latent",
    },
    Measure {
        key: "sap",
        name: "SAP",
        of: |scores| scores.sap,
        about: "how much better the best latent alone predicts a factor than the next one",
    },
];

pub struct Report<'a> {
    pub request: &'a Disentangle,
    pub opened: &'a LoadedModel,
    pub data: &'a str,
    pub hash: &'a str,
    pub model_hash: &'a str,
    /// Those used, and all of the split.
    pub images: [usize; 2],
    pub seed: u64,
    /// All that are known.
    pub factors: &'a [Factor],
    /// Those with more than one value.
    pub varying: &'a [Factor],
    pub scores: Scores,
    /// With the factors of other images.
    pub chance: Scores,
    pub probes: Option<Probes>,
}

impl Report<'_> {
    pub fn text(&self) -> String {
        let number =
            |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
        let row = |name: &str, value: Option<f64>, chance: Option<f64>, about: &str| {
            format!(
                "{name:<20} {:>6} {:>7}  {about}\n",
                number(value),
                number(chance)
            )
        };
        let mut text = format!("{:<20} {:>6} {:>7}\n", "", "value", "chance");
        for Measure {
            name, of, about, ..
        } in MEASURES.iter().filter(|_| !self.varying.is_empty())
        {
            text += &row(name, of(&self.scores), of(&self.chance), about);
        }
        let mut probed = String::new();
        if let Some(Probes {
            linear,
            nearest,
            chance,
            images: [fitted, measured],
        }) = self.probes
        {
            let chance = Some(chance);
            text += &row(
                "linear probe",
                Some(linear),
                chance,
                "labels that logistic regression reads off the latent",
            );
            let name = format!("{NEIGHBOURS} neighbours");
            text += &row(
                &name,
                Some(nearest),
                chance,
                "labels that most of the nearest training latents have",
            );
            probed =
                format!(", probes fitted to {fitted} training images and measured on {measured}");
        }
        if let Some(mig) = &self.scores.mig {
            text += &format!("\n{}\n", self.factor_table(mig));
        }
        let source = self
            .source()
            .map(|source| format!(", factors of {source}"))
            .unwrap_or_default();
        let [used, all] = self.images;
        text += &format!(
            "protocol: {} {}, the first {used} of {all} images{source}{probed}, seed {}, vae {}\n",
            self.data,
            self.request.split.name(),
            self.seed,
            env!("CARGO_PKG_VERSION"),
        );
        text += &format!("data {}, model {}\n", self.hash, self.model_hash);
        text += "chance: the same latents with the factors of other images; for labels, the most frequent one";
        self.notes()
            .iter()
            .for_each(|note| text += &format!("\n{note}"));
        text
    }

    /// A line for each factor: the two latents that tell most of it.
    fn factor_table(&self, mig: &Mig) -> String {
        let widths = self
            .varying
            .iter()
            .map(|factor| factor.name.chars().count());
        let width = widths.fold("factor".len(), usize::max);
        let mut text = format!(
            "{:<width$} {:>6} {:>7}  best latent  next latent\n",
            "factor", "values", "entropy"
        );
        for ((factor, values), entropy) in self
            .varying
            .iter()
            .zip(&mig.information)
            .zip(&mig.entropies)
        {
            let order = largest_first(values);
            let told = |rank: usize| {
                let of = |&latent: &usize| {
                    format!(
                        "z{latent} {:.0} %",
                        100.0 * values[latent].max(0.0) / entropy
                    )
                };
                order.get(rank).map_or("–".to_owned(), of)
            };
            let (best, next) = (told(0), told(1));
            text += &format!(
                "{:<width$} {:>6} {entropy:>7.2}  {best:<11}  {next}\n",
                factor.name,
                factor.occurring()
            );
        }
        text
    }

    pub fn json(&self) -> Value {
        let probe = |of: fn(&Probes) -> f64| self.probes.as_ref().map(of);
        let mut report = json!({
            "linear_probe": probe(|probes| probes.linear), "linear_probe_chance": probe(|probes| probes.chance),
            "nearest_neighbours": probe(|probes| probes.nearest),
            "nearest_neighbours_chance": probe(|probes| probes.chance), "neighbours": NEIGHBOURS,
            "probe_fitted_to": self.probes.as_ref().map(|probes| probes.images[0]),
            "probe_measured_on": self.probes.as_ref().map(|probes| probes.images[1]),
            "factors": (0..self.varying.len()).map(|f| self.factor_json(f)).collect::<Vec<_>>(),
            "factors_of": self.source(), "notes": self.notes(),
            "data": self.data, "data_hash": self.hash, "split": self.request.split.name(),
            "images": self.images[0], "seed": self.seed,
            "model": self.opened.path, "model_hash": self.model_hash, "device": self.opened.chosen.name,
            "program_version": env!("CARGO_PKG_VERSION"),
        });
        for Measure { key, of, .. } in &MEASURES {
            report[*key] = of(&self.scores).into();
            report[format!("{key}_chance")] = of(&self.chance).into();
        }
        report
    }

    /// What each latent tells of a factor, as shares of its entropy, and matters for it.
    fn factor_json(&self, f: usize) -> Value {
        let factor = &self.varying[f];
        let share = |mig: &Mig| -> Vec<f64> {
            mig.information[f]
                .iter()
                .map(|told| told / mig.entropies[f])
                .collect()
        };
        json!({
            "name": factor.name, "values": factor.occurring(), "classes": factor.nominal, "entropy": factor.entropy(),
            "information": self.scores.mig.as_ref().map(share),
            "importance": self.scores.dci.as_ref().map(|dci| &dci.importance[f]),
        })
    }

    /// Where the factors come from.
    fn source(&self) -> Option<String> {
        let file = self.request.factors.as_deref().map(Path::display);
        (!self.factors.is_empty())
            .then(|| file.map_or("the data set".to_owned(), |path| path.to_string()))
    }

    /// What was left out, and why.
    fn notes(&self) -> Vec<String> {
        let varies = |factor: &&Factor| self.varying.iter().any(|other| other.name == factor.name);
        let names = self
            .factors
            .iter()
            .filter(|factor| !varies(factor))
            .map(|factor| factor.name.as_str());
        let constant = names.collect::<Vec<_>>().join(", ");
        let some = !self.varying.is_empty();
        let config = &self.opened.config;
        let notes = [
            (!constant.is_empty(), format!("left out, for all images have the same value: {constant}")),
            (
                self.factors.is_empty(),
                "no disentanglement: the factors of these images are not known; `--factors` gives them".into(),
            ),
            (
                some && self.scores.mig.is_none(),
                "no MIG: an autoencoder's latents are points, and have no density".into(),
            ),
            (
                self.varying.len() == 1,
                "one factor cannot be confused with another: no FactorVAE, beta-VAE and DCI disentanglement".into(),
            ),
            (
                some && self.opened.vae.network().latent == 1,
                "one latent has no next one: MIG and SAP are all that it tells, and there is no DCI completeness"
                    .into(),
            ),
            (
                self.request.split == Split::Test && config.data.kind().trains_on_test(),
                "not a test: these images were trained on, and the probes were fitted to them".into(),
            ),
            (config.condition.is_some(), "the model is told the class: its latents need not hold it".into()),
        ];
        notes
            .into_iter()
            .filter(|(applies, _)| *applies)
            .map(|(_, note)| note)
            .collect()
    }
}
