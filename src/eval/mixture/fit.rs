//! The iterations of a fit.

use super::expectation::expect;
use super::maximisation::{floor, maximise, penalty};
use super::points::points;
use super::start::start;
use crate::density::GaussianMixture;
use crate::error::Result;
use crate::eval::posteriors::Posteriors;
use crate::rng::Rng;

/// The most iterations of a fit.
pub const MOST_ITERATIONS: usize = 200;

/// The fit ends when an iteration raises F by less, in nats per image.
pub const TOLERANCE: f64 = 1e-4;

/// A fitted mixture, and the course of the fit.
#[derive(Clone, Debug, PartialEq)]
pub struct MixtureFit {
    pub mixture: GaussianMixture,
    /// F with the penalty before each iteration and after the last, in nats per image.
    pub bounds: Vec<f64>,
    /// Whether the last iteration raised F by less than [`TOLERANCE`].
    pub converged: bool,
}

/// Fits a mixture of `count` Gaussians to posteriors, which are points if they have no variances. The result depends on the
/// posteriors, `count` and `rng` alone. `go_on` receives the number of iterations done.
///
/// Returns `None` if `go_on` returned false.
///
/// # Errors
/// Returns an error if there are fewer images than components, or if a latent is not finite, or too large.
pub fn fit_mixture(
    posteriors: &Posteriors,
    count: usize,
    rng: Rng,
    go_on: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<MixtureFit>> {
    let points = points(posteriors, count)?;
    let floor = floor(&points, count);
    let mut mixture = maximise(&points, &start(&points, count, rng), None, floor)?;
    let (mut bounds, mut converged) = (Vec::new(), false);
    loop {
        let (bound, members) = expect(&points, &mixture);
        let penalised = bound - penalty(&mixture, floor, points.means.len());
        let gain = bounds.last().map(|last| penalised - last);
        bounds.push(penalised);
        converged |= gain.is_some_and(|gain| gain < TOLERANCE);
        if converged || bounds.len() > MOST_ITERATIONS {
            break;
        }
        if !go_on(bounds.len() - 1) {
            return Ok(None);
        }
        mixture = maximise(&points, &members, Some(&mixture), floor)?;
    }
    Ok(Some(MixtureFit {
        mixture,
        bounds,
        converged,
    }))
}
