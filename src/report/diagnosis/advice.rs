//! Advice for a latent that is not healthy: flags of `vae train`, depending on the config of the run.

use crate::config::Config;
use crate::eval::{Diagnostics, Finding};
use crate::model::{Likelihood, Sigma};
use crate::objective::{BetaTc, Elbo, Estimator, Info, Objective};

/// The nats that a latent may hold without a penalty: a usual choice (Kingma et al. 2016, appendix C).
const FREE_BITS: f64 = 0.1;

pub fn advice(finding: Finding, health: &Diagnostics, config: &Config) -> String {
    let flags = match finding {
        Finding::Collapsed => weaker(config),
        Finding::PartlyCollapsed => {
            let latent_count = format!(
                "model.{}.latent={}",
                config.model.tag(),
                health.active().max(1)
            );
            [weaker(config), vec![latent_count]].concat()
        }
        Finding::UnderRegularised { .. } => stronger(config),
        // The usual reason is that the decoder has not learned to use the latent yet.
        Finding::IgnoresLatent => {
            return format!("try more epochs: `--epochs {}`", 4 * config.train.epochs);
        }
    };
    let flags: Vec<String> = flags
        .into_iter()
        .map(|flag| format!("`--set {flag}`"))
        .collect();
    format!("try {}", flags.join(", or "))
}

fn slower(config: &Config) -> String {
    format!("train.learning_rate={}", config.train.learning_rate / 10.0)
}

/// Suggests an optimal sigma if it is fixed. A fixed sigma weighs the reconstruction against the KL as beta does
/// (Rybkin et al. 2021).
fn sigma(config: &Config) -> Option<String> {
    let is_fixed = matches!(&config.likelihood, Likelihood::Gaussian(gaussian) if matches!(gaussian.sigma, Sigma::Fixed(_)));
    is_fixed.then(|| "likelihood.gaussian.sigma=optimal".to_owned())
}

/// Returns flags that let the latent hold more.
fn weaker(config: &Config) -> Vec<String> {
    let mut flags = match &config.objective {
        Objective::Elbo(Elbo { beta, .. }) if *beta > 1.0 => {
            vec!["objective.elbo.beta=1".to_owned()]
        }
        Objective::Elbo(elbo) => {
            let mut flags = Vec::new();
            if elbo.warmup == 0.0 && elbo.cyclical.is_none() {
                // The warm-up takes a quarter of the training. By then the decoder has learned to use the latent.
                flags.push(format!(
                    "objective.elbo.warmup={}",
                    config.train.epochs.div_ceil(4)
                ));
            }
            if elbo.free_bits == 0.0 && elbo.estimator == Estimator::Analytic {
                flags.push(format!("objective.elbo.free_bits={FREE_BITS}"));
            }
            flags
        }
        Objective::BetaTc(BetaTc { beta, .. }) if *beta > 1.0 => {
            vec!["objective.beta-tc.beta=1".to_owned()]
        }
        Objective::Info(Info { lambda, .. }) => {
            vec![format!("objective.info.lambda={}", lambda / 100.0)]
        }
        Objective::Capacity(capacity) => vec![format!(
            "objective.capacity.max={}",
            (2.0 * capacity.max).max(1.0)
        )],
        _ => Vec::new(),
    };
    flags.extend(sigma(config));
    if flags.is_empty() {
        flags.push(slower(config));
    }
    flags
}

/// Returns flags that keep the latents closer to the prior.
fn stronger(config: &Config) -> Vec<String> {
    let mut flags = match &config.objective {
        Objective::Elbo(Elbo { beta, .. }) if *beta < 1.0 => {
            vec!["objective.elbo.beta=1".to_owned()]
        }
        Objective::Elbo(Elbo { beta, .. }) => vec![format!("objective.elbo.beta={}", 2.0 * beta)],
        Objective::BetaTc(BetaTc { gamma, .. }) => vec![format!(
            "objective.beta-tc.gamma={}",
            (2.0 * gamma).max(1.0)
        )],
        Objective::Info(Info { lambda, .. }) => {
            vec![format!("objective.info.lambda={}", 2.0 * lambda)]
        }
        Objective::Capacity(capacity) => {
            vec![format!("objective.capacity.max={}", capacity.max / 2.0)]
        }
        _ => Vec::new(),
    };
    flags.extend(sigma(config));
    if flags.is_empty() {
        flags.push(slower(config));
    }
    flags
}
