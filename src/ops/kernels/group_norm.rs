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

/// The number of channels that are worked on at a time. Their numbers stay in registers for all pixels of a block.
const CHANNELS: usize = 16;

/// The number of channels at a time of those that are left.
const FEW_CHANNELS: usize = 4;

/// The number of pixels of a block. Their values stay in the first-level cache.
const PIXELS: usize = 32;

/// The mean of each channel's group in one image, and one over its standard deviation.
#[derive(Clone, Debug, Default)]
pub struct GroupStatistics {
    means: Vec<f32>,
    inverses: Vec<f32>,
}

impl GroupStatistics {
    /// Measures an image, `[H, W, C]`.
    pub fn of(map: &[f32], channels: usize, groups: usize) -> Self {
        let count = (map.len() / groups) as f64;
        let in_groups = |sums: &[f64]| -> Vec<f64> {
            let each = channels / groups;
            let sums = sums.chunks_exact(each).map(|group| group.iter().sum());
            sums.flat_map(|sum: f64| std::iter::repeat_n(sum, each))
                .collect()
        };
        // The mean is taken first, so that a large mean does not cancel the variance.
        let means: Vec<f32> = in_groups(&sums(
            map,
            &vec![0.0; channels],
            #[inline(always)]
            |x| x,
        ))
        .into_iter()
        .map(|sum| (sum / count) as f32)
        .collect();
        let squares = in_groups(&sums(
            map,
            &means,
            #[inline(always)]
            |centred| centred * centred,
        ));
        let inverses = squares
            .into_iter()
            .map(|sum| (1.0 / (sum / count + f64::from(EPSILON)).sqrt()) as f32)
            .collect();
        Self { means, inverses }
    }
}

/// Returns the sum over the pixels of `term` of each channel less its mean. Blocks of pixels are summed in single precision, and
/// their sums in double precision.
fn sums(map: &[f32], means: &[f32], term: impl Fn(f32) -> f32) -> Vec<f64> {
    let channels = means.len();
    let mut sums = vec![0.0; channels];
    let mut some = vec![0.0; channels];
    for pixels in map.chunks(PIXELS * channels) {
        some.fill(0.0);
        with_widest_simd(
            #[inline(always)]
            || {
                add_terms(
                    [pixels, pixels],
                    means,
                    [&mut some],
                    #[inline(always)]
                    |x, _, mean| [term(x - mean)],
                );
            },
        );
        for (sum, more) in sums.iter_mut().zip(&some) {
            *sum += f64::from(*more);
        }
    }
    sums
}

impl Affine<'_> {
    /// Writes the activation of the normalised `pixels`, which are whole ones, to `to`.
    pub fn run(&self, statistics: &GroupStatistics, pixels: &[f32], to: &mut [f32]) {
        let factors = self.factors(statistics);
        let length = PIXELS * factors.len();
        for (to, pixels) in to.chunks_mut(length).zip(pixels.chunks(length)) {
            self.before_activation(&statistics.means, &factors, pixels, to);
            activate(self.activation, to);
        }
    }

    /// Returns what each channel is multiplied by.
    fn factors(&self, statistics: &GroupStatistics) -> Vec<f32> {
        let both = self.scale.iter().zip(&statistics.inverses);
        both.map(|(scale, inverse)| scale * inverse).collect()
    }

    fn before_activation(&self, means: &[f32], factors: &[f32], pixels: &[f32], to: &mut [f32]) {
        with_widest_simd(
            #[inline(always)]
            || {
                change(
                    to,
                    pixels,
                    [means, factors, self.shift],
                    #[inline(always)]
                    |_, x, [mean, factor, shift]| (x - mean) * factor + shift,
                );
            },
        );
    }

    /// Replaces the gradient in the output, for one image `x`, by the gradient in `x`. Adds the gradients in the scales
    /// and the shifts to `sums`, `[2, C]`.
    pub fn backward(
        &self,
        statistics: &GroupStatistics,
        x: &[f32],
        gradient: &mut [f32],
        sums: &mut [f32],
    ) {
        let channels = self.scale.len();
        let GroupStatistics { means, inverses } = statistics;
        let factors = self.factors(statistics);
        // The sums over the pixels of the gradient, and of its product with the normalised value.
        let mut of_gradient = vec![0.0; channels];
        let mut of_product = vec![0.0; channels];
        let length = PIXELS * channels;
        let mut z = vec![0.0; length.min(x.len())];
        for (gradient, x) in gradient.chunks_mut(length).zip(x.chunks(length)) {
            if self.activation != Activation::None {
                let z = &mut z[..x.len()];
                self.before_activation(means, &factors, x, z);
                multiply_by_slopes(self.activation, z, gradient);
            }
            with_widest_simd(
                #[inline(always)]
                || {
                    add_terms(
                        [gradient, x],
                        means,
                        [&mut of_gradient, &mut of_product],
                        #[inline(always)]
                        |gradient, x, mean| [gradient, gradient * (x - mean)],
                    );
                },
            );
        }
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
        let (mut slopes, mut summands) = (vec![0.0; channels], vec![0.0; channels]);
        for first in (0..channels).step_by(each) {
            let [mean, product] = [&of_gradient, &of_product].map(|sums| group_mean(sums, first));
            for i in first..first + each {
                let inverse = inverses[i];
                slopes[i] = -product * inverse * inverse;
                summands[i] = -mean * inverse;
            }
        }
        for (gradient, x) in gradient.chunks_mut(length).zip(x.chunks(length)) {
            with_widest_simd(
                #[inline(always)]
                || {
                    change(
                        gradient,
                        x,
                        [means, &factors, &slopes, &summands],
                        #[inline(always)]
                        |gradient, x, [mean, factor, slope, summand]| {
                            gradient * factor + (x - mean) * slope + summand
                        },
                    );
                },
            );
        }
    }
}

