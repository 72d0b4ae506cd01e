//! What one step sees: images, and the noise their latents are drawn with.

use burn::tensor::{Device, Tensor, TensorData};

use crate::ops::random;
use crate::ops::vector::wide;
use crate::rng::Rng;

/// Images on a device, as the model reads them.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[B, C * H * W]`, values in [0, 1].
    pub x: Tensor<2>,
    /// `[B, L]`, the class of each image as one-hot, where the model is conditional.
    pub labels: Option<Tensor<2>>,
}

impl Batch {
    /// Images of `width` values each, one after another.
    ///
    /// # Shapes
    /// `values`: `B * width` numbers in [0, 1].
    pub fn new(values: Vec<f32>, width: usize, device: &Device) -> Self {
        let images = values.len() / width;
        Self {
            x: Tensor::from_data(TensorData::new(values, [images, width]), device),
            labels: None,
        }
    }
}

/// Classes as one-hot labels.
///
/// # Shapes
/// `classes`: `[N]`, each below `count`, `L`; result: `[N, L]`.
pub fn one_hot(
    classes: impl ExactSizeIterator<Item = u8>,
    count: usize,
    device: &Device,
) -> Tensor<2> {
    let shape = [classes.len(), count];
    let mut values = vec![0.0; shape[0] * count];
    values
        .chunks_exact_mut(count)
        .zip(classes)
        .for_each(|(row, class)| row[usize::from(class)] = 1.0);
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Standard normal noise for `samples` latents of each image. An image's noise depends on `rng` and its own key alone,
/// so that neither the size of a batch nor its order changes a result.
///
/// # Shapes
/// `image_ids`: `[B]`; result: `[K, B, D]`.
pub fn noise(
    rng: Rng,
    image_ids: &[u32],
    samples: usize,
    latent: usize,
    device: &Device,
) -> Tensor<3> {
    if random::belong_on(device, samples * image_ids.len() * latent) {
        return noise_on_gpu(rng, image_ids, samples, latent, device);
    }
    let mut values = vec![0.0; samples * image_ids.len() * latent];
    let mut of_image = vec![0.0; samples * latent];
    wide(
        #[inline(always)]
        || {
            for (row, &key) in image_ids.iter().enumerate() {
                rng.at(u64::from(key)).fill_normal(&mut of_image);
                for (k, z) in of_image.chunks_exact(latent).enumerate() {
                    values[(k * image_ids.len() + row) * latent..][..latent].copy_from_slice(z);
                }
            }
        },
    );
    Tensor::from_data(
        TensorData::new(values, [samples, image_ids.len(), latent]),
        device,
    )
}

/// [`noise`], made on the device: the same up to rounding.
pub fn noise_on_gpu(
    rng: Rng,
    image_ids: &[u32],
    samples: usize,
    latent: usize,
    device: &Device,
) -> Tensor<3> {
    random::normals(&rng.at_each(image_ids), samples * latent, device)
        .reshape([image_ids.len(), samples, latent])
        .swap_dims(0, 1)
}
