//! What one step sees: pictures, and the noise their codes are drawn with.

use burn::tensor::{Device, Tensor, TensorData};

use crate::ops::random;
use crate::ops::vector::wide;
use crate::rng::Rng;

/// Pictures on a device, as the model reads them.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[B, C * H * W]`, values in [0, 1].
    pub x: Tensor<2>,
    /// `[B, L]`, the class of each picture as one-hot, where the model is conditional.
    pub labels: Option<Tensor<2>>,
}

impl Batch {
    /// Pictures of `width` values each, one after another.
    ///
    /// # Shapes
    /// `values`: `B * width` numbers in [0, 1].
    pub fn new(values: Vec<f32>, width: usize, device: &Device) -> Self {
        let pictures = values.len() / width;
        Self { x: Tensor::from_data(TensorData::new(values, [pictures, width]), device), labels: None }
    }
}

/// Classes as one-hot labels.
///
/// # Shapes
/// `classes`: `[N]`, each below `count`, `L`; result: `[N, L]`.
pub fn one_hot(classes: impl ExactSizeIterator<Item = u8>, count: usize, device: &Device) -> Tensor<2> {
    let shape = [classes.len(), count];
    let mut values = vec![0.0; shape[0] * count];
    values.chunks_exact_mut(count).zip(classes).for_each(|(row, class)| row[usize::from(class)] = 1.0);
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Standard normal noise for `samples` codes of each picture. A picture's noise depends on `rng` and its own key alone,
/// so that neither the size of a batch nor its order changes a result.
///
/// # Shapes
/// `keys`: `[B]`; result: `[K, B, D]`.
pub fn noise(rng: Rng, keys: &[u32], samples: usize, latent: usize, device: &Device) -> Tensor<3> {
    if random::belong_on(device, samples * keys.len() * latent) {
        return noise_on_gpu(rng, keys, samples, latent, device);
    }
    let mut values = vec![0.0; samples * keys.len() * latent];
    let mut of_picture = vec![0.0; samples * latent];
    wide(
        #[inline(always)]
        || {
            for (row, &key) in keys.iter().enumerate() {
                rng.at(u64::from(key)).fill_normal(&mut of_picture);
                for (k, code) in of_picture.chunks_exact(latent).enumerate() {
                    values[(k * keys.len() + row) * latent..][..latent].copy_from_slice(code);
                }
            }
        },
    );
    Tensor::from_data(TensorData::new(values, [samples, keys.len(), latent]), device)
}

/// [`noise`], made on the device: the same up to rounding.
pub fn noise_on_gpu(rng: Rng, keys: &[u32], samples: usize, latent: usize, device: &Device) -> Tensor<3> {
    random::normals(&rng.at_each(keys), samples * latent, device).reshape([keys.len(), samples, latent]).swap_dims(0, 1)
}
