//! From levels, 0 to 255, to the values that a network reads.

use burn::tensor::Tensor;

use crate::data::{Example, Pixels};
use crate::error::Result;
use crate::ops::simd::with_widest_simd;
use crate::ops::{pool, random};
use crate::rng::Rng;

/// Values that one core takes at a time, in whole examples: small batches, too, keep all cores busy.
const VALUES: usize = 4096;

/// Returns the values of a batch on the host. `read` gives the example of a row.
///
/// # Shapes
/// `ids`: `[B]`; result: `B * width` numbers.
pub fn scaled_on_host<'a>(
    pixels: Pixels,
    width: usize,
    ids: &[u32],
    rng: Rng,
    read: &(dyn Fn(usize) -> Result<Example<'a>> + Sync),
) -> Result<Vec<f32>> {
    let mut x = vec![0.0; ids.len() * width];
    let rows = (VALUES / width).max(1);
    let blocks = x.chunks_mut(rows * width).zip(ids.chunks(rows)).enumerate();
    let filled = pool::map(blocks, |(block, (values, ids))| -> Result<()> {
        for (i, (row, &id)) in values.chunks_exact_mut(width).zip(ids).enumerate() {
            match read(block * rows + i)? {
                Example::Bytes(bytes) => scale(pixels, &bytes, rng.at(u64::from(id)), row),
                Example::Floats(floats) => row.copy_from_slice(&floats),
            }
        }
        Ok(())
    });
    // The first error by position, whichever thread met one first.
    filled.into_iter().collect::<Result<()>>()?;
    Ok(x)
}

/// Does what [`scaled_on_host`] does with bytes that are on a GPU, as numbers from 0 to 255.
///
/// # Shapes
/// `bytes` and result: `[B, P]`; `ids`: `[B]`.
pub fn scaled_on_gpu(pixels: Pixels, bytes: Tensor<2>, ids: &[u32], rng: Rng) -> Tensor<2> {
    match pixels {
        Pixels::Grey => bytes / 255.0,
        Pixels::Threshold => bytes.greater_elem(127.0).float(),
        Pixels::Dynamic | Pixels::Static => {
            let [_, values] = bytes.dims();
            (random::uniforms(&rng.at_each(ids), values, &bytes.device()) * 255.0)
                .lower(bytes)
                .float()
        }
    }
}

fn scale(pixels: Pixels, bytes: &[u8], rng: Rng, row: &mut [f32]) {
    with_widest_simd(
        #[inline(always)]
        || match pixels {
            Pixels::Grey => row
                .iter_mut()
                .zip(bytes)
                .for_each(|(x, &byte)| *x = f32::from(byte) / 255.0),
            Pixels::Threshold => row
                .iter_mut()
                .zip(bytes)
                .for_each(|(x, &byte)| *x = f32::from(byte > 127)),
            Pixels::Dynamic | Pixels::Static => {
                rng.fill_uniform(row);
                row.iter_mut()
                    .zip(bytes)
                    .for_each(|(x, &byte)| *x = f32::from(*x * 255.0 < f32::from(byte)));
            }
        },
    );
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
            scale(Pixels::Dynamic, &bytes, Rng::new(1).at(draw), &mut row);
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
        scale(Pixels::Threshold, &[127, 128, 255], Rng::new(1), &mut row);
        assert_eq!(row, [0.0, 1.0, 1.0]);
    }
}