/// Replaces each of `values` by `new(value, other, numbers)`, with the one of `others` at the same place and the numbers of its
/// channel.
#[inline(always)]
fn change<const P: usize>(
    values: &mut [f32],
    others: &[f32],
    numbers: [&[f32]; P],
    new: impl Fn(f32, f32, [f32; P]) -> f32,
) {
    let channels = numbers[0].len();
    let mut first = 0;
    while first + CHANNELS <= channels {
        change_channels::<CHANNELS, P>(first, values, others, numbers, &new);
        first += CHANNELS;
    }
    while first + FEW_CHANNELS <= channels {
        change_channels::<FEW_CHANNELS, P>(first, values, others, numbers, &new);
        first += FEW_CHANNELS;
    }
    while first < channels {
        change_channels::<1, P>(first, values, others, numbers, &new);
        first += 1;
    }
}

/// Replaces the values of `N` channels, from `first` on, as [`change`] does.
#[inline(always)]
fn change_channels<const N: usize, const P: usize>(
    first: usize,
    values: &mut [f32],
    others: &[f32],
    numbers: [&[f32]; P],
    new: &impl Fn(f32, f32, [f32; P]) -> f32,
) {
    let channels = numbers[0].len();
    let mut of_channels = [[0.0; P]; N];
    for (p, numbers) in numbers.iter().enumerate() {
        for (of_channel, number) in of_channels.iter_mut().zip(&numbers[first..][..N]) {
            of_channel[p] = *number;
        }
    }
    for (values, others) in values
        .chunks_exact_mut(channels)
        .zip(others.chunks_exact(channels))
    {
        let (values, others) = (&mut values[first..][..N], &others[first..][..N]);
        let mut changed = [0.0; N];
        for i in 0..N {
            changed[i] = new(values[i], others[i], of_channels[i]);
        }
        values.copy_from_slice(&changed);
    }
}

/// Adds to `sums`, for each channel, the `terms(a, b, mean)` of all pixels, with the values of both maps and the mean of the channel.
#[inline(always)]
fn add_terms<const S: usize>(
    maps: [&[f32]; 2],
    means: &[f32],
    mut sums: [&mut [f32]; S],
    terms: impl Fn(f32, f32, f32) -> [f32; S],
) {
    let mut first = 0;
    while first + CHANNELS <= means.len() {
        add_terms_of_channels::<CHANNELS, S>(first, maps, means, &mut sums, &terms);
        first += CHANNELS;
    }
    while first + FEW_CHANNELS <= means.len() {
        add_terms_of_channels::<FEW_CHANNELS, S>(first, maps, means, &mut sums, &terms);
        first += FEW_CHANNELS;
    }
    while first < means.len() {
        add_terms_of_channels::<1, S>(first, maps, means, &mut sums, &terms);
        first += 1;
    }
}

/// Adds the terms of `N` channels, from `first` on, as [`add_terms`] does.
#[inline(always)]
fn add_terms_of_channels<const N: usize, const S: usize>(
    first: usize,
    [a, b]: [&[f32]; 2],
    means: &[f32],
    sums: &mut [&mut [f32]; S],
    terms: &impl Fn(f32, f32, f32) -> [f32; S],
) {
    let channels = means.len();
    let means = &means[first..][..N];
    let mut of_channels = [[0.0; N]; S];
    for (a, b) in a.chunks_exact(channels).zip(b.chunks_exact(channels)) {
        let (a, b) = (&a[first..][..N], &b[first..][..N]);
        for i in 0..N {
            for (sums, term) in of_channels.iter_mut().zip(terms(a[i], b[i], means[i])) {
                sums[i] += term;
            }
        }
    }
    for (sums, more) in sums.iter_mut().zip(of_channels) {
        for (sum, more) in sums[first..][..N].iter_mut().zip(more) {
            *sum += more;
        }
    }
}
