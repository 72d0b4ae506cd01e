//! Findings: what can be wrong with the latents. Every threshold is here, with its reason.

use super::diagnostics::Diagnostics;

/// The KL, in nats, below which the posterior has collapsed: far less than is needed to tell two halves of the images apart
/// (ln 2 = 0.69).
pub const COLLAPSED: f64 = 0.1;

/// The share of active latents below which the posterior has partly collapsed. Unused latents beyond those that the data
/// needs are no fault: 19 of 50 latents are active on MNIST (Burda et al. 2016, table 1).
pub const PARTLY: f64 = 1.0 / 3.0;

/// The distance of a latent's aggregate posterior from the prior, in nats, by mean and variance, above which it is
/// under-regularised. A variance of 3.1 or a mean of 1 has this distance; many samples from the prior then lie where no
/// image does. `conv-keras` has the largest of the presets trained on MNIST, 0.27.
pub const OUTSIDE: f64 = 0.5;

/// The increase of the reconstruction with another image's latent, in nats, below which the decoder ignores its latent;
/// also if it is below two standard errors.
pub const IGNORED: f64 = 0.1;

/// The variance below which an autoencoder's latent, which has no scale, is the same for every image.
const UNUSED: f64 = 1e-10;

/// Something that is wrong with the latents.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Finding {
    /// The latent says nothing of the image.
    Collapsed,
    /// The latent says something, and the decoder does not listen.
    IgnoresLatent,
    /// The images' latents lie elsewhere than the prior's draws: furthest in this latent.
    UnderRegularised { latent: usize },
    /// Most latents say nothing.
    PartlyCollapsed,
}

impl Finding {
    pub fn name(self) -> &'static str {
        match self {
            Self::Collapsed => "collapsed",
            Self::IgnoresLatent => "ignores z",
            Self::UnderRegularised { .. } => "under-regularised",
            Self::PartlyCollapsed => "partly collapsed",
        }
    }
}

/// Returns all that is wrong, the worst first. `health` is finite.
pub fn findings(health: &Diagnostics) -> Vec<Finding> {
    let collapsed = match health.kl {
        Some(kl) => health.active() == 0 || kl.mean < COLLAPSED,
        None => health.largest_variance() < UNUSED,
    };
    if collapsed {
        return vec![Finding::Collapsed];
    }
    let difference = health.shuffled.difference;
    let ignored =
        difference.mean < IGNORED || difference.se.is_some_and(|se| difference.mean < 2.0 * se);
    let distance = |d: &usize| health.latents[*d].distance();
    let furthest = (0..health.latents.len()).max_by(|a, b| distance(a).total_cmp(&distance(b)));
    // An autoencoder has no prior to be close to.
    let outside = furthest.filter(|d| health.kl.is_some() && distance(d) > OUTSIDE);
    let partly = (health.active() as f64) < PARTLY * health.latents.len() as f64;
    let outside = outside.map(|latent| Finding::UnderRegularised { latent });
    [
        ignored.then_some(Finding::IgnoresLatent),
        outside,
        partly.then_some(Finding::PartlyCollapsed),
    ]
    .into_iter()
    .flatten()
    .collect()
}
