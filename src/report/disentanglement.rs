//! The report of `vae disentangle`: scores of disentanglement, each beside the score by chance, and the accuracy of
//! probes on the latents.

use serde_json::{Value, json};

use super::{Cell, Provenance, Report, Table};
use crate::data::Factor;
use crate::eval::disentanglement::{Mig, Scores};
use crate::eval::largest_first;

/// A score of latents against factors.
struct Score {
    key: &'static str,
    title: &'static str,
    value: fn(&Scores) -> Option<f64>,
    /// The definition in a few words.
    about: &'static str,
}

const SCORES: [Score; 7] = [
    Score {
        key: "mig",
        title: "MIG",
        value: |scores| scores.mig.as_ref().map(|mig| mig.score),
        about: "how much more the best latent tells about a factor than the next one does",
    },
    Score {
        key: "factor_vae",
        title: "FactorVAE score",
        value: |scores| scores.factor_vae,
        about: "how often the latent that varies least names the factor that is fixed",
    },
    Score {
        key: "beta_vae",
        title: "beta-VAE score",
        value: |scores| scores.beta_vae,
        about: "how often the distance of two latents names the factor that they share",
    },
    Score {
        key: "dci_disentanglement",
        title: "DCI disentanglement",
        value: |scores| scores.dci.as_ref()?.disentanglement,
        about: "whether each latent matters for one factor",
    },
    Score {
        key: "dci_completeness",
        title: "DCI completeness",
        value: |scores| scores.dci.as_ref()?.completeness,
        about: "whether one latent matters for each factor",
    },
    Score {
        key: "dci_informativeness",
        title: "DCI informativeness",
        value: |scores| scores.dci.as_ref().map(|dci| dci.informativeness),
        about: "how well boosted trees predict the factors from the latents",
    },
    Score {
        key: "sap",
        title: "SAP",
        value: |scores| scores.sap,
        about: "how much better the best latent alone predicts a factor than the next one does",
    },
];

/// The scores of one model, with the model and the data that were measured.
pub struct Disentanglement<'a> {
    pub provenance: Provenance,
    /// The number of latents.
    pub latents: usize,
    /// All known factors.
    pub factors: &'a [Factor],
    /// The factors with more than one value among the images.
    pub varying: &'a [Factor],
    /// The file of the factors; `None` if they come with the data set.
    pub factor_file: Option<String>,
    pub scores: Scores,
    /// The scores with the factors of other images.
    pub chance: Scores,
    pub probes: Option<Probes>,
}

/// The accuracy of classifiers that read the label off the latents.
#[derive(Clone, Copy, Debug)]
pub struct Probes {
    pub linear: f64,
    pub nearest: f64,
    pub neighbours: usize,
    /// The accuracy of always guessing the most frequent label.
    pub chance: f64,
    /// The numbers of images that the probes were fitted to and measured on.
    pub images: [usize; 2],
}

