//! The ELBO of every picture of a split.

use burn::tensor::Tensor;

use crate::batch::noise;
use crate::data::{Images, Pixels};
use crate::model::Vae;
use crate::objective::distortion_and_rate;
use crate::rng::Rng;

/// Pictures that are measured together: large enough for full speed, small enough for a laptop's memory.
const CHUNK: usize = 250;

/// What a number holds for. Two numbers with different protocols are not to be compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Protocol {
    pub pixels: Pixels,
    /// Codes drawn for each picture.
    pub samples: usize,
    /// Of the codes' noise and of the pixels that are drawn.
    pub seed: u64,
}

/// Distortion and rate of each picture, nats.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Elbo {
    pub distortion: Vec<f64>,
    pub rate: Vec<f64>,
}

/// A mean over pictures and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub mean: f64,
    /// The sample's standard deviation over the square root of the number of pictures; 0 for a single one.
    pub se: f64,
}

impl Estimate {
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
        Self { mean, se: if n > 1.0 { (squares / (n - 1.0) / n).sqrt() } else { 0.0 } }
    }
}

impl Elbo {
    pub fn elbo(&self) -> Estimate {
        Estimate::of(self.distortion.iter().zip(&self.rate).map(|(distortion, rate)| -(distortion + rate)))
    }

    /// The bound on the code length of pictures of `values` values each: -ELBO / (P ln 2).
    pub fn bits_per_dim(&self, values: usize) -> Estimate {
        let scale = 1.0 / (values as f64 * std::f64::consts::LN_2);
        let elbo = self.elbo();
        Estimate { mean: -elbo.mean * scale, se: elbo.se * scale }
    }

    pub fn distortion(&self) -> Estimate {
        Estimate::of(self.distortion.iter().copied())
    }

    pub fn rate(&self) -> Estimate {
        Estimate::of(self.rate.iter().copied())
    }
}

/// What draws the pixels of the pictures that are measured, looked at and interpolated, where they are drawn.
pub fn pixels_rng(seed: u64) -> Rng {
    Rng::new(seed).stream("evaluation").stream("pixels")
}

/// Measures `images` in order. `vae` is without autodiff. `seen` is told after each chunk how many are done.
///
/// A picture's noise depends on the seed and its index alone, so that the result depends on the chunks by rounding only.
pub fn measure(vae: &Vae, images: &Images, protocol: Protocol, seen: &mut dyn FnMut(usize)) -> Elbo {
    let device = vae.device();
    let rng = Rng::new(protocol.seed).stream("evaluation");
    let latent = vae.blueprint().latent;
    let mut result = Elbo::default();
    let indices: Vec<u32> = (0..images.len() as u32).collect();
    for chunk in indices.chunks(CHUNK) {
        let batch = protocol.pixels.batch(images, chunk, vae.classes(), pixels_rng(protocol.seed), &device);
        let posterior = vae.encode(batch.x.clone(), batch.labels.clone());
        let mut distortion = vec![0.0; chunk.len()];
        // One code a picture at a time: memory does not grow with their number.
        for k in 0..protocol.samples {
            let noise = noise(rng.stream("noise").at(k as u64), chunk, 1, latent, &device);
            let parts = vae.parts_of(posterior.clone(), &batch, noise);
            let (of_code, rate) = distortion_and_rate(&parts);
            distortion.iter_mut().zip(numbers(of_code)).for_each(|(sum, value)| *sum += value);
            if k == 0 {
                result.rate.extend(numbers(rate));
            }
        }
        result.distortion.extend(distortion.into_iter().map(|sum| sum / protocol.samples as f64));
        seen(result.rate.len());
    }
    result
}

fn numbers(values: Tensor<1>) -> Vec<f64> {
    values.into_data().iter::<f32>().map(f64::from).collect()
}
