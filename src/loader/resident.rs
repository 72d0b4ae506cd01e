//! The bytes of a split on a GPU, four to a 32-bit word: they travel once, and batches are gathered there.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::data::{Example, Split};
use crate::error::Result;
use crate::ops::pool;

/// Bytes, in whole words per image: the largest buffer that every WebGPU device lets a kernel read (MNIST has 47 million).
/// The batches of a larger split travel one by one.
const MOST: usize = 128 << 20;

/// Returns the bytes of the examples `ids` on a GPU, as numbers from 0 to 255: gathered there if the split lies in memory
/// and is not too large, otherwise brought there. `None` if the examples are not bytes.
///
/// # Shapes
/// `ids`: `[B]`; result: `[B, P]`.
pub fn packed(split: &Split, ids: &[u32], device: &Device) -> Result<Option<Tensor<2>>> {
    let width = split.values();
    if let Some(all) = device_copy(split, device) {
        let ids: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
        let shape = [ids.len()];
        let ids = Tensor::from_data(TensorData::new(ids, shape), &all.device());
        return Ok(Some(unpack(all.select(0, ids), width)));
    }
    let mut bytes = vec![0; ids.len() * width];
    let copied = pool::map(bytes.chunks_mut(width).zip(ids), |(row, &id)| {
        Ok(match split.example(id as usize)? {
            Example::Bytes(bytes) => {
                row.copy_from_slice(&bytes);
                true
            }
            Example::Floats(_) => false,
        })
    });
    let are_bytes = copied.into_iter().collect::<Result<Vec<bool>>>()?;
    Ok(are_bytes
        .iter()
        .all(|is_bytes| *is_bytes)
        .then(|| unpack(upload(&bytes, width, device), width)))
}

/// Returns the words of a whole split, `[N, W]`; `None` if they are not in memory, too many, or on another device.
fn device_copy(split: &Split, device: &Device) -> Option<Tensor<2, Int>> {
    let width = split.values();
    let bytes = split.bytes()?;
    if bytes.is_empty() || split.len() * width.div_ceil(4) * 4 > MOST {
        return None;
    }
    let (on, words) = split
        .device_copy
        .get_or_init(|| (device.clone(), upload(bytes, width, device)));
    (on == device).then(|| words.clone())
}

/// Brings bytes to `device`.
///
/// # Shapes
/// `bytes`: `N * width`; result: `[N, W]`, `W` a quarter of `width`, rounded up.
fn upload(bytes: &[u8], width: usize, device: &Device) -> Tensor<2, Int> {
    let pack = |four: &[u8]| {
        let mut word = [0; 4];
        word[..four.len()].copy_from_slice(four);
        u32::from_le_bytes(word)
    };
    let words: Vec<u32> = bytes
        .chunks(width)
        .flat_map(|image| image.chunks(4).map(pack))
        .collect();
    let shape = [bytes.len() / width, width.div_ceil(4)];
    Tensor::from_data(
        TensorData::new(words, shape),
        (&device.clone().inner(), DType::U32),
    )
}

/// Returns the bytes in `words` as numbers from 0 to 255.
///
/// # Shapes
/// `words`: `[B, W]`; result: `[B, width]`.
fn unpack(words: Tensor<2, Int>, width: usize) -> Tensor<2> {
    let [count, words_per_row] = words.dims();
    let shifts = TensorData::new(vec![0_u32, 8, 16, 24], [1, 1, 4]);
    let shifts = Tensor::<3, Int>::from_data(shifts, (&words.device(), DType::U32));
    let shape = [count, words_per_row, 4];
    let bytes = words
        .unsqueeze_dim::<3>(2)
        .expand(shape)
        .bitwise_right_shift(shifts.expand(shape));
    bytes
        .bitwise_and_scalar(255_u32)
        .float()
        .reshape([count, 4 * words_per_row])
        .narrow(1, 0, width)
}
