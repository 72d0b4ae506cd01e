//! The start of a fit: k-means++ (Arthur, Vassilvitskii 2007) on the posterior means.

use super::points::{Points, Responsibilities};
use crate::rng::Rng;

/// Returns the members of each component: each image belongs to the nearest of `count` images, of which the first is drawn
/// uniformly, and each other one with a probability in proportion to the square of its distance to the nearest before it.
pub fn start(points: &Points, count: usize, rng: Rng) -> Vec<Responsibilities> {
    let rng = rng.stream("k-means++");
    let images = points.means.len();
    let mut nearest = vec![(f64::INFINITY, 0); images];
    for component in 0..count {
        let centre = if component == 0 {
            rng.below(0, images as u64) as usize
        } else {
            drawn(&nearest, f64::from(rng.uniform(component as u64)))
        };
        let centre = &points.means[centre];
        for (nearest, mean) in nearest.iter_mut().zip(points.means) {
            let distance = squared_distance(mean, centre);
            if distance < nearest.0 {
                *nearest = (distance, component);
            }
        }
    }
    let mut members = vec![Responsibilities::new(); count];
    for (image, (_, component)) in (0_u32..).zip(nearest) {
        members[component].push((image, 1.0));
    }
    members
}

/// Returns the image at which the sum of the squared distances first exceeds this share of their total.
fn drawn(nearest: &[(f64, usize)], share: f64) -> usize {
    let mut left = share * nearest.iter().map(|(distance, _)| distance).sum::<f64>();
    let chosen = nearest.iter().position(|(distance, _)| {
        left -= distance;
        left < 0.0
    });
    // If all images lie on centres, or by rounding.
    chosen.unwrap_or((share * nearest.len() as f64) as usize)
}

fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    let differences = a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b));
    differences.map(|difference| difference * difference).sum()
}
