//! Scores that need no VAE, which a model must beat: the squared error of principal components, and the size of an image's PNG.

use burn::tensor::Tensor;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use super::content_batch::ContentBatch;
use crate::data::Split;
use crate::error::{Error, Result};
use crate::eval::protocol::CHUNK;
use crate::eval::reconstruction::squared_error_of_each;
use crate::eval::{Pca, Rows};
use crate::loader::Loader;
use crate::model::rows;
use crate::ops::pool;

/// The squared error of images projected on principal components of training images.
pub struct PcaError {
    pca: Pca,
    loader: Loader,
}

impl PcaError {
    /// Fits `components` principal components to training images.
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn fit(loader: Loader, train: &Split, components: usize) -> Result<Self> {
        let pca = Pca::fit(
            &Rows {
                count: train.len(),
                width: train.values(),
                read: &|ids| Ok(loader.batch(train, ids)?.x),
            },
            components.min(train.values()),
        )?;
        Ok(Self { pca, loader })
    }

    /// Returns the squared error of each of the images `ids`, summed over its values.
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn scores(&self, split: &Split, ids: &[u32]) -> Result<Vec<f64>> {
        let mut errors = Vec::with_capacity(ids.len());
        for ids in ids.chunks(CHUNK) {
            let x = ContentBatch::read(&self.loader, split, ids)?.batch.x;
            errors.extend(squared_error_of_each(x.clone(), self.pca.reconstruct(x)));
        }
        Ok(errors)
    }
}

/// Returns the number of bytes of each of the images `ids` as a PNG.
///
/// # Errors
/// An image cannot be read.
pub fn png_sizes(loader: &Loader, split: &Split, ids: &[u32]) -> Result<Vec<f64>> {
    let mut sizes = Vec::with_capacity(ids.len());
    for ids in ids.chunks(CHUNK) {
        let x = ContentBatch::read(loader, split, ids)?.batch.x;
        sizes.extend(sizes_of(&x, split.shape)?);
    }
    Ok(sizes)
}

/// Returns the nats of each image's PNG: eight bits a byte.
///
/// # Shapes
/// `x`: `[B, P]`, in [0, 1].
pub(super) fn png_nats(x: &Tensor<2>, shape: [usize; 3]) -> Result<Vec<f64>> {
    let nats = |bytes: f64| bytes * 8.0 * std::f64::consts::LN_2;
    Ok(sizes_of(x, shape)?.into_iter().map(nats).collect())
}

fn sizes_of(x: &Tensor<2>, shape: [usize; 3]) -> Result<Vec<f64>> {
    pool::map(rows(x.clone()), |values| png_size(&values, shape))
        .into_iter()
        .collect()
}

/// Returns the number of bytes of an image's PNG. The settings are fixed, so that sizes can be compared.
fn png_size(values: &[f32], [channels, height, width]: [usize; 3]) -> Result<f64> {
    let area = height * width;
    let level = |i: usize| (values[i % channels * area + i / channels] * 255.0).round() as u8;
    let interleaved: Vec<u8> = (0..values.len()).map(level).collect();
    let colour = if channels == 1 {
        ExtendedColorType::L8
    } else {
        ExtendedColorType::Rgb8
    };
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::Adaptive)
        .write_image(&interleaved, width as u32, height as u32, colour)
        .map_err(|error| Error::failed(format!("a PNG cannot be made: {error}")))?;
    Ok(bytes.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use burn::tensor::Device;

    #[test]
    fn noise_has_a_larger_png_than_a_plain_image() {
        let mut pixels = vec![90; 3 * 16 * 16];
        let noise = (0..3 * 256).map(|i| Rng::new(1).below(i, 256) as u8);
        pixels.extend(noise);
        let split = Split::in_memory(pixels, [3, 16, 16]);
        let loader = Loader::plain(&Device::default());
        let sizes = png_sizes(&loader, &split, &[0, 1, 0]).unwrap();
        assert!(sizes[0] < 150.0 && sizes[1] > 768.0, "{sizes:?}");
        assert_eq!(sizes[0], sizes[2]);
    }

    #[test]
    fn an_image_off_the_line_of_the_training_images_has_a_larger_error() {
        let line: Vec<u8> = (0..20).flat_map(|i| [10 * i, 5 * i]).collect();
        let train = Split::in_memory(line, [1, 1, 2]);
        let found = PcaError::fit(Loader::plain(&Device::default()), &train, 1).unwrap();
        let new = Split::in_memory(vec![100, 50, 50, 150], [1, 1, 2]);
        let errors = found.scores(&new, &[0, 1]).unwrap();
        assert!(errors[0] < 1e-6 && errors[1] > 0.1, "{errors:?}");
    }
}
