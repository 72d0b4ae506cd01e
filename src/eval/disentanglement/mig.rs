//! The mutual information gap (Chen, Li, Grosse, Duvenaud 2018, section 4.1): the difference between the largest and the
//! second largest I(z; v) of a latent z with a factor v, as a share of H(v), averaged over factors.
//!
//! I(z; v) = H(z) - H(z | v) for one latent z that follows the aggregate posterior q(z) = 1/N sum_n q(z | x_n), and
//! q(z | v), the same sum over the images of that v. Both densities are exact sums, no histograms; the means of their
//! logarithms are taken over one sample z_n from each posterior (there, equation 39). The same samples serve both, whereas
//! the authors' program draws twice: the mean is the same, its error smaller.

use super::common::{average, gap};
use crate::data::Factor;
use crate::density::LOG_TWO_PI;
use crate::ops::math::exp_negative;
use crate::ops::pool;
use crate::ops::simd::with_widest_simd;
use crate::rng::Rng;

/// Draws that the means are taken over, as in the authors' program.
const MOST_DRAWS: usize = 10_000;
/// Draws that one core takes at a time.
const ROWS: usize = 64;
/// Densities that are added up as float32 before the sum goes on as float64.
const BLOCK: usize = 1024;
/// Latents with a log variance beyond this are taken as if they had this one, so that float32 holds their densities.
const EXTREME: f32 = 60.0;

/// The mutual information of each latent with each factor.
#[derive(Clone, Debug, PartialEq)]
pub struct Mig {
    /// The mean gap.
    pub score: f64,
    /// `[F]`: H(v), nats.
    pub entropies: Vec<f64>,
    /// `[F][D]`: I(z; v), nats; an estimate, which may be slightly below 0 or above H(v).
    pub information: Vec<Vec<f64>>,
}

/// Measures the gap; `None` if no factor varies or there is no latent. With one latent the next one is taken to have no
/// information.
///
/// # Shapes
/// `means` and `log_vars`: `[N][D]`; `factors`: `[F]`, of `N` images, each with more than one value.
pub fn mig(means: &[Vec<f32>], log_vars: &[Vec<f32>], factors: &[Factor], rng: Rng) -> Option<Mig> {
    let latent_count = means.first().map_or(0, Vec::len);
    if latent_count == 0 || factors.is_empty() {
        return None;
    }
    let mut drawn = rng.stream("images").permutation(means.len());
    drawn.truncate(MOST_DRAWS);
    let sorted: Vec<Sorted> = factors.iter().map(Sorted::new).collect();
    let of = |latent| {
        information(
            &LatentDensities::new(means, log_vars, latent, rng),
            &drawn,
            &sorted,
        )
    };
    let by_latent: Vec<Vec<f64>> = (0..latent_count).map(of).collect();
    let information: Vec<Vec<f64>> = (0..factors.len())
        .map(|f| by_latent.iter().map(|of_latent| of_latent[f]).collect())
        .collect();
    let entropies: Vec<f64> = factors.iter().map(Factor::entropy).collect();
    let gaps = information.iter().zip(&entropies).map(|(values, entropy)| {
        // As there: an estimate below 0 means no information.
        gap(values.iter().map(|value| value.max(0.0)).collect()) / entropy
    });
    let score = average(&gaps.collect::<Vec<_>>())?;
    Some(Mig {
        score,
        entropies,
        information,
    })
}

/// The images ordered by the values of a factor.
struct Sorted {
    order: Vec<u32>,
    /// `[N]`: the beginning and the end, in `order`, of the images with the value of each image.
    ranges: Vec<[usize; 2]>,
}

impl Sorted {
    fn new(factor: &Factor) -> Self {
        let mut ranges = vec![[0, 0]; factor.levels.len()];
        let mut order = Vec::with_capacity(factor.levels.len());
        for group in factor.groups() {
            let range = [order.len(), order.len() + group.len()];
            group
                .iter()
                .for_each(|&index| ranges[index as usize] = range);
            order.extend(group);
        }
        Self { order, ranges }
    }
}

