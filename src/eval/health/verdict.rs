//! What is wrong with a latent. Every threshold is here, with its reason.

use super::Diagnostics;

/// Nats of KL below which the whole latent is collapsed: less than what tells two equal halves of the images apart (ln 2 =
/// 0.69), by far.
pub const COLLAPSED: f64 = 0.1;

/// Partly collapsed: less than this share of the latents is active. More latents than the data needs cost nothing, and stay
/// unused: of 50 latents on MNIST 19 are active (Burda et al. 2016, table 1). That is no fault.
pub const PARTLY: f64 = 1.0 / 3.0;

/// Under-regularised: the aggregate posterior of some latent is further from the prior than this, in nats, by its mean and
/// variance. It is that of a variance of 3.1, or of a mean of 1: of what the prior draws much lies where no image does.
/// Of the presets trained on MNIST `conv-keras` has the most, 0.27.
pub const OUTSIDE: f64 = 0.5;

/// The decoder ignores its latent: that of another image adds fewer nats than this, or fewer than two standard errors.
pub const IGNORED: f64 = 0.1;

/// Of an autoencoder, whose latents have no scale: the variance below which the latent is the same for every image.
const UNUSED: f64 = 1e-10;

/// Something that is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Finding {
    /// The latent says nothing of the image.
    Collapsed,
    /// The latent says something, and the decoder does not listen.
    IgnoresCode,
    /// The images' latents lie elsewhere than the prior's draws: furthest in this latent.
    UnderRegularised { latent: usize },
    /// Most latents say nothing.
    PartlyCollapsed,
}

impl Finding {
    pub fn name(self) -> &'static str {
        match self {
            Self::Collapsed => "collapsed",
            Self::IgnoresCode => "ignores z",
            Self::UnderRegularised { .. } => "under-regularised",
            Self::PartlyCollapsed => "partly collapsed",
        }
    }
}

/// All that is wrong, the worst first; nothing where the latent is healthy. `health` is finite.
pub fn findings(health: &Diagnostics) -> Vec<Finding> {
    let collapsed = match health.kl {
        Some(kl) => health.active() == 0 || kl.mean < COLLAPSED,
        None => health.largest_variance() < UNUSED,
    };
    if collapsed {
        return vec![Finding::Collapsed];
    }
    let difference = health.shuffled.difference;
    let ignored = difference.mean < IGNORED || difference.mean < 2.0 * difference.se;
    let distance = |d: &usize| health.latents[*d].distance();
    let furthest = (0..health.latents.len()).max_by(|a, b| distance(a).total_cmp(&distance(b)));
    // An autoencoder has no prior to be near to.
    let outside = furthest.filter(|d| health.kl.is_some() && distance(d) > OUTSIDE);
    let partly = (health.active() as f64) < PARTLY * health.latents.len() as f64;
    let outside = outside.map(|latent| Finding::UnderRegularised { latent });
    [
        ignored.then_some(Finding::IgnoresCode),
        outside,
        partly.then_some(Finding::PartlyCollapsed),
    ]
    .into_iter()
    .flatten()
    .collect()
}
