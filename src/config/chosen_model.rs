//! The model that takes the place of `[model.auto]` once the data is there.

use super::Config;
use crate::data::Dataset;
use crate::model::Model;
use crate::words::counted;

impl Config {
    /// Replaces `[model.auto]` by the model that suits `dataset`, and returns a line that says which and why. Returns
    /// `None` where the config names another model.
    ///
    /// The images that are set aside for validation count as training images, so that the model does not depend on
    /// their number.
    pub fn choose_model(&mut self, dataset: &Dataset) -> Option<String> {
        let images = dataset.train.len() + self.data.kind().validation();
        self.choose_model_for(dataset.train.shape, images)
    }

    /// Does the same for `images` images of shape `[C, H, W]`, those for validation among them.
    pub fn choose_model_for(&mut self, shape: [usize; 3], images: usize) -> Option<String> {
        let Model::Auto(auto) = &self.model else {
            return None;
        };
        let [channels, height, width] = shape;
        self.model = auto.choose(shape, images).into();
        Some(format!(
            "model.auto: {} ({}, {height}x{width}, {})",
            self.model.tag(),
            counted(channels, "channel"),
            counted(images, "image"),
        ))
    }
}
