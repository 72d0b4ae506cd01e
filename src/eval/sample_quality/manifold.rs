//! Precision, recall, density and coverage: how samples lie among real images, by balls around each point that reach to
//! its k-th nearest neighbour in its own set.
//!
//! With real images X, samples Y and the distance NND_k of a point to its k-th nearest other point:
//! precision = 1/M sum_j 1[Y_j in some ball around X], recall = 1/N sum_i 1[X_i in some ball around Y] (Kynkäänniemi,
//! Karras, Laine, Lehtinen, Aila 2019, Improved precision and recall metric, equations 1 to 3);
//! density = 1/kM sum_j sum_i 1[Y_j in the ball around X_i], coverage = 1/N sum_i 1[some Y_j in the ball around X_i]
//! (Naeem, Oh, Uh, Choi, Yoo 2020, Reliable fidelity and diversity metrics, equations 3 to 5).

use super::points::PairBlock;

/// The number k of neighbours, as Naeem et al. recommend.
pub const NEIGHBOURS: usize = 5;

/// Returns the squared distance of each point of a block to its k-th nearest other point. The block is of a set with
/// itself.
pub fn radii(block: &PairBlock) -> Vec<f32> {
    block.map_distances(|row, distances| {
        // The point itself is no neighbour.
        distances[row] = f32::INFINITY;
        let place = NEIGHBOURS.min(distances.len() - 1) - 1;
        *distances
            .select_nth_unstable_by(place, |a, b| a.total_cmp(b))
            .1
    })
}

/// How samples lie among real images.
#[derive(Clone, Debug, PartialEq)]
pub struct Memberships {
    /// `[M]`: the number of balls around real images that each sample lies in.
    pub balls: Vec<f64>,
    /// `[N]`: 1 for each real image that lies in a ball around a sample, else 0.
    pub recalled: Vec<f64>,
    /// `[N]`: 1 for each real image whose ball holds a sample, else 0.
    pub covered: Vec<f64>,
}

impl Memberships {
    /// Returns the memberships among `real_images` before any sample is added.
    pub fn new(real_images: usize) -> Self {
        Self {
            balls: Vec::new(),
            recalled: vec![0.0; real_images],
            covered: vec![0.0; real_images],
        }
    }

    /// Adds the samples of a block, whose other set are the real images. The radii are squared.
    pub fn add(&mut self, block: &PairBlock, sample_radii: &[f32], real_radii: &[f32]) {
        let rows = block.map_distances(|row, distances| {
            let radius = sample_radii[row];
            let pairs = distances.iter().zip(real_radii).enumerate();
            let found = pairs.filter_map(|(real, (&distance, &real_radius))| {
                let (inside, reached) = (distance <= real_radius, distance <= radius);
                (inside || reached).then_some((real, inside, reached))
            });
            found.collect::<Vec<_>>()
        });
        for found in rows {
            let inside = found.iter().filter(|(_, inside, _)| *inside).count();
            self.balls.push(inside as f64);
            for (real, inside, reached) in found {
                if inside {
                    self.covered[real] = 1.0;
                }
                if reached {
                    self.recalled[real] = 1.0;
                }
            }
        }
    }

    /// Returns 1 for each sample that lies in a ball around a real image, else 0.
    pub fn inside(&self) -> Vec<f64> {
        let inside = self.balls.iter().map(|&balls| f64::from(balls > 0.0));
        inside.collect()
    }

    /// Returns the number of balls that each sample lies in, over k.
    pub fn densities(&self) -> Vec<f64> {
        let balls = self.balls.iter();
        balls.map(|balls| balls / NEIGHBOURS as f64).collect()
    }
}
