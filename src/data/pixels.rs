//! From bytes to the numbers a model reads.

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::Images;
use super::resident::unpack;
use crate::batch::{Batch, one_hot};
use crate::ops::vector::wide;
use crate::ops::{made_on, on_host, random, team};
use crate::rng::Rng;

/// Values that one core takes at a time, in whole images: small batches, too, keep all cores busy.
const VALUES: usize = 4096;

/// How a grey level becomes a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pixels {
    /// The level divided by 255.
    #[default]
    Grey,
    /// 1 where the level is above one half, else 0.
    Threshold,
    /// 1 with the level as its probability, drawn afresh each time an image is seen (Burda et al. 2016); the test
    /// set is drawn once, from a fixed seed.
    Dynamic,
    /// 1 with the level as its probability, drawn once for all epochs and runs, from a seed of its own: what published
    /// numbers of "static" binarisation mean, but for the draw, which is ours and not Larochelle's.
    Static,
    /// 0 or 1 as Larochelle published them, drawn by nobody here: of `[data.binarized-mnist]` alone, and no value of
    /// `pixels`.
    #[serde(skip)]
    Larochelle,
}

impl Pixels {
    pub fn name(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::Threshold => "threshold",
            Self::Dynamic => "dynamic",
            Self::Static => "static (drawn once, by us)",
            Self::Larochelle => "static (Larochelle)",
        }
    }

    /// Whether every value is 0 or 1.
    pub fn is_binary(self) -> bool {
        self != Self::Grey
    }

    /// Whether the values are drawn.
    fn is_drawn(self) -> bool {
        matches!(self, Self::Dynamic | Self::Static)
    }

    /// The images `indices` of `images`, with their labels where the model asks for those of `classes` classes. What is
    /// random about an image depends on `rng` and its index alone.
    ///
    /// # Shapes
    /// The batch's `x`: `[B, C * H * W]`; its labels: `[B, L]` with `L` = `classes`.
    pub fn batch(
        self,
        images: &Images,
        indices: &[u32],
        classes: Option<usize>,
        rng: Rng,
        device: &Device,
    ) -> Batch {
        let rng = if self == Self::Static {
            Rng::new(0).stream("static pixels")
        } else {
            rng
        };
        let known = images.labels.as_ref().zip(classes);
        let labels = known.map(|(labels, classes)| {
            one_hot(indices.iter().map(|&i| labels[i as usize]), classes, device)
        });
        let drawn_by_host =
            self.is_drawn() && !random::belong_on(device, indices.len() * images.values());
        if !on_host(device) && !drawn_by_host {
            let bytes = unpack(images.words(indices, device), images.values());
            return Batch {
                x: made_on(device, self.of_bytes(bytes, indices, rng)),
                labels,
            };
        }
        let mut x = vec![0.0; indices.len() * images.values()];
        let rows = (VALUES / images.values()).max(1);
        team::for_each(
            x.chunks_mut(rows * images.values())
                .zip(indices.chunks(rows)),
            |(rows, indices)| {
                for (row, &index) in rows.chunks_exact_mut(images.values()).zip(indices) {
                    self.fill(&images.image(index as usize), rng.at(u64::from(index)), row);
                }
            },
        );
        Batch {
            labels,
            ..Batch::new(x, images.values(), device)
        }
    }

    /// [`Pixels::batch`] of bytes that are on a GPU.
    ///
    /// # Shapes
    /// `bytes` and result: `[B, P]`; `indices`: `[B]`.
    pub fn of_bytes(self, bytes: Tensor<2>, indices: &[u32], rng: Rng) -> Tensor<2> {
        match self {
            Self::Grey => bytes / 255.0,
            Self::Threshold | Self::Larochelle => bytes.greater_elem(127.0).float(),
            Self::Dynamic | Self::Static => {
                let [_, values] = bytes.dims();
                (random::uniforms(&rng.at_each(indices), values, &bytes.device()) * 255.0)
                    .lower(bytes)
                    .float()
            }
        }
    }

    fn fill(self, bytes: &[u8], rng: Rng, row: &mut [f32]) {
        wide(
            #[inline(always)]
            || match self {
                Self::Grey => row
                    .iter_mut()
                    .zip(bytes)
                    .for_each(|(x, &byte)| *x = f32::from(byte) / 255.0),
                Self::Threshold | Self::Larochelle => row
                    .iter_mut()
                    .zip(bytes)
                    .for_each(|(x, &byte)| *x = f32::from(byte > 127)),
                Self::Dynamic | Self::Static => {
                    rng.fill_uniform(row);
                    row.iter_mut()
                        .zip(bytes)
                        .for_each(|(x, &byte)| *x = f32::from(*x * 255.0 < f32::from(byte)));
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dynamic_pixels_are_one_as_often_as_their_level_says() {
        let bytes = [0, 51, 128, 204, 255];
        let mut ones = [0.0; 5];
        let mut row = [0.0; 5];
        for draw in 0..20_000 {
            Pixels::Dynamic.fill(&bytes, Rng::new(1).at(draw), &mut row);
            ones.iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += f64::from(value) / 20_000.0);
        }
        assert_eq!((ones[0], ones[4] > 0.9999), (0.0, true));
        for (share, byte) in ones.iter().zip(bytes) {
            assert!(
                (share - f64::from(byte) / 255.0).abs() < 0.012,
                "{byte}: {share}"
            );
        }
    }

    #[test]
    fn threshold_is_at_one_half() {
        let mut row = [0.0; 3];
        Pixels::Threshold.fill(&[127, 128, 255], Rng::new(1), &mut row);
        assert_eq!(row, [0.0, 1.0, 1.0]);
    }
}
