//! What `vae eval` found: for people, for programs, and in the run's folder.

use serde_json::{Value, json};

use super::eval::{Split, SquaredErrors};
use super::loaded_model::LoadedModel;
use crate::eval::{Elbo, Estimate, Importance, Protocol, bits};
use crate::model::Prior;
use crate::objective::{LatentMode, NO_ELBO};

pub struct Report<'a> {
    pub opened: &'a LoadedModel,
    pub elbo: &'a Elbo,
    pub errors: Option<SquaredErrors>,
    pub weighted: Option<Weighted>,
    pub protocol: Protocol,
    pub data: &'a str,
    pub hash: &'a str,
    pub model_hash: &'a str,
    pub split: Split,
    /// Images in the split, of which the first were measured.
    pub of: usize,
}

/// Importance-weighted bounds on log p(x).
pub struct Weighted {
    pub bounds: Vec<Importance>,
    /// For all of them together.
    pub seconds: f64,
}

impl Report<'_> {
    fn conditional(&self) -> bool {
        self.opened.config.condition.is_some()
    }

    fn caveat(&self) -> Option<&'static str> {
        self.opened
            .config
            .likelihood
            .kind()
            .caveat(self.protocol.pixels.is_binary())
    }

    fn bits_per_dim(&self) -> Option<Estimate> {
        self.elbo.elbo().map(|elbo| bits(elbo, self.values()))
    }

    /// What the latent is and, where images are corrupted, how.
    fn latent_samples(&self) -> String {
        match (self.protocol.latent_mode, self.protocol.samples) {
            (LatentMode::Sampled, 1) => format!("1 sample of z per image, KL {}", self.kl()),
            (LatentMode::Sampled, samples) => {
                format!("{samples} samples of z per image, KL {}", self.kl())
            }
            (LatentMode::Deterministic(None), _) => "one latent per image".into(),
            (LatentMode::Deterministic(Some(corruption)), _) => {
                format!("one latent per image, of the image corrupted by {corruption}")
            }
        }
    }

    /// How the KL is found.
    fn kl(&self) -> &'static str {
        match self.opened.config.prior {
            Prior::StandardNormal(_) => "in closed form",
            Prior::Vamp(_) => "from the samples",
            Prior::Hierarchical(_) => "of both layers, from the samples",
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let row = |name: &str, value: Option<Estimate>, digits: usize, unit: &str| match value {
            Some(value) => format!(
                "{name:<12} {:>10.digits$} ± {:.digits$}{unit}\n",
                value.mean, value.se
            ),
            None => format!("{name:<12} {:>10}\n", "–"),
        };
        let mut text = row("ELBO", self.elbo.elbo(), 2, " nats per image");
        text += &row(
            "reconstruction",
            Some(self.elbo.reconstruction()),
            2,
            " nats per image",
        );
        text += &row("KL", self.elbo.kl(), 2, " nats per image");
        text += &row("bits per dim", self.bits_per_dim(), 4, "");
        let given = if self.conditional() {
            "given the class (bounds log p(x | class)), "
        } else {
            ""
        };
        // What is not a log-likelihood is not called one.
        let name = if self.caveat().is_none() {
            "log p(x)"
        } else {
            "IW bound"
        };
        for bound in self
            .weighted
            .iter()
            .flat_map(|weighted| &weighted.bounds)
            .filter(|bound| !bound.log_px.is_empty())
        {
            let [median, worst] = bound.effective_range();
            let bits = bits(bound.bound(), self.values()).mean;
            let effective = format!(
                "{median:.1} of the latents count in the median image, {worst:.1} in the worst"
            );
            let what = format!(
                " nats per image, K = {}, {bits:.4} bits per dim; {effective}",
                bound.samples
            );
            text += &row(name, Some(bound.bound()), 2, &what);
        }
        if let Some(SquaredErrors {
            model,
            pca,
            components,
        }) = &self.errors
        {
            let at = if self.protocol.latent_mode.is_sampled() {
                "decoded from the posterior's mean"
            } else {
                "decoded from the latent"
            };
            let per_value = model.mean / self.values() as f64;
            let what = format!(", summed over values, {at} ({per_value:.5} a value)");
            text += &row("square error", Some(*model), 2, &what);
            let from = format!(", from {components} principal components of the training set");
            text += &row("that of PCA", *pca, 2, &from);
        }
        let sigma = self
            .opened
            .vae
            .sigma()
            .map(|sigma| format!(" of sigma {sigma:.4}"))
            .unwrap_or_default();
        text += &format!(
            "protocol: {} {}, {} images, {} pixels, {}{sigma}, {given}{}, seed {}, vae {}\n± is the standard error over images",
            self.data,
            self.split.name(),
            self.counted(),
            self.protocol.pixels.name(),
            self.opened.config.likelihood.tag(),
            self.latent_samples(),
            self.protocol.seed,
            env!("CARGO_PKG_VERSION"),
        );
        text += &format!("\ndata {}, model {}", self.hash, self.model_hash);
        if let Some(weighted) = &self.weighted {
            let done = weighted
                .bounds
                .first()
                .map_or(0, |bound| bound.log_px.len());
            let some = if done < self.elbo.reconstruction.len() {
                format!(" of the first {done} images")
            } else {
                String::new()
            };
            text += &format!("\n{name}{some} in {:.1} s", weighted.seconds);
        }
        if !self.protocol.latent_mode.is_sampled() {
            text += &format!("\n{NO_ELBO}");
        }
        if let Some(caveat) = self.caveat() {
            text += &format!("\nnot a log-likelihood: {caveat}");
        }
        if self.split == Split::Test && self.opened.config.data.kind().trains_on_test() {
            text += "\nnot a test: these images were trained on";
        }
        text
    }

    /// For programs, and for `vae compare`.
    pub fn json(&self) -> Value {
        let drawn = self.protocol.latent_mode.is_sampled();
        let mean = |estimate: Option<Estimate>| estimate.map(|estimate| estimate.mean);
        let se = |estimate: Option<Estimate>| estimate.map(|estimate| estimate.se);
        let (elbo, reconstruction, kl) =
            (self.elbo.elbo(), self.elbo.reconstruction(), self.elbo.kl());
        let bits = self.bits_per_dim();
        let errors = self.errors.as_ref();
        let bounds = self
            .weighted
            .iter()
            .flat_map(|weighted| &weighted.bounds)
            .filter(|bound| !bound.log_px.is_empty());
        let bounds: Vec<Value> = bounds.map(|bound| self.bound_json(bound)).collect();
        // The one from the most latents.
        let best = bounds.last().cloned().unwrap_or_default();
        let mut report = json!({
            "elbo": mean(elbo), "elbo_se": se(elbo),
            "reconstruction": reconstruction.mean, "reconstruction_se": reconstruction.se,
            "kl": mean(kl), "kl_se": se(kl),
            "bits_per_dim": mean(bits), "bits_per_dim_se": se(bits),
            "squared_error": errors.map(|errors| errors.model.mean),
            "squared_error_se": errors.map(|errors| errors.model.se),
            "pca_squared_error": mean(errors.and_then(|errors| errors.pca)),
            "pca_squared_error_se": se(errors.and_then(|errors| errors.pca)),
            "pca_components": errors.map(|errors| errors.components),
            "samples": best["samples"], "ess_median": best["ess_median"], "ess_worst": best["ess_worst"],
            "importance": bounds, "importance_seconds": self.weighted.as_ref().map(|weighted| weighted.seconds),
            "unit": "nats per image",
            "data": self.data, "data_hash": self.hash, "split": self.split.name(),
            "images": self.elbo.reconstruction.len(), "images_in_split": self.of,
            "pixels": self.protocol.pixels.name(),
            "likelihood": self.opened.config.likelihood.tag(), "sigma": self.opened.vae.sigma(),
            "conditional": self.conditional(),
            "is_log_likelihood": self.caveat().is_none(), "caveat": self.caveat(),
            "test_was_trained_on": self.opened.config.data.kind().trains_on_test(),
            "samples_of_z": drawn.then_some(self.protocol.samples), "kl_method": drawn.then_some(self.kl()), "prior": self.opened.config.prior.tag(),
            "seed": self.protocol.seed,
            "model": self.opened.path, "model_hash": self.model_hash,
            "device": self.opened.chosen.name,
            "program_version": env!("CARGO_PKG_VERSION"),
        });
        // What is not a log-likelihood is not called one.
        for (name, is_it) in [
            ("log_px", self.caveat().is_none()),
            ("iw_bound", self.caveat().is_some()),
        ] {
            for (key, of) in [
                (name.to_owned(), "bound"),
                (format!("{name}_se"), "bound_se"),
            ] {
                report[key] = if is_it { best[of].clone() } else { Value::Null };
            }
        }
        if !drawn {
            report["note"] = NO_ELBO.into();
            report["corrupted_by"] = self
                .protocol
                .latent_mode
                .corruption()
                .map(|corruption| corruption.to_string())
                .into();
        }
        report
    }

    /// What the run's folder keeps beside [`Report::json`]: the bound of every image, so that two runs can be compared image
    /// by image. The one from the most latents, or the ELBO.
    pub fn by_image(&self) -> Value {
        let rounded = |values: &[f64]| {
            values
                .iter()
                .map(|value| (1e4 * value).round() / 1e4)
                .collect::<Vec<_>>()
        };
        let best = self
            .weighted
            .iter()
            .flat_map(|weighted| &weighted.bounds)
            .rfind(|bound| !bound.log_px.is_empty());
        let kl = self.elbo.kl.as_ref();
        json!({
            "elbo": kl.map(|kl| {
                let sum = |(reconstruction, kl): (&f64, &f64)| -(reconstruction + kl);
                rounded(&self.elbo.reconstruction.iter().zip(kl).map(sum).collect::<Vec<_>>())
            }),
            "bound": best.map(|best| rounded(&best.log_px)),
        })
    }

    fn bound_json(&self, bound: &Importance) -> Value {
        let [median, worst] = bound.effective_range();
        let (nats, bits) = (bound.bound(), bits(bound.bound(), self.values()));
        json!({
            "samples": bound.samples, "bound": nats.mean, "bound_se": nats.se, "images": bound.log_px.len(),
            "bits_per_dim": bits.mean, "bits_per_dim_se": bits.se, "ess_median": median, "ess_worst": worst,
        })
    }

    /// Values in an image.
    fn values(&self) -> usize {
        self.opened.card.image_shape.iter().product()
    }

    /// How many images were measured.
    fn counted(&self) -> String {
        match self.elbo.reconstruction.len() {
            all if all == self.of => all.to_string(),
            first => format!("the first {first} of {}", self.of),
        }
    }
}
