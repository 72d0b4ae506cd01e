//! Findings: what can be wrong with the latents, given how the training went. Every threshold is here or in
//! [`super::course`], with its reason.

use super::course::{Course, Early};
use super::diagnostics::Diagnostics;
use super::saturation::LayerUnits;

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

/// The mean variance of a latent's posterior below which it is a point: a KL of 6 nats for this latent alone.
const NOISELESS: f64 = 1e-6;

/// The KL, in nats and as a multiple of the reconstruction term, above which a training whose KL is paid for diverged.
const EXPLODED: [f64; 2] = [1e4, 10.0];

/// Something that is wrong with the latents, or with the training that they come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// All images are the same, so that a latent has nothing to say.
    SameImages,
    /// The loss rose far above its best.
    Diverged {
        /// The epoch with the best training loss, if there are records.
        best_epoch: Option<usize>,
    },
    /// The learning rate is so low that the weights are still the first ones.
    StandsStill,
    /// The training has not gone on for long enough to be judged.
    TooEarly(Early),
    /// All units of a hidden layer give the same for every image, so that nothing passes.
    DeadLayer { layer: String },
    /// The latent says nothing of the image.
    Collapsed,
    /// The latent says something, and the decoder does not listen.
    IgnoresLatent,
    /// The images' latents lie elsewhere than the prior's draws: furthest in this latent.
    UnderRegularised { latent: usize },
    /// Most latents say nothing.
    PartlyCollapsed,
    /// A latent that is used has a posterior with hardly any variance.
    Noiseless { latent: usize },
    /// The test images have become worse while the training images became better.
    Overfitted { best_epoch: usize },
}

impl Finding {
    pub fn name(&self) -> &'static str {
        match self {
            Self::SameImages => "constant data",
            Self::Diverged { .. } => "diverged",
            Self::StandsStill => "not trained",
            Self::TooEarly(_) => "too early to tell",
            Self::DeadLayer { .. } => "dead layer",
            Self::Collapsed => "collapsed",
            Self::IgnoresLatent => "ignores z",
            Self::UnderRegularised { .. } => "under-regularised",
            Self::PartlyCollapsed => "partly collapsed",
            Self::Noiseless { .. } => "noiseless",
            Self::Overfitted { .. } => "overfitted",
        }
    }
}

/// Returns all that is wrong, the worst first; only the first is the verdict. `health` is finite. `units` may be empty.
///
/// What the course of the training explains is the only finding: latents that say nothing after one step, or with a
/// learning rate of almost nothing, have not collapsed.
pub fn judged(health: &Diagnostics, course: &Course, units: &[LayerUnits]) -> Vec<Finding> {
    if health.same_images {
        return vec![Finding::SameImages];
    }
    let [nats, multiple] = EXPLODED;
    let kl = health.kl.map_or(0.0, |kl| kl.mean);
    let exploded = kl > nats && kl > multiple * health.shuffled.reconstruction.mean.abs();
    let best_epoch = course.diverged();
    if best_epoch.is_some() || (exploded && course.pays_for_kl) {
        return vec![Finding::Diverged { best_epoch }];
    }
    let mut found = findings(health);
    if !found.is_empty() {
        if course.stands_still() {
            return vec![Finding::StandsStill];
        }
        if let Some(early) = course.early() {
            return vec![Finding::TooEarly(early)];
        }
    }
    let says_nothing = |finding: &Finding| {
        matches!(
            finding,
            Finding::Collapsed | Finding::IgnoresLatent | Finding::PartlyCollapsed
        )
    };
    let dead = units.iter().find(|layer| layer.saturated == layer.units);
    if let Some(dead) = dead
        && found.iter().any(says_nothing)
    {
        let layer = dead.layer.clone();
        return vec![Finding::DeadLayer { layer }];
    }
    let largest = health.largest_variance();
    let is_point = |latent: &usize| {
        let latent = health.latents[*latent];
        latent.kl.is_some() && latent.is_active(largest) && latent.mean_variance < NOISELESS
    };
    let point = (0..health.latents.len()).find(is_point);
    found.extend(point.map(|latent| Finding::Noiseless { latent }));
    let overfitted = course.overfitted();
    found.extend(overfitted.map(|best_epoch| Finding::Overfitted { best_epoch }));
    found
}

/// Returns all that is wrong with the latents as they are, the worst first. `health` is finite.
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
