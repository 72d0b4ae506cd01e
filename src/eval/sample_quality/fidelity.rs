//! How near reconstructions are to held-out images: PSNR and SSIM.

use super::ssim::ssim;
use crate::data::Part;
use crate::error::Result;
use crate::eval::bootstrap::Resamples;
use crate::eval::{Estimate, Protocol};
use crate::model::{Vae, rows};
use crate::ops::pool;

/// The number of images that are decoded together.
const AT_A_TIME: usize = 100;

/// The smallest mean squared error, which is that of an exact reconstruction: 100 dB.
const SMALLEST_ERROR: f64 = 1e-10;

/// The figures of reconstructions from posterior means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fidelity {
    /// The peak signal-to-noise ratio in dB.
    pub psnr: Estimate,
    /// The structural similarity; `None` for images that are smaller than its window.
    pub ssim: Option<Estimate>,
}

impl Fidelity {
    /// Measures the reconstructions of the images of a part. `go_on` is called before each batch.
    ///
    /// Returns `None` if `go_on` returned false.
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn measure(
        vae: &Vae,
        protocol: Protocol,
        part: &Part,
        resamples: &Resamples,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Self>> {
        let shape = part.split.shape;
        let loader = protocol.loader(vae);
        let mut figures: Vec<(f64, Option<f64>)> = Vec::with_capacity(part.len());
        for batch in loader.batches(part.split, &part.ids, AT_A_TIME) {
            if !go_on() {
                return Ok(None);
            }
            let (_, batch) = batch?;
            let z = vae.encode(batch.input(), batch.labels.clone()).mean;
            let decoded = rows(vae.decode_mean(z, batch.labels));
            let pairs = rows(batch.x).into_iter().zip(decoded);
            figures.extend(pool::map(pairs, |(x, y)| {
                (psnr(&x, &y), ssim(&x, &y, shape))
            }));
        }
        let (psnr, ssim): (Vec<f64>, Vec<Option<f64>>) = figures.into_iter().unzip();
        let ssim: Option<Vec<f64>> = ssim.into_iter().collect();
        Ok(Some(Self {
            psnr: resamples.mean(&psnr),
            ssim: ssim.map(|ssim| resamples.mean(&ssim)),
        }))
    }
}

/// Returns the peak signal-to-noise ratio of two images with values in [0, 1], in dB: -10 log10 of the mean squared error.
/// That of equal images is 100.
pub fn psnr(x: &[f32], y: &[f32]) -> f64 {
    let squares = x.iter().zip(y);
    let squares = squares.map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2));
    let error = squares.sum::<f64>() / x.len() as f64;
    -10.0 * error.max(SMALLEST_ERROR).log10()
}