/// Normal densities of one latent, with a draw from each.
struct LatentDensities {
    /// `[N]`.
    means: Vec<f32>,
    /// `[N]`: one over the standard deviations.
    inverses: Vec<f32>,
    /// `[N]`.
    draws: Vec<f32>,
}

impl LatentDensities {
    fn new(means: &[Vec<f32>], log_vars: &[Vec<f32>], latent: usize, rng: Rng) -> Self {
        let rng = rng.stream("draws").at(latent as u64);
        let means: Vec<f32> = means.iter().map(|row| row[latent]).collect();
        let halves: Vec<f32> = log_vars
            .iter()
            .map(|row| 0.5 * row[latent].clamp(-EXTREME, EXTREME))
            .collect();
        let mut draws = vec![0.0; means.len()];
        rng.fill_normal(&mut draws);
        draws
            .iter_mut()
            .zip(&means)
            .zip(&halves)
            .for_each(|((z, mean), half)| *z = mean + half.exp() * *z);
        Self {
            inverses: halves.iter().map(|half| (-half).exp()).collect(),
            means,
            draws,
        }
    }
}

/// Returns I(z; v) of one latent and each factor: the mean over draws of log q(z | v) - log q(z).
fn information(latent: &LatentDensities, drawn: &[u32], factors: &[Sorted]) -> Vec<f64> {
    let gather = |values: &[f32], order: &[u32]| {
        order
            .iter()
            .map(|&index| values[index as usize])
            .collect::<Vec<_>>()
    };
    let sorted: Vec<[Vec<f32>; 2]> = factors
        .iter()
        .map(|factor| {
            [
                gather(&latent.means, &factor.order),
                gather(&latent.inverses, &factor.order),
            ]
        })
        .collect();
    let pass = pool::map(drawn.chunks(ROWS), |indices| {
        with_widest_simd(
            #[inline(always)]
            || {
                let mut sums = vec![0.0; factors.len()];
                for &index in indices {
                    let z = latent.draws[index as usize];
                    let marginal = log_density(z, &latent.means, &latent.inverses);
                    for ((sum, factor), [means, inverses]) in
                        sums.iter_mut().zip(factors).zip(&sorted)
                    {
                        let [from, to] = factor.ranges[index as usize];
                        *sum += log_density(z, &means[from..to], &inverses[from..to]) - marginal;
                    }
                }
                sums
            },
        )
    });
    // Added up in order, so that the number of threads does not matter.
    (0..factors.len())
        .map(|f| pass.iter().map(|part| part[f]).sum::<f64>() / drawn.len() as f64)
        .collect()
}

/// Returns log 1/N sum_n N(z; m_n, s_n^2). `z` is a sample from one of them, whose density does not vanish in float32.
#[inline(always)]
fn log_density(z: f32, means: &[f32], inverses: &[f32]) -> f64 {
    let mut total = 0.0;
    for (means, inverses) in means.chunks(BLOCK).zip(inverses.chunks(BLOCK)) {
        let ((means, few_means), (inverses, few_inverses)) =
            (means.as_chunks::<16>(), inverses.as_chunks::<16>());
        // Always sixteen partial sums, so that the length of the machine's vectors does not matter.
        let mut lanes = [0.0_f32; 16];
        for (means, inverses) in means.iter().zip(inverses) {
            for lane in 0..16 {
                lanes[lane] += scaled_density(z, means[lane], inverses[lane]);
            }
        }
        for (lane, (mean, inverse)) in lanes.iter_mut().zip(few_means.iter().zip(few_inverses)) {
            *lane += scaled_density(z, *mean, *inverse);
        }
        total += lanes.iter().map(|&lane| f64::from(lane)).sum::<f64>();
    }
    (total / means.len() as f64).ln() - 0.5 * LOG_TWO_PI
}

/// Returns sqrt(2 pi) N(z; m, s^2).
#[inline(always)]
fn scaled_density(z: f32, mean: f32, inverse: f32) -> f32 {
    let u = (z - mean) * inverse;
    inverse * exp_negative(-0.5 * u * u)
}