impl Disentanglement<'_> {
    pub fn report(&self) -> Report {
        let provenance = &self.provenance;
        let mut report = Report::new();
        report.table(self.score_table());
        let mut factors = Vec::new();
        if let Some(mig) = &self.scores.mig {
            report.table(self.factor_table(mig));
        }
        factors.extend((0..self.varying.len()).map(|index| self.factor_json(index)));
        let source = self.source();
        let of = source
            .as_ref()
            .map(|source| format!(", factors from {source}"));
        let probed = self.probes.map(
            |Probes {
                 images: [fitted, measured],
                 ..
             }| {
                format!(", probes fitted to {fitted} training images and measured on {measured}")
            },
        );
        report.line(format!(
            "protocol: {}{}{}, seed {}, vae {}",
            provenance.images(),
            of.unwrap_or_default(),
            probed.unwrap_or_default(),
            provenance.seed,
            env!("CARGO_PKG_VERSION"),
        ));
        report.line(provenance.hashes());
        report.line(
            "chance: the same latents with the factors of other images; for labels, always the most frequent one",
        );
        let notes = self.notes();
        notes.iter().for_each(|note| report.line(note));
        report.field("notes", notes);
        report.field("factors", factors);
        report.field("factors_of", source);
        self.add_fields(&mut report);
        report
    }

    fn score_table(&self) -> Table {
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        let mut push = |title: String, value: Option<f64>, chance: Option<f64>, about: &str| {
            let (value, chance) = (Cell::number(value, 3), Cell::number(chance, 3));
            rows.push(vec![Cell::Text(title), value, chance, Cell::text(about)]);
        };
        for score in SCORES.iter().filter(|_| !self.varying.is_empty()) {
            let (value, chance) = ((score.value)(&self.scores), (score.value)(&self.chance));
            push(score.title.to_owned(), value, chance, score.about);
        }
        if let Some(probes) = self.probes {
            let chance = Some(probes.chance);
            let about = "labels that logistic regression predicts from the latents";
            push(
                "linear probe".to_owned(),
                Some(probes.linear),
                chance,
                about,
            );
            let title = format!("{} neighbours", probes.neighbours);
            let about = "labels that most of the nearest training latents have";
            push(title, Some(probes.nearest), chance, about);
        }
        titled(&["measure", "value", "chance", " "], rows)
    }

    /// Returns a row for each factor, with the two latents that tell most about it.
    fn factor_table(&self, mig: &Mig) -> Table {
        let factors = self
            .varying
            .iter()
            .zip(&mig.information)
            .zip(&mig.entropies);
        let rows = factors.map(|((factor, information), entropy)| {
            let order = largest_first(information);
            let told = |rank: usize| match order.get(rank) {
                Some(&latent) => {
                    let share = 100.0 * information[latent].max(0.0) / entropy;
                    Cell::Text(format!("z{latent} {share:.0} %"))
                }
                None => Cell::number(None, 0),
            };
            vec![
                Cell::text(&factor.name),
                Cell::Count(factor.occurring()),
                Cell::number(*entropy, 2),
                told(0),
                told(1),
            ]
        });
        let titles = ["factor", "values", "entropy", "best latent", "next latent"];
        titled(&titles, rows.collect())
    }

    fn add_fields(&self, report: &mut Report) {
        for Score { key, value, .. } in &SCORES {
            report.field(*key, value(&self.scores));
            report.field(format!("{key}_chance"), value(&self.chance));
        }
        let probes = self.probes;
        let chance = probes.map(|probes| probes.chance);
        report.field("linear_probe", probes.map(|probes| probes.linear));
        report.field("linear_probe_chance", chance);
        report.field("nearest_neighbours", probes.map(|probes| probes.nearest));
        report.field("nearest_neighbours_chance", chance);
        report.field("neighbours", probes.map(|probes| probes.neighbours));
        report.field("probe_fitted_to", probes.map(|probes| probes.images[0]));
        report.field("probe_measured_on", probes.map(|probes| probes.images[1]));
        self.provenance.add_fields(report);
    }

    /// Returns the JSON of a factor: how much each latent tells about it, as shares of its entropy, and how important
    /// each is.
    fn factor_json(&self, index: usize) -> Value {
        let factor = &self.varying[index];
        let shares = |mig: &Mig| -> Vec<f64> {
            let information = mig.information[index].iter();
            information
                .map(|told| told / mig.entropies[index])
                .collect()
        };
        json!({
            "name": factor.name, "values": factor.occurring(), "classes": factor.nominal, "entropy": factor.entropy(),
            "information": self.scores.mig.as_ref().map(shares),
            "importance": self.scores.dci.as_ref().map(|dci| &dci.importance[index]),
        })
    }

    /// Returns the source of the factors, or `None` if there are none.
    fn source(&self) -> Option<String> {
        let of_data = || "the data set".to_owned();
        let source = || self.factor_file.clone().unwrap_or_else(of_data);
        (!self.factors.is_empty()).then(source)
    }

    /// Returns notes that explain missing scores and limit the meaning of the others.
    fn notes(&self) -> Vec<String> {
        let config = &self.provenance.config;
        let varies = |factor: &&Factor| self.varying.iter().any(|other| other.name == factor.name);
        let constant = self.factors.iter().filter(|factor| !varies(factor));
        let constant: Vec<&str> = constant.map(|factor| factor.name.as_str()).collect();
        let has_factors = !self.varying.is_empty();
        let notes = [
            (
                !constant.is_empty(),
                format!("left out, because all images have the same value: {}", constant.join(", ")),
            ),
            (
                self.factors.is_empty(),
                "no disentanglement: the factors of these images are not known; pass them with `--factors`".into(),
            ),
            (
                has_factors && self.scores.mig.is_none(),
                "no MIG: an autoencoder's latents are points, and have no density".into(),
            ),
            (
                self.varying.len() == 1,
                "one factor cannot be confused with another: no FactorVAE score, beta-VAE score and DCI disentanglement".into(),
            ),
            (
                has_factors && self.latents == 1,
                "one latent has no next one: MIG and SAP say little, and there is no DCI completeness".into(),
            ),
            (
                self.provenance.is_no_test(),
                "not a test: the model was trained on these images, and the probes were fitted to them".into(),
            ),
            (
                config.condition.is_some(),
                "the model is conditional: its latents need not hold the class".into(),
            ),
        ];
        let notes = notes.into_iter().filter(|(applies, _)| *applies);
        notes.map(|(_, note)| note).collect()
    }
}

/// Returns a table that only the text shows.
fn titled(titles: &[&str], rows: Vec<Vec<Cell>>) -> Table {
    let columns = titles
        .iter()
        .map(|title| (String::new(), (*title).to_owned()));
    Table {
        columns: columns.collect(),
        rows,
        has_titles: true,
        ..Table::default()
    }
}
