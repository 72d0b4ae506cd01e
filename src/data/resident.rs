//! The bytes of a data set on a GPU, four to a 32-bit word: they travel once, and batches are gathered there.

use std::sync::{Arc, OnceLock};

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

/// Bytes, in whole words an image: the largest buffer that every WebGPU device lets a kernel read (MNIST has 47 million). Of a larger data set each
/// batch's bytes travel.
const MOST: usize = 128 << 20;

/// A place for the words, `[N, W]`, and for the device that they are on: the first that asked.
#[derive(Clone, Debug, Default)]
pub struct DevicePixels(Arc<OnceLock<(Device, Tensor<2, Int>)>>);

impl DevicePixels {
    /// The words on `device`; nothing where there are too many, or where they are on another device.
    ///
    /// # Shapes
    /// `bytes`: `N * values`; result: `[N, W]`, `W` a quarter of `values`, rounded up.
    pub fn words(&self, bytes: &[u8], values: usize, device: &Device) -> Option<Tensor<2, Int>> {
        if bytes.is_empty() || bytes.len() / values * values.div_ceil(4) * 4 > MOST {
            return None;
        }
        let (on, words) = self
            .0
            .get_or_init(|| (device.clone(), upload(bytes, values, device)));
        (on == device).then(|| words.clone())
    }
}

/// Images' bytes, brought to `device`.
///
/// # Shapes
/// `bytes`: `N * values`; result: `[N, W]`.
pub fn upload(bytes: &[u8], values: usize, device: &Device) -> Tensor<2, Int> {
    let pack = |four: &[u8]| {
        let mut word = [0; 4];
        word[..four.len()].copy_from_slice(four);
        u32::from_le_bytes(word)
    };
    let words: Vec<u32> = bytes
        .chunks(values)
        .flat_map(|image| image.chunks(4).map(pack))
        .collect();
    let shape = [bytes.len() / values, values.div_ceil(4)];
    Tensor::from_data(
        TensorData::new(words, shape),
        (&device.clone().inner(), DType::U32),
    )
}

/// The bytes in `words`, as numbers from 0 to 255.
///
/// # Shapes
/// `words`: `[B, W]`; result: `[B, values]`.
pub fn unpack(words: Tensor<2, Int>, values: usize) -> Tensor<2> {
    let [count, width] = words.dims();
    let shifts = TensorData::new(vec![0_u32, 8, 16, 24], [1, 1, 4]);
    let shifts = Tensor::<3, Int>::from_data(shifts, (&words.device(), DType::U32));
    let shape = [count, width, 4];
    let bytes = words
        .unsqueeze_dim::<3>(2)
        .expand(shape)
        .bitwise_right_shift(shifts.expand(shape));
    bytes
        .bitwise_and_scalar(255_u32)
        .float()
        .reshape([count, 4 * width])
        .narrow(1, 0, values)
}
