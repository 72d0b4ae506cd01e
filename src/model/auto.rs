//! The choice between the kinds of networks, by the size of the images and by their number.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::conv::Conv;
use super::mlp::Mlp;
use super::resnet::Resnet;
use super::{
    Activation, ConvolutionConfig, DenseConfig, ModelKind, Network, Padding, TransposedConfig,
};
use crate::check::at_least_one;
use crate::error::Result;

/// The channels at each resolution, from the image on.
const CHANNELS: [usize; 4] = [32, 64, 128, 128];

/// The shortest side that a convolution still halves.
const SHORTEST: usize = 8;

/// The shortest side of images that residual blocks are chosen for, the stride of their first convolution, and their channels
/// at each resolution. With such a stride a training gets further in the same time on a processor than with a smaller one.
const SHORTEST_FOR_BLOCKS: usize = 48;
const STEM: usize = 4;
const BLOCK_CHANNELS: [usize; 4] = [48, 96, 128, 128];

/// With fewer training images than this, there are `FEW_LATENTS` latents instead of `MANY_LATENTS`.
const FEW_IMAGES: usize = 1000;
const FEW_LATENTS: usize = 16;
const MANY_LATENTS: usize = 32;

/// The `[model.auto]` table. A training replaces it by the model that it chooses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Auto {
    /// `D`, the number of latents; by default the number of images chooses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latent: Option<usize>,
}

/// The model that was chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum ChosenModel {
    Mlp(Mlp),
    Conv(Conv),
    Resnet(Resnet),
}

impl Auto {
    /// Returns the model for images of shape `[C, H, W]` when there are `images` of them to train on: residual blocks for
    /// images whose sides are both at least [`SHORTEST_FOR_BLOCKS`] pixels, and else that of [`Auto::choose_small`].
    pub fn choose(&self, shape: [usize; 3], images: usize) -> ChosenModel {
        let [_, height, width] = shape;
        if height.min(width) < SHORTEST_FOR_BLOCKS {
            return self.choose_small(shape, images);
        }
        let mut side = height.min(width).div_ceil(STEM);
        let mut levels = 1;
        while levels < BLOCK_CHANNELS.len() && side > SHORTEST {
            side = side.div_ceil(2);
            levels += 1;
        }
        ChosenModel::Resnet(Resnet {
            latent: self.latents(images),
            channels: BLOCK_CHANNELS[..levels].to_vec(),
            stem: STEM,
            ..Resnet::default()
        })
    }

    /// Returns the model for images of shape `[C, H, W]` without residual blocks. Convolutions halve the image as long as
    /// its sides allow, down to 4 to 7 pixels; where they cannot halve it once, the layers are dense.
    pub fn choose_small(
        &self,
        [channels, height, width]: [usize; 3],
        images: usize,
    ) -> ChosenModel {
        let latent = self.latents(images);
        let mut sides = [height, width];
        let mut levels = 0;
        while levels < CHANNELS.len() && sides.iter().all(|side| side % 2 == 0 && *side >= SHORTEST)
        {
            sides = sides.map(|side| side / 2);
            levels += 1;
        }
        if levels == 0 {
            return ChosenModel::Mlp(Mlp {
                latent,
                hidden: vec![512, 256],
                ..Mlp::default()
            });
        }
        let [height, width] = sides;
        let last = CHANNELS[levels - 1];
        let dense = DenseConfig {
            dense: last * height * width,
            shape: Some([last, height, width]),
            activation: None,
        };
        let up = CHANNELS[..levels - 1].iter().rev().chain([&channels]);
        ChosenModel::Conv(Conv {
            latent,
            activation: Activation::Relu,
            encoder: CHANNELS[..levels]
                .iter()
                .map(|&conv| half(conv).into())
                .collect(),
            decoder: [dense.into()]
                .into_iter()
                .chain(up.map(|&transposed| twice(transposed).into()))
                .collect(),
            ..Conv::default()
        })
    }

    fn latents(&self, images: usize) -> usize {
        let chosen = if images < FEW_IMAGES {
            FEW_LATENTS
        } else {
            MANY_LATENTS
        };
        self.latent.unwrap_or(chosen)
    }
}

/// Returns a convolution that halves the image.
fn half(channels: usize) -> ConvolutionConfig {
    ConvolutionConfig {
        conv: channels,
        kernel: Some(4),
        stride: Some(2),
        padding: Some(Padding::Zeros(1)),
        activation: None,
    }
}

/// Returns a transposed convolution that doubles the image.
fn twice(channels: usize) -> TransposedConfig {
    TransposedConfig {
        transposed: channels,
        kernel: Some(4),
        stride: Some(2),
        padding: Some(Padding::Zeros(1)),
        ..TransposedConfig::default()
    }
}

impl ModelKind for Auto {
    fn check(&self) -> Result<()> {
        self.latent
            .map_or(Ok(()), |latent| at_least_one("model.auto.latent", latent))
    }

    fn latent_count(&self) -> usize {
        self.latents(usize::MAX)
    }

    /// Returns the network for many images: their number is not known here. A training never comes here, because its
    /// config has the chosen model.
    fn network(&self, image_shape: [usize; 3]) -> Result<Network> {
        self.check()?;
        match self.choose(image_shape, usize::MAX) {
            ChosenModel::Mlp(mlp) => mlp.network(image_shape),
            ChosenModel::Conv(conv) => conv.network(image_shape),
            ChosenModel::Resnet(resnet) => resnet.network(image_shape),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(shape: [usize; 3]) -> &'static str {
        match Auto::default().choose(shape, 1000) {
            ChosenModel::Mlp(_) => "mlp",
            ChosenModel::Conv(_) => "conv",
            ChosenModel::Resnet(_) => "resnet",
        }
    }

    #[test]
    fn the_model_is_chosen_by_the_shorter_side() {
        for (shape, chosen) in [
            ([1, 1, 784], "mlp"),
            ([1, 9, 9], "mlp"),
            ([3, 7, 300], "mlp"),
            ([1, 28, 28], "conv"),
            ([3, 32, 300], "conv"),
            ([3, 46, 48], "conv"),
            ([3, 48, 48], "resnet"),
            ([3, 64, 84], "resnet"),
            ([1, 57, 65], "resnet"),
            ([3, 256, 128], "resnet"),
        ] {
            assert_eq!(tag(shape), chosen, "{shape:?}");
            assert_eq!(Auto::default().network(shape).unwrap().image_shape, shape);
        }
    }

    #[test]
    fn the_last_residual_blocks_work_on_few_pixels() {
        for (side, levels) in [(48, 2), (64, 2), (65, 3), (128, 3), (256, 4)] {
            let ChosenModel::Resnet(resnet) = Auto::default().choose([3, side, side], 1) else {
                panic!("{side}");
            };
            assert_eq!(resnet.channels.len(), levels, "{side}");
        }
    }

    #[test]
    fn the_latents_are_those_of_the_table_or_chosen_by_the_number_of_images() {
        let latents = |latent, images| Auto { latent }.latents(images);
        assert_eq!([latents(None, 999), latents(None, 1000)], [16, 32]);
        assert_eq!([latents(Some(5), 999), latents(Some(5), 1000)], [5, 5]);
        let error = Auto { latent: Some(0) }.check().unwrap_err();
        assert!(error.to_string().contains("model.auto.latent is 0"));
    }
}
