//! Advice for a latent that is not healthy: flags of `vae train`, depending on the config of the run.

use std::path::Path;

use crate::config::Config;
use crate::error::shell_word;
use crate::eval::{Course, Diagnostics, Early, Finding};
use crate::model::{Likelihood, Sigma};
use crate::objective::{BetaTc, Elbo, Estimator, Info, Objective};

/// The nats that a latent may hold without a penalty: a usual choice (Kingma et al. 2016, appendix C).
const FREE_BITS: f64 = 0.1;

/// The steps after which a training can be judged, whatever the config.
const ENOUGH_STEPS: usize = 1000;

/// The learning rate to try if the config's is next to nothing: Adam's own (Kingma, Ba 2015).
const USUAL_RATE: f64 = 1e-3;

/// The fixed sigma below which the reconstruction outweighs the KL by far, for values in [0, 1].
const SMALL_SIGMA: f64 = 0.1;

/// Returns flags to try, or `None` if there is nothing to change. The learning rate is blamed only where it can be the
/// cause. A training that is not finished, in the folder `run`, needs no flags to go on.
pub fn advice(
    finding: &Finding,
    health: &Diagnostics,
    course: &Course,
    config: &Config,
    run: &Path,
) -> Option<String> {
    let done = course.epochs.max(1);
    let needs_epochs = matches!(finding, Finding::TooEarly(_))
        || (*finding == Finding::IgnoresLatent && free_bits(config) == 0.0);
    if needs_epochs && course.is_out_of_patience {
        return Some(
            "train on more images: the validation score has stopped improving, so more epochs will not help"
                .to_owned(),
        );
    }
    if needs_epochs && !course.is_finished && done < config.train.epochs {
        let run = shell_word(run);
        return Some(format!(
            "the training is not finished: vae train --resume {run}"
        ));
    }
    let flags = match finding {
        Finding::SameImages | Finding::TooEarly(Early::Settling(_)) => return None,
        Finding::TooEarly(Early::FewSteps(_) | Early::StillFalling) => {
            let more = match finding {
                Finding::TooEarly(Early::FewSteps(steps)) => {
                    let per_epoch = (*steps as usize / done).max(1);
                    ENOUGH_STEPS.div_ceil(per_epoch).max(2 * done)
                }
                _ => 2 * done,
            };
            return Some(more_epochs(more));
        }
        Finding::Overfitted { best_epoch } => {
            return Some(format!("try fewer epochs: `--epochs {best_epoch}`"));
        }
        Finding::StandsStill => vec![format!("train.learning_rate={USUAL_RATE}")],
        Finding::Diverged { .. } | Finding::DeadLayer { .. } => vec![slower(config)],
        Finding::Collapsed if health.kl.is_none() => vec![slower(config)],
        Finding::Noiseless { .. } => stronger(config),
        Finding::IgnoresLatent if free_bits(config) > 0.0 => {
            // They hold the KL up whether or not the latent is used.
            vec![format!(
                "objective.elbo.free_bits={}",
                free_bits(config) / 10.0
            )]
        }
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
            return Some(more_epochs(4 * done));
        }
    };
    if flags.is_empty() {
        return Some("try a decoder of fewer or smaller layers".to_owned());
    }
    let flags: Vec<String> = flags
        .into_iter()
        .map(|flag| format!("`--set {flag}`"))
        .collect();
    Some(format!("try {}", flags.join(", or ")))
}

fn more_epochs(epochs: usize) -> String {
    format!("try more epochs: `--epochs {epochs}`")
}

fn free_bits(config: &Config) -> f64 {
    match &config.objective {
        Objective::Elbo(elbo) => elbo.free_bits,
        _ => 0.0,
    }
}

/// Returns the fixed sigma of a Gaussian likelihood, or `None` if there is none.
fn fixed_sigma(config: &Config) -> Option<f64> {
    match &config.likelihood {
        Likelihood::Gaussian(gaussian) => match gaussian.sigma {
            Sigma::Fixed(sigma) => Some(sigma),
            _ => None,
        },
        _ => None,
    }
}

fn slower(config: &Config) -> String {
    format!("train.learning_rate={}", config.train.learning_rate / 10.0)
}

/// Suggests an optimal sigma if it is fixed. A fixed sigma weighs the reconstruction against the KL as beta does
/// (Rybkin et al. 2021).
fn sigma(config: &Config) -> Option<String> {
    fixed_sigma(config).map(|_| "likelihood.gaussian.sigma=optimal".to_owned())
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
        // Their samples weigh the KL as the ELBO does, and it alone has a warm-up.
        Objective::VaeK(_) | Objective::Iwae(_) | Objective::Dreg(_) => {
            let warmup = config.train.epochs.div_ceil(4);
            vec![format!("objective.elbo.warmup={warmup}")]
        }
        _ => Vec::new(),
    };
    flags.extend(sigma(config));
    flags
}

/// Returns flags that keep the latents closer to the prior.
fn stronger(config: &Config) -> Vec<String> {
    if fixed_sigma(config).is_some_and(|sigma| sigma < SMALL_SIGMA) {
        return sigma(config).into_iter().collect();
    }
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
