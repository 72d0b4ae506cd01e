//! The E-step: the responsibility of each component for each image, r_nk, in proportion to
//! w_k exp(E_q(z | x_n)[log N(z; mu_k, S_k)]).

use rayon::prelude::*;

use super::points::{Points, Responsibilities};
use crate::density::{GaussianMixture, log_sum};

/// The smallest responsibility that counts. It is far below what changes a float64 sum.
const NEGLIGIBLE: f64 = 1e-12;

/// The number of images whose responsibilities are computed together. It does not depend on the threads, and the order of
/// all sums follows from it: every number of threads gives the same bytes.
const IMAGES_AT_A_TIME: usize = 512;

/// Returns F without the penalty, and the members of each component, in the order of the images.
pub fn expect(points: &Points, mixture: &GaussianMixture) -> (f64, Vec<Responsibilities>) {
    let images: Vec<u32> = (0..points.means.len() as u32).collect();
    let count = mixture.components.len();
    let logarithms: Vec<f64> = mixture.components.iter().map(|c| c.weight.ln()).collect();
    let parts: Vec<(f64, Vec<Responsibilities>)> = images
        .par_chunks(IMAGES_AT_A_TIME)
        .map(|images| {
            let mut members = vec![Responsibilities::new(); count];
            let mut terms = vec![0.0; count];
            let mut bound = 0.0;
            for &image in images {
                let (mean, variances) = (
                    &points.means[image as usize],
                    points.variances(image as usize),
                );
                for ((term, component), logarithm) in
                    terms.iter_mut().zip(&mixture.components).zip(&logarithms)
                {
                    *term = logarithm + component.expected_log_prob(mean, variances);
                }
                let total = log_sum(&terms);
                bound += total;
                for (members, term) in members.iter_mut().zip(&terms) {
                    let responsibility = (term - total).exp();
                    if responsibility > NEGLIGIBLE {
                        members.push((image, responsibility));
                    }
                }
            }
            (bound, members)
        })
        .collect();
    let bound = parts.iter().map(|(bound, _)| bound).sum::<f64>() / points.means.len() as f64;
    let mut members = vec![Responsibilities::new(); count];
    for (_, of_part) in parts {
        members
            .iter_mut()
            .zip(of_part)
            .for_each(|(all, some)| all.extend(some));
    }
    (bound, members)
}
