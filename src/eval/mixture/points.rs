//! The posteriors that a mixture is fitted to.

use crate::error::{Error, Result};
use crate::eval::posteriors::Posteriors;

/// The Gaussians to fit to, with their variances.
pub struct Points<'a> {
    /// `[N][D]`.
    pub means: &'a [Vec<f32>],
    /// `[N][D]`; `None` for points.
    pub variances: Option<Vec<Vec<f32>>>,
    /// The number of latents, `D`.
    pub width: usize,
}

impl Points<'_> {
    /// Returns the variances of an image's latents.
    pub fn variances(&self, image: usize) -> Option<&[f32]> {
        self.variances.as_ref().map(|all| &*all[image])
    }
}

/// The images that a component is responsible for, each with its responsibility.
pub type Responsibilities = Vec<(u32, f64)>;

/// Checks posteriors, and returns them with their variances.
pub fn points(posteriors: &Posteriors, count: usize) -> Result<Points<'_>> {
    let means = &posteriors.means;
    if count == 0 || count > means.len() {
        return Err(Error::request(format!(
            "a mixture of {count} components: expected from 1 to {}, the number of training images",
            means.len()
        )));
    }
    let all_finite = |rows: &[Vec<f32>]| rows.iter().flatten().all(|value| value.is_finite());
    let exp = |row: &Vec<f32>| row.iter().map(|log_var| log_var.exp()).collect();
    let variances: Option<Vec<Vec<f32>>> =
        (!posteriors.log_vars.is_empty()).then(|| posteriors.log_vars.iter().map(exp).collect());
    if !all_finite(means) || !variances.as_deref().is_none_or(all_finite) {
        return Err(Error::failed(
            "a mixture cannot be fitted to this model's latents: some are NaN or infinite",
        )
        .with_hint("train the model again with a lower learning rate"));
    }
    Ok(Points {
        width: means[0].len(),
        means,
        variances,
    })
}
