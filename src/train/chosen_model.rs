//! The choice of the run's model among those that a run keeps: the last one, or the one with the best validation score.

use std::path::PathBuf;

use super::{ModelFile, Training};
use crate::config::TrainConfig;
use crate::error::Result;
use crate::run::RunFolder;

/// Returns the model file of a run that every command uses: the best one if the training has patience, and otherwise the
/// last one. Patience lets a training go on while it gets worse, so that its last model is not what it found.
pub fn chosen_model(train: &TrainConfig, folder: &RunFolder) -> PathBuf {
    if train.patience > 0 && folder.best().is_file() {
        folder.best()
    } else {
        folder.model()
    }
}

impl Training {
    /// Reads the run's model and returns it with its epoch, or `None` if that is the last model. It is not kept in memory
    /// since its epoch, because a resumed training would not have it.
    ///
    /// # Errors
    /// Returns an error if the best model cannot be read.
    pub(super) fn best_model(&self, folder: &RunFolder) -> Result<Option<(ModelFile, usize)>> {
        let since_best = self.progress().epochs_since_best;
        let path = chosen_model(&self.config().train, folder);
        if since_best == 0 || path == folder.model() {
            return Ok(None);
        }
        let epoch = self.epochs_done().saturating_sub(since_best);
        Ok(Some((ModelFile::read(&path)?, epoch)))
    }
}
