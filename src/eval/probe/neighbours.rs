//! Classification by the k nearest neighbours of a latent (Fix, Hodges 1951): the class that most of them have.

use crate::ops::pool;
use crate::ops::simd::with_widest_simd;

/// Latents that one core takes at a time.
const ROWS: usize = 32;

/// Returns the share of `test` whose class is that of most of its `k` nearest latents in `train`, by the Euclidean distance;
/// the nearest one breaks ties. 0 if there is none to compare with.
///
/// # Shapes
/// `train`: `[N][D]`; `labels`: `[N]`; `test`: `[M][D]`; `truth`: `[M]`.
pub fn nearest_neighbours(
    train: &[Vec<f32>],
    labels: &[u16],
    test: &[Vec<f32>],
    truth: &[u16],
    k: usize,
) -> f64 {
    let latent_count = train.first().map_or(0, Vec::len);
    // [D][N]
    let columns: Vec<Vec<f32>> = (0..latent_count)
        .map(|d| train.iter().map(|z| z[d]).collect())
        .collect();
    let right = pool::map(
        test.chunks(ROWS).zip(truth.chunks(ROWS)),
        |(latents, truth)| {
            let mut distances = vec![0.0; train.len()];
            let mut right = 0_usize;
            for (z, &truth) in latents.iter().zip(truth) {
                fill_distances(&columns, z, &mut distances);
                right += usize::from(vote(&nearest(&distances, k), labels) == Some(truth));
            }
            right
        },
    );
    right.iter().sum::<usize>() as f64 / test.len().max(1) as f64
}

/// Returns squared distances.
fn fill_distances(columns: &[Vec<f32>], z: &[f32], distances: &mut [f32]) {
    with_widest_simd(
        #[inline(always)]
        || {
            distances.fill(0.0);
            for (column, z) in columns.iter().zip(z) {
                distances
                    .iter_mut()
                    .zip(column)
                    .for_each(|(sum, other)| *sum += (other - z) * (other - z));
            }
        },
    );
}

/// Returns the `k` smallest, in order; the first of equal ones.
fn nearest(distances: &[f32], k: usize) -> Vec<usize> {
    let mut found: Vec<(f32, usize)> = Vec::with_capacity(k + 1);
    for (index, &distance) in distances.iter().enumerate() {
        if found.len() < k
            || found
                .last()
                .is_some_and(|(farthest, _)| distance < *farthest)
        {
            found.insert(
                found.partition_point(|(other, _)| *other <= distance),
                (distance, index),
            );
            found.truncate(k);
        }
    }
    found.into_iter().map(|(_, index)| index).collect()
}

/// Returns the most frequent label; the first of equally frequent ones.
fn vote(indices: &[usize], labels: &[u16]) -> Option<u16> {
    let count = |label: u16| {
        indices
            .iter()
            .filter(|&&index| labels[index] == label)
            .count()
    };
    indices
        .iter()
        .rev()
        .map(|&index| labels[index])
        .max_by_key(|&label| count(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_of_the_nearest_decide_and_the_nearest_one_breaks_ties() {
        let train: Vec<Vec<f32>> = [0.0, 1.0, 2.0, 10.0, 11.0].map(|z| vec![z, 0.0]).to_vec();
        let labels = [3, 1, 1, 0, 2];
        let of = |z: f32, k: usize| {
            let is = |label: u16| {
                nearest_neighbours(&train, &labels, &[vec![z, 0.0]], &[label], k) == 1.0
            };
            (0..5).find(|&label| is(label)).unwrap()
        };
        assert_eq!([of(0.4, 1), of(0.4, 2), of(0.4, 3)], [3, 3, 1]);
        assert_eq!(
            [of(10.9, 1), of(10.9, 2), of(10.9, 5), of(10.9, 99)],
            [2, 2, 1, 1]
        );
        assert_eq!(nearest_neighbours(&[], &[], &train, &labels, 5), 0.0);
    }

    #[test]
    fn the_nearest_are_those_of_a_full_sort() {
        let distances: Vec<f32> = (0..500)
            .map(|i| crate::rng::Rng::new(1).uniform(i))
            .collect();
        let mut order: Vec<usize> = (0..500).collect();
        order.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]));
        assert_eq!(nearest(&distances, 7), order[..7]);
    }
}
