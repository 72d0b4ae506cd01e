//! The distribution that samples' latents are drawn from, for every command that draws samples.

use super::data_arg::DataArg;
use super::images::encoded;
use super::latent_origin::LatentOrigin;
use super::loaded_model::LoadedModel;
use super::mixture::fitted;
use crate::error::Result;
use crate::eval::{LatentSampler, bounds};
use crate::objective::NO_PRIOR;
use crate::ui;

/// Calls `work` with the distribution of the latents. Says so if it is not what the model learned.
///
/// # Errors
/// Returns an error if the data is needed and cannot be read, or if a latent is not finite.
pub fn with_sampler<T>(
    model: &LoadedModel,
    data: &DataArg,
    origin: LatentOrigin,
    temperature: f32,
    work: impl FnOnce(LatentSampler) -> Result<T>,
) -> Result<T> {
    match origin {
        LatentOrigin::Prior => {
            if !model.config.is_variational() {
                ui::note(format_args!(
                    "note: {NO_PRIOR}; `--from mixture:10` draws latents like the training images', and `--from box` from their range"
                ));
            }
            work(LatentSampler::Prior { temperature })
        }
        LatentOrigin::Box => work(LatentSampler::Box(&spanned(model, data)?)),
        LatentOrigin::Mixture(components) => {
            let mixture = &fitted(model, data, components)?;
            work(LatentSampler::Mixture {
                mixture,
                temperature,
            })
        }
    }
}

/// Returns the box that the latents of the training images span.
fn spanned(model: &LoadedModel, data: &DataArg) -> Result<Vec<[f32; 2]>> {
    let (dataset, _) = model.data(data)?;
    let indices = dataset.train.first_ids(dataset.train.len());
    Ok(bounds(&encoded(model, &dataset.train, &indices)?))
}
