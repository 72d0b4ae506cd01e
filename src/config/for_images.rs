//! The config that is trained on images of one's own if none is given.

use std::path::Path;

use super::Config;
use crate::data::Images;
use crate::error::Result;
use crate::model::{Auto, Model};

/// The facts about a set of images that the choice depends on.
#[derive(Clone, Copy, Debug)]
pub struct ImageSet {
    /// `[C, H, W]`.
    pub shape: [usize; 3],
    /// The number of images to train on.
    pub images: usize,
    /// Whether nearly all values are black or white.
    pub is_black_and_white: bool,
    /// Whether the layout names images for validation.
    pub has_validation: bool,
}

/// The number of steps that a training should have, and the smallest and the largest number of epochs for it.
const STEPS: usize = 10_000;
const FEWEST_EPOCHS: usize = 10;
const MOST_EPOCHS: usize = 200;

/// The smallest and the largest number of images per step. Between them, an epoch has twenty steps.
const BATCHES: [usize; 2] = [16, 128];

/// With fewer training images than this, a tenth of them is set aside, and the training ends once the ELBO of that tenth
/// has not risen for a while: such a set is soon learnt by heart.
const FEW: usize = 5000;
const PATIENCE: usize = 20;

impl Config {
    /// Chooses the network, the likelihood, the batch and the epochs for a set of images.
    ///
    /// Images in black and white get a Bernoulli likelihood. Others get a Gaussian whose standard deviation is the best one
    /// for each batch (Rybkin et al. 2021), which leaves nothing to tune.
    pub fn for_images(settings: &Images, set: ImageSet) -> Result<Self> {
        let mut settings = settings.clone();
        let is_binary = set.is_black_and_white && set.shape[0] == 1;
        if is_binary && settings.pixels == Images::default().pixels {
            settings.pixels = crate::data::Pixels::Threshold;
        }
        let is_small = set.images < FEW;
        if is_small && settings.validation == 0 && !set.has_validation {
            settings.validation = set.images / 10;
        }
        let patience = if is_small && (settings.validation > 0 || set.has_validation) {
            PATIENCE
        } else {
            0
        };
        let likelihood = if settings.pixels.is_binary() {
            "[likelihood.bernoulli]"
        } else {
            "[likelihood.gaussian]\nsigma = \"optimal\""
        };
        let batch = batch(set.images);
        let epochs = STEPS
            .div_ceil(set.images.div_ceil(batch).max(1))
            .clamp(FEWEST_EPOCHS, MOST_EPOCHS);
        let text = format!(
            "[data.images]\n{}\n[model.auto]\n{likelihood}\n[objective.elbo]\n[optimizer.adam]\n[schedule.cosine]\nfloor = 0.05\n\
             [train]\nepochs = {epochs}\nbatch = {batch}\nlearning_rate = 1e-3\npatience = {patience}\n",
            toml::to_string(&settings).map_err(crate::error::Error::failed)?,
        );
        let config = Self::parse(&text, Path::new("the chosen config"))?;
        Ok(Self {
            model: model(set),
            ..config
        })
    }
}

fn batch(images: usize) -> usize {
    let [least, most] = BATCHES;
    let wanted = (images / 20).clamp(least, most);
    // The largest power of two that is not above it.
    1 << wanted.ilog2()
}

/// Returns the model. Images of any size get the kinds of small images, until residual blocks are shown to be better.
fn model(set: ImageSet) -> Model {
    Auto::default().choose_small(set.shape, set.images).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(shape: [usize; 3], images: usize) -> Config {
        let set = ImageSet {
            shape,
            images,
            is_black_and_white: false,
            has_validation: false,
        };
        Config::for_images(&Images::default(), set).unwrap()
    }

    #[test]
    fn a_network_is_chosen_for_every_size() {
        for shape in [
            [1, 28, 28],
            [3, 64, 64],
            [3, 64, 84],
            [1, 9, 9],
            [3, 7, 300],
            [3, 256, 128],
        ] {
            let config = chosen(shape, 1000);
            let network = config.network(shape, 0).unwrap();
            assert_eq!(network.image_shape, shape);
        }
        assert_eq!(chosen([3, 64, 64], 1000).model.tag(), "conv");
        assert_eq!(chosen([1, 9, 9], 1000).model.tag(), "mlp");
    }

    #[test]
    fn about_ten_thousand_steps_are_done() {
        let steps = |images| {
            let train = chosen([1, 28, 28], images).train;
            (
                train.batch,
                train.epochs,
                train.steps_per_epoch(images) * train.epochs,
            )
        };
        assert_eq!(steps(400), (16, 200, 5000));
        assert_eq!(steps(5000), (128, 200, 8000));
        assert_eq!(steps(60_000), (128, 22, 10_318));
        assert_eq!(steps(1_000_000).1, 10);
    }

    #[test]
    fn black_and_white_images_are_binary() {
        let set = ImageSet {
            shape: [1, 28, 28],
            images: 1000,
            is_black_and_white: true,
            has_validation: false,
        };
        let config = Config::for_images(&Images::default(), set).unwrap();
        assert_eq!(config.likelihood.tag(), "bernoulli");
        assert!(config.data.kind().pixels().is_binary());
        assert_eq!(chosen([1, 28, 28], 1000).likelihood.tag(), "gaussian");
    }
}
