//! The report of `vae eval`: the ELBO, its terms, bounds on log p(x) and reconstruction errors, with their protocol.

use serde_json::{Value, json};

use super::sample_quality::SampleFigures;
use super::{Cell, Column, Measure, Provenance, Report, Table};
use crate::eval::{ElboByImage, Estimate, Importance, Protocol, SquaredErrors, bits};
use crate::objective::{LatentMode, NO_ELBO};

/// The numbers of one evaluation, with the model and the data that were measured.
pub struct Evaluation {
    pub provenance: Provenance,
    pub protocol: Protocol,
    pub elbo: ElboByImage,
    /// The number of values in an image.
    pub values: usize,
    /// The likelihood's sigma, if it has a single one for all values.
    pub sigma: Option<f64>,
    /// The importance-weighted bounds, ordered by their number of samples.
    pub bounds: Vec<Importance>,
    /// The time for all bounds together.
    pub importance_seconds: Option<f64>,
    pub squared_errors: Option<SquaredErrors>,
    /// `None` if samples were not measured.
    pub sample_figures: Option<SampleFigures>,
}

/// The numbers of the report, in order. `vae compare` shows the same numbers.
pub const MEASURES: &[Measure<Evaluation>] = &[
    Measure {
        key: "elbo",
        title: "ELBO",
        digits: 2,
        value: |found| found.elbo.elbo(),
        remark: |_| NATS.into(),
        always: true,
    },
    Measure {
        key: "reconstruction",
        title: "reconstruction",
        digits: 2,
        value: |found| Some(found.elbo.reconstruction()),
        remark: |_| NATS.into(),
        always: true,
    },
    Measure {
        key: "kl",
        title: "KL",
        digits: 2,
        value: |found| found.elbo.kl(),
        remark: |_| NATS.into(),
        always: true,
    },
    Measure {
        key: "bits_per_dim",
        title: "bits per dim",
        digits: 4,
        value: |found| found.elbo.elbo().map(|elbo| bits(elbo, found.values)),
        remark: |_| String::new(),
        always: true,
    },
    Measure {
        key: "log_px",
        title: "log p(x)",
        digits: 2,
        value: |found| {
            found
                .best()
                .filter(|_| found.caveat().is_none())
                .map(Importance::bound)
        },
        remark: Evaluation::best_samples,
        always: false,
    },
    // A bound on a quantity that is not a log-likelihood must not be called a log-likelihood.
    Measure {
        key: "iw_bound",
        title: "IW bound",
        digits: 2,
        value: |found| {
            found
                .best()
                .filter(|_| found.caveat().is_some())
                .map(Importance::bound)
        },
        remark: Evaluation::best_samples,
        always: false,
    },
    Measure {
        key: "squared_error",
        title: "squared error",
        digits: 2,
        value: |found| Some(found.squared_errors?.model),
        remark: |found| {
            let latent = if found.protocol.latent_mode.is_sampled() {
                "posterior mean"
            } else {
                "latent"
            };
            let error = found
                .squared_errors
                .map_or(f64::NAN, |errors| errors.model.mean);
            let error = error / found.values as f64;
            format!("summed over values, decoded from the {latent} ({error:.5} per value)")
        },
        always: false,
    },
    Measure {
        key: "pca_squared_error",
        title: "PCA squared error",
        digits: 2,
        value: |found| found.squared_errors?.pca,
        remark: |found| {
            let components = found.squared_errors.map_or(0, |errors| errors.components);
            format!("from {components} principal components of the training images")
        },
        always: false,
    },
];

/// The fields that two evaluations must share for their numbers to be comparable. The likelihood and the objective are
/// not among them, because they are what is compared; whether both are log-likelihoods is.
pub const PROTOCOL: &[&str] = &[
    "data",
    "data_hash",
    "split",
    "images",
    "part",
    "pixels",
    "is_log_likelihood",
    "caveat",
    "conditional",
    "samples_per_image",
    "importance_samples",
    "seed",
    "test_was_trained_on",
];

const NATS: &str = "nats per image";

