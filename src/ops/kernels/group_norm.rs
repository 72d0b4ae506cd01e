//! Group normalisation of one image whose channels lie side by side in each pixel, and its gradients (Wu, He 2018).

use super::activation::{activate, multiply_by_slopes};
use super::simd::with_widest_simd;
use crate::ops::activation::Activation;
use crate::ops::normalisation::EPSILON;

/// The trained numbers of a normalisation, one for each channel.
#[derive(Clone, Copy)]
pub struct Affine<'a> {
    pub scale: &'a [f32],
    pub shift: &'a [f32],
    /// The number of groups of channels.
    pub groups: usize,
    pub activation: Activation,
}

/// The mean of each channel's group in one image, and one over its standard deviation.
#[derive(Clone, Debug, Default)]
pub struct GroupStatistics {
    means: Vec<f32>,
    inverses: Vec<f32>,
}

impl GroupStatistics {
    /// Measures an image, `[H, W, C]`, whose lines have `pitch` values.
    pub fn of(map: &[f32], pitch: usize, channels: usize, groups: usize) -> Self {
        let count = (map.len() / groups) as f64;
        let in_groups = |sums: &[f64]| -> Vec<f64> {
            let each = channels / groups;
            let sums = sums.chunks_exact(each).map(|group| group.iter().sum());
            sums.flat_map(|sum: f64| std::iter::repeat_n(sum, each))
                .collect()
        };
        // The mean is taken first, so that a large mean does not cancel the variance.
        let means: Vec<f32> = in_groups(&sums(map, pitch, &vec![0.0; channels], false))
            .into_iter()
            .map(|sum| (sum / count) as f32)
            .collect();
        let squares = in_groups(&sums(map, pitch, &means, true));
        let inverses = squares
            .into_iter()
            .map(|sum| (1.0 / (sum / count + f64::from(EPSILON)).sqrt()) as f32)
            .collect();
        Self { means, inverses }
    }
}

/// Returns the sum over the pixels of each channel less its `mean`, or of the squares. The sums of a line are added in
/// double precision.
fn sums(map: &[f32], pitch: usize, means: &[f32], squared: bool) -> Vec<f64> {
    let mut sums = vec![0.0; means.len()];
    let mut line_sums = vec![0.0_f32; means.len()];
    with_widest_simd(
        #[inline(always)]
        || {
            for line in map.chunks_exact(pitch) {
                line_sums.fill(0.0);
                for pixel in line.chunks_exact(means.len()) {
                    let each = line_sums.iter_mut().zip(pixel.iter().zip(means));
                    if squared {
                        each.for_each(|(sum, (x, mean))| {
                            let centred = x - mean;
                            *sum += centred * centred;
                        });
                    } else {
                        each.for_each(|(sum, (x, mean))| *sum += x - mean);
                    }
                }
                sums.iter_mut()
                    .zip(&line_sums)
                    .for_each(|(sum, line)| *sum += f64::from(*line));
            }
        },
    );
    sums
}

impl Affine<'_> {
    /// Writes the activation of the normalised `pixels`, which are whole ones, to `to`.
    pub fn run(&self, statistics: &GroupStatistics, pixels: &[f32], to: &mut [f32]) {
        self.before_activation(statistics, pixels, to);
        activate(self.activation, to);
    }

    fn before_activation(&self, statistics: &GroupStatistics, pixels: &[f32], to: &mut [f32]) {
        let GroupStatistics { means, inverses } = statistics;
        let factors: Vec<f32> = self
            .scale
            .iter()
            .zip(inverses)
            .map(|(a, b)| a * b)
            .collect();
        let channels = factors.len();
        with_widest_simd(
            #[inline(always)]
            || {
                let both = to.chunks_exact_mut(channels);
                for (to, pixel) in both.zip(pixels.chunks_exact(channels)) {
                    for i in 0..channels.min(to.len()).min(pixel.len()) {
                        to[i] = (pixel[i] - means[i]) * factors[i] + self.shift[i];
                    }
                }
            },
        );
    }

    /// Replaces the gradient in the output, for one image `x`, by the gradient in `x`. Adds the gradients in the scales
    /// and the shifts to `sums`, `[2, C]`. `z` is memory for the values before the activation.
    pub fn backward(
        &self,
        statistics: &GroupStatistics,
        x: &[f32],
        gradient: &mut [f32],
        z: &mut [f32],
        sums: &mut [f32],
    ) {
        let channels = self.scale.len();
        if self.activation != Activation::None {
            self.before_activation(statistics, x, z);
            multiply_by_slopes(self.activation, z, gradient);
        }
        let GroupStatistics { means, inverses } = statistics;
        // The sums over the pixels of the gradient, and of its product with the normalised value.
        let mut of_gradient = vec![0.0_f32; channels];
        let mut of_product = vec![0.0_f32; channels];
        with_widest_simd(
            #[inline(always)]
            || {
                for (gradient, x) in gradient
                    .chunks_exact(channels)
                    .zip(x.chunks_exact(channels))
                {
                    for i in 0..channels.min(x.len()).min(gradient.len()) {
                        of_gradient[i] += gradient[i];
                        of_product[i] += gradient[i] * (x[i] - means[i]);
                    }
                }
            },
        );
        of_product
            .iter_mut()
            .zip(inverses)
            .for_each(|(sum, inverse)| *sum *= inverse);
        let (to_scale, to_shift) = sums.split_at_mut(channels);
        for i in 0..channels {
            to_scale[i] += of_product[i];
            to_shift[i] += of_gradient[i];
        }
        // dx = (s g - mean(s g) - x' mean(s g x')) / std, with the scale s, the gradient g, the normalised value x' and
        // the means over the group.
        let each = channels / self.groups;
        let count = (x.len() / self.groups) as f32;
        let group_mean = |sums: &[f32], first: usize| -> f32 {
            let group = first..first + each;
            group.map(|i| sums[i] * self.scale[i]).sum::<f32>() / count
        };
        let (mut factors, mut slopes, mut summands) = (
            vec![0.0; channels],
            vec![0.0; channels],
            vec![0.0; channels],
        );
        for first in (0..channels).step_by(each) {
            let [mean, product] = [&of_gradient, &of_product].map(|sums| group_mean(sums, first));
            for i in first..first + each {
                let inverse = inverses[i];
                factors[i] = self.scale[i] * inverse;
                slopes[i] = -product * inverse * inverse;
                summands[i] = -mean * inverse;
            }
        }
        with_widest_simd(
            #[inline(always)]
            || {
                for (gradient, x) in gradient
                    .chunks_exact_mut(channels)
                    .zip(x.chunks_exact(channels))
                {
                    for i in 0..channels.min(x.len()).min(gradient.len()) {
                        gradient[i] =
                            gradient[i] * factors[i] + (x[i] - means[i]) * slopes[i] + summands[i];
                    }
                }
            },
        );
    }
}
