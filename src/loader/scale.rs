//! From levels, 0 to 255, to the values that a network reads.

use std::cell::RefCell;

use burn::tensor::Tensor;

use super::augmentation::Augmentation;
use crate::data::{Example, Pixels};
use crate::error::Result;
use crate::ops::simd::with_widest_simd;
use crate::ops::{pool, random};
use crate::rng::Rng;

/// Values that one core takes at a time, in whole examples: small batches, too, keep all cores busy.
const VALUES: usize = 4096;

thread_local! {
    /// The bytes of an augmented image before they are scaled.
    static AUGMENTED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// How the levels of a split's images become values on the host.
pub struct Scaling<'a> {
    pub pixels: Pixels,
    /// `[C, H, W]`.
    pub shape: [usize; 3],
    /// The random stream of pixels that are drawn.
    pub rng: Rng,
    /// The random changes of the images; `None` if they are to be read as they are.
    pub augmentation: Option<&'a Augmentation>,
}

impl Scaling<'_> {
    /// Returns the values of a batch. `read` gives the example of a row.
    ///
    /// # Shapes
    /// `ids`: `[B]`; result: `B * C * H * W` numbers.
    pub fn on_host<'a>(
        &self,
        ids: &[u32],
        read: &(dyn Fn(usize) -> Result<Example<'a>> + Sync),
    ) -> Result<Vec<f32>> {
        let width: usize = self.shape.iter().product();
        let rows = (VALUES / width).max(1);
        let fill = |block: usize, values: &mut [f32]| -> Result<()> {
            let places = block * rows..;
            for (place, row) in places.zip(values.chunks_exact_mut(width)) {
                let id = ids[place];
                match read(place)? {
                    Example::Bytes(bytes) => self.scale(&bytes, id, row),
                    Example::Floats(floats) => match self.augmentation {
                        Some(augment) => augment.apply_to(&floats, self.shape, id, row),
                        None => row.copy_from_slice(&floats),
                    },
                }
            }
            Ok(())
        };
        let (x, filled) = pool::fill(ids.len() * width, rows * width, fill);
        // The first error by position, whichever thread met one first.
        filled.into_iter().collect::<Result<()>>()?;
        Ok(x)
    }

    fn scale(&self, bytes: &[u8], id: u32, row: &mut [f32]) {
        let rng = self.rng.at(u64::from(id));
        match self.augmentation {
            None => scale(self.pixels, bytes, rng, row),
            Some(augment) => AUGMENTED.with_borrow_mut(|augmented| {
                augmented.resize(bytes.len(), 0);
                augment.apply_to(bytes, self.shape, id, augmented);
                scale(self.pixels, augmented, rng, row);
            }),
        }
    }
}

/// Does what [`Scaling::on_host`] does, without augmentation, with bytes that are on a GPU, as numbers from 0 to 255.
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