/// A row of the table of bounds.
struct BoundRow {
    samples: usize,
    bound: Estimate,
    bits: Estimate,
    /// The effective number of samples in the median image and in the worst image.
    effective: [f64; 2],
    images: usize,
}

const BOUNDS: &[Column<BoundRow>] = &[
    Column {
        key: "importance_samples",
        title: "K",
        cell: |row| Cell::Count(row.samples),
    },
    Column {
        key: "bound",
        title: "bound, nats per image",
        cell: |row| Cell::estimate(Some(row.bound), 2),
    },
    Column {
        key: "bits_per_dim",
        title: "bits per dim",
        cell: |row| Cell::estimate(Some(row.bits), 4),
    },
    Column {
        key: "ess_median",
        title: "effective K, median image",
        cell: |row| Cell::number(row.effective[0], 1),
    },
    Column {
        key: "ess_worst",
        title: "worst image",
        cell: |row| Cell::number(row.effective[1], 1),
    },
    Column {
        key: "images",
        title: "images",
        cell: |row| Cell::Count(row.images),
    },
];

impl Evaluation {
    /// Removes the bounds if an interrupt ended them before all `images`, so that they are not kept.
    pub fn drop_partial_bounds(&mut self, images: usize) {
        if self.bounds.iter().any(|bound| bound.log_px.len() < images) {
            self.bounds.clear();
            self.importance_seconds = None;
        }
    }

    pub fn report(&self) -> Report {
        let provenance = &self.provenance;
        let is_sampled = self.protocol.latent_mode.is_sampled();
        let mut report = Report::new();
        report.measures(MEASURES, self);
        let bounds: Vec<BoundRow> = self.measured().map(|bound| self.bound_row(bound)).collect();
        if bounds.is_empty() {
            report.field("importance", Value::Array(Vec::new()));
        } else {
            report.table(Table::of("importance", &bounds, BOUNDS));
        }
        if let Some(figures) = &self.sample_figures {
            figures.add(&mut report);
        }
        self.add_protocol(&mut report);
        report.line(provenance.hashes());
        if let Some(seconds) = self.importance_seconds {
            report.line(format!("importance sampling took {seconds:.1} s"));
        }
        for note in self.notes() {
            report.line(note);
        }
        if !is_sampled {
            report.field("note", NO_ELBO);
        }
        report.field("importance_seconds", self.importance_seconds);
        let components = self.squared_errors.map(|errors| errors.components);
        report.field("pca_components", components);
        report.field("unit", NATS);
        provenance.add_fields(&mut report);
        report
    }

    /// Adds the protocol: one sentence, and one field for each of its parts.
    fn add_protocol(&self, report: &mut Report) {
        let config = &self.provenance.config;
        let is_sampled = self.protocol.latent_mode.is_sampled();
        let conditional = config.condition.is_some();
        let caveat = self.caveat();
        report.line(format!("protocol: {}", self.protocol_in_words()));
        let samples = is_sampled.then_some(self.protocol.samples);
        report.field("samples_per_image", samples);
        report.field("kl_method", is_sampled.then(|| self.kl_estimator()));
        let best = self.best();
        report.field("importance_samples", best.map(|best| best.samples));
        report.field("ess_median", best.map(|best| best.effective_range()[0]));
        report.field("ess_worst", best.map(|best| best.effective_range()[1]));
        report.field("likelihood", config.likelihood.tag());
        report.field("prior", config.prior.tag());
        report.field("sigma", self.sigma);
        report.field("conditional", conditional);
        report.field("is_log_likelihood", caveat.is_none());
        report.field("caveat", caveat);
        report.field("test_was_trained_on", config.data.kind().trains_on_test());
        if !is_sampled {
            let corruption = self.protocol.corruption;
            report.field(
                "corrupted_by",
                corruption.map(|corruption| corruption.to_string()),
            );
        }
    }

