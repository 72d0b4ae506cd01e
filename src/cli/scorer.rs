//! The scorer of a command. Where it makes maps, these are compared with maps of training images.

use super::data_arg::DataArg;
use super::loaded_model::LoadedModel;
use crate::error::Result;
use crate::eval::Protocol;
use crate::eval::anomaly::{AnomalyScore, MOST_FOR_MAPS, NormalMaps, Scorer};
use crate::ui;

/// Prepares scores of a model. The score `map` needs maps, and reads the training images for them.
///
/// # Errors
/// Returns an error if the model has no such score, or if the training images cannot be read.
pub fn scorer<'a>(
    model: &'a LoadedModel,
    data: &DataArg,
    protocol: Protocol,
    scores: Vec<AnomalyScore>,
) -> Result<Scorer<'a>> {
    let maps = if scores.contains(&AnomalyScore::Map) {
        let train = &model.data(data)?.0.train;
        let bar = ui::image_bar("maps of training images", train.len().min(MOST_FOR_MAPS));
        let maps = NormalMaps::fit(&model.vae, protocol, train, &mut |seen| {
            bar.set_position(seen as u64)
        });
        bar.finish_and_clear();
        Some(maps?)
    } else {
        None
    };
    Scorer::several(&model.vae, protocol, scores, maps)
}