    /// Returns the protocol in one sentence.
    fn protocol_in_words(&self) -> String {
        let (provenance, config) = (&self.provenance, &self.provenance.config);
        let sigma = self.sigma.map(|sigma| format!(" of sigma {sigma:.4}"));
        let given = if config.condition.is_some() {
            "given the class (bounds log p(x | class)), "
        } else {
            ""
        };
        format!(
            "{}, {} pixels, {}{}, {given}{}, seed {}, vae {}; {}",
            provenance.images(),
            config.data.kind().pixels_name(),
            config.likelihood.tag(),
            sigma.unwrap_or_default(),
            self.latents_in_words(),
            self.protocol.seed,
            env!("CARGO_PKG_VERSION"),
            provenance.plus_minus(),
        )
    }

    /// Returns the protocol and the notes that belong beside the numbers wherever they are shown.
    pub fn conditions(&self) -> Vec<String> {
        let mut conditions = vec![self.protocol_in_words()];
        conditions.extend(self.notes());
        conditions
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(done) = self.measured().map(|bound| bound.log_px.len()).min()
            && done < self.provenance.images
        {
            notes.push(format!(
                "stopped early: the bounds are of the first {done} of these images"
            ));
        }
        if !self.protocol.latent_mode.is_sampled() {
            notes.push(NO_ELBO.to_owned());
        }
        if let Some(caveat) = self.caveat() {
            notes.push(format!("not a log-likelihood: {caveat}"));
        }
        if self.provenance.is_no_test() {
            notes.push("not a test: the model was trained on these images".to_owned());
        }
        notes
    }

    fn bound_row(&self, bound: &Importance) -> BoundRow {
        BoundRow {
            samples: bound.samples,
            bound: bound.bound(),
            bits: bits(bound.bound(), self.values),
            effective: bound.effective_range(),
            images: bound.log_px.len(),
        }
    }

    /// Returns the bounds that were measured on at least one image.
    fn measured(&self) -> impl DoubleEndedIterator<Item = &Importance> {
        self.bounds.iter().filter(|bound| !bound.log_px.is_empty())
    }

    /// Returns the bound with the most samples.
    fn best(&self) -> Option<&Importance> {
        self.measured().next_back()
    }

    fn best_samples(&self) -> String {
        let samples = self.best().map_or(0, |best| best.samples);
        format!("{NATS}, from K = {samples} importance samples")
    }

    /// Returns the reason why the numbers are not log-likelihoods, or `None` if they are.
    fn caveat(&self) -> Option<&'static str> {
        let likelihood = &self.provenance.config.likelihood;
        likelihood.kind().caveat(self.protocol.pixels.is_binary())
    }

    /// Returns in words how many latents an image has and how they are obtained.
    fn latents_in_words(&self) -> String {
        match (self.protocol.latent_mode, self.protocol.samples) {
            (LatentMode::Sampled, 1) => {
                format!("1 sample of z per image, KL {}", self.kl_estimator())
            }
            (LatentMode::Sampled, samples) => {
                format!(
                    "{samples} samples of z per image, KL {}",
                    self.kl_estimator()
                )
            }
            (LatentMode::Deterministic, _) => match self.protocol.corruption {
                None => "one latent per image".into(),
                Some(corruption) => {
                    format!("one latent per image, from the image corrupted by {corruption}")
                }
            },
        }
    }

    fn kl_estimator(&self) -> &'static str {
        self.provenance.config.prior.kind().kl_method()
    }

    /// Returns the ELBO and the bound with the most samples for every image. The run's folder keeps them beside the
    /// report, so that two runs can be compared image by image.
    pub fn by_image(&self) -> Value {
        let rounded = |values: &[f64]| {
            let rounded = values.iter().map(|value| (1e4 * value).round() / 1e4);
            rounded.collect::<Vec<f64>>()
        };
        let reconstruction = &self.elbo.reconstruction;
        let elbo = self.elbo.kl.as_ref().map(|kl| {
            let terms = reconstruction.iter().zip(kl);
            let elbo = terms.map(|(reconstruction, kl)| -(reconstruction + kl));
            rounded(&elbo.collect::<Vec<f64>>())
        });
        json!({
            "elbo": elbo,
            "bound": self.best().map(|best| rounded(&best.log_px)),
        })
    }
}
