//! Principal components: the best linear encoder, which a trained model must beat.
//!
//! They are the eigenvectors of the covariance C = 1/N sum (x - m)(x - m)^T with the largest eigenvalues, found by
//! randomised subspace iteration (Halko, Martinsson, Tropp 2011, algorithm 4.4) and a Rayleigh-Ritz step. C is needed only
//! as a product with a few vectors, so that neither C nor all images are ever in memory: the images are read block by block.

use burn::tensor::{Device, Tensor, TensorData};

use crate::error::Result;
use crate::ops::{Activation, dense};
use crate::rng::Rng;

/// Dimensions that the subspace has beyond those asked for (section 4.2 there).
const SPARE: usize = 10;
/// The number of passes over all rows. The missing variance falls with (lambda[D + SPARE] / lambda[D])^(2 PASSES).
const PASSES: usize = 8;
/// The number of values of a block, 4 MB: enough for the products' full speed.
const BLOCK: usize = 1 << 20;
/// The most sweeps of Jacobi's method, which ends after about ten.
const MOST_SWEEPS: usize = 40;

/// Rows of numbers, read as often as needed.
pub struct Rows<'a> {
    /// `N`.
    pub count: usize,
    /// `P`.
    pub width: usize,
    /// Reads the rows of these indices, `[n, P]`.
    pub read: &'a dyn Fn(&[u32]) -> Result<Tensor<2>>,
}

/// Principal components of rows of `P` numbers.
#[derive(Clone, Debug)]
pub struct Pca {
    /// `[P]`.
    pub mean: Vec<f64>,
    /// `[D][P]`: orthonormal, the one with the largest variance first, the entry of the largest size positive.
    pub components: Vec<Vec<f64>>,
    /// `[D]`: the variance along each; over N, not N - 1.
    pub variances: Vec<f64>,
}

impl Rows<'_> {
    fn blocks(&self) -> impl Iterator<Item = Result<Tensor<2>>> {
        let rows = (BLOCK / self.width.max(1)).max(1);
        (0..self.count).step_by(rows).map(move |from| {
            (self.read)(&(from as u32..(from + rows).min(self.count) as u32).collect::<Vec<_>>())
        })
    }

    fn mean(&self) -> Result<Vec<f64>> {
        let mut mean = vec![0.0; self.width];
        for block in self.blocks() {
            let block = block?;
            let ([rows, width], device) = (block.dims(), block.device());
            let sums = dense(
                Tensor::ones([1, rows], &device),
                block,
                Tensor::zeros([width], &device),
                Activation::None,
            );
            add(&mut mean, &host(sums), 1.0 / self.count as f64);
        }
        Ok(mean)
    }

    /// Returns C times each vector.
    ///
    /// # Shapes
    /// `vectors` and the result: `[n][P]`.
    fn covariance_times(&self, mean: &[f64], vectors: &[Vec<f64>]) -> Result<Vec<Vec<f64>>> {
        let mut products = vec![vec![0.0; self.width]; vectors.len()];
        let mut along = None;
        for block in self.blocks() {
            let block = block?;
            let device = block.device();
            let along = along.get_or_insert_with(|| Along::new(mean, vectors, &device));
            let latents = along.latents(block.clone());
            // The latents add up to zero over all rows, so that the mean need not be taken from the rows once more.
            let zero = Tensor::zeros([self.width], &device);
            let sums = host(dense(latents.transpose(), block, zero, Activation::None));
            for (product, sums) in products.iter_mut().zip(sums.chunks_exact(self.width)) {
                add(product, sums, 1.0 / self.count as f64);
            }
        }
        Ok(products)
    }
}

/// Vectors, ready to be multiplied with rows.
struct Along {
    /// `[P, n]`.
    vectors: Tensor<2>,
    /// `[n]`: the negative component of the mean along each.
    shift: Tensor<1>,
}

impl Along {
    fn new(mean: &[f64], vectors: &[Vec<f64>], device: &Device) -> Self {
        let columns = (0..mean.len())
            .flat_map(|p| vectors.iter().map(move |vector| vector[p]))
            .collect();
        let shift = vectors.iter().map(|vector| -dot(vector, mean)).collect();
        Self {
            vectors: tensor(columns, [mean.len(), vectors.len()], device),
            shift: tensor(shift, [vectors.len()], device),
        }
    }

    /// Returns (x - m) V.
    ///
    /// # Shapes
    /// `x`: `[N, P]`; result: `[N, n]`.
    fn latents(&self, x: Tensor<2>) -> Tensor<2> {
        dense(
            x,
            self.vectors.clone(),
            self.shift.clone(),
            Activation::None,
        )
    }
}

impl Pca {
    /// Returns the first `count` components, or as many as there are values in a row. The numbers do not depend on the
    /// number of threads.
    ///
    /// # Errors
    /// A row cannot be read.
    pub fn fit(rows: &Rows<'_>, count: usize) -> Result<Self> {
        let mean = rows.mean()?;
        let rng = Rng::new(0).stream("pca");
        let start = |index: usize| {
            let mut vector = vec![0.0; rows.width];
            rng.at(index as u64).fill_normal(&mut vector);
            vector.into_iter().map(f64::from).collect::<Vec<f64>>()
        };
        let mut products: Vec<Vec<f64>> = (0..(count + SPARE).min(rows.width)).map(start).collect();
        let mut basis = Vec::new();
        for _ in 0..PASSES {
            basis = products;
            orthonormalise(&mut basis);
            products = rows.covariance_times(&mean, &basis)?;
        }
        // Rayleigh-Ritz: within the subspace, C is a small matrix.
        let within = |(a, b): (usize, usize)| {
            (dot(&basis[a], &products[b]) + dot(&basis[b], &products[a])) / 2.0
        };
        let small = (0..basis.len())
            .map(|a| (0..basis.len()).map(|b| within((a, b))).collect())
            .collect();
        let (mut components, mut variances) = (Vec::new(), Vec::new());
        for (variance, weights) in eigen(small).into_iter().take(count) {
            let mut component = vec![0.0; rows.width];
            for (vector, weight) in basis.iter().zip(weights) {
                component
                    .iter_mut()
                    .zip(vector)
                    .for_each(|(sum, value)| *sum += weight * value);
            }
            // Either sign would do; a fixed one gives the same figure every time.
            let largest = component
                .iter()
                .copied()
                .max_by(|a, b| a.abs().total_cmp(&b.abs()))
                .unwrap_or(0.0);
            component
                .iter_mut()
                .for_each(|value| *value *= largest.signum());
            components.push(component);
            variances.push(variance.max(0.0));
        }
        Ok(Self {
            mean,
            components,
            variances,
        })
    }

    /// Returns the weights of the components in each row.
    ///
    /// # Shapes
    /// `x`: `[N, P]`; result: `[N, D]`.
    pub fn latents(&self, x: Tensor<2>) -> Tensor<2> {
        let device = x.device();
        Along::new(&self.mean, &self.components, &device).latents(x)
    }

    /// Returns the projection of each row on the components.
    ///
    /// # Shapes
    /// `x` and the result: `[N, P]`.
    pub fn reconstruct(&self, x: Tensor<2>) -> Tensor<2> {
        let device = x.device();
        let back = tensor(
            self.components.concat(),
            [self.components.len(), self.mean.len()],
            &device,
        );
        dense(
            self.latents(x),
            back,
            tensor(self.mean.clone(), [self.mean.len()], &device),
            Activation::None,
        )
    }
}

fn tensor<const D: usize>(values: Vec<f64>, shape: [usize; D], device: &Device) -> Tensor<D> {
    let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn host(values: Tensor<2>) -> Vec<f32> {
    values.into_data().iter().collect()
}

fn add(sums: &mut [f64], values: &[f32], weight: f64) {
    sums.iter_mut()
        .zip(values)
        .for_each(|(sum, &value)| *sum += weight * f64::from(value));
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Makes the vectors orthonormal (Gram and Schmidt, each projection twice, which leaves no more than rounding); one that
/// depends on those before it becomes zero.
fn orthonormalise(vectors: &mut [Vec<f64>]) {
    for index in 0..vectors.len() {
        let (before, rest) = vectors.split_at_mut(index);
        let vector = &mut rest[0];
        let was = dot(vector, vector).sqrt();
        for other in before.iter().chain(before.iter()) {
            let along = dot(vector, other);
            vector
                .iter_mut()
                .zip(other)
                .for_each(|(value, other)| *value -= along * other);
        }
        let length = dot(vector, vector).sqrt();
        let scale = if length > 1e-14 * was {
            1.0 / length
        } else {
            0.0
        };
        vector.iter_mut().for_each(|value| *value *= scale);
    }
}

/// Returns eigenvalues and eigenvectors of a symmetric matrix, the largest first, by Jacobi's rotations (Golub, Van Loan
/// 2013, section 8.5).
fn eigen(mut matrix: Vec<Vec<f64>>) -> Vec<(f64, Vec<f64>)> {
    let n = matrix.len();
    let mut vectors: Vec<Vec<f64>> = (0..n)
        .map(|i| (0..n).map(|j| f64::from(i == j)).collect())
        .collect();
    for _ in 0..MOST_SWEEPS {
        let all: f64 = matrix.iter().map(|row| dot(row, row)).sum();
        let off = all - (0..n).map(|i| matrix[i][i].powi(2)).sum::<f64>();
        if off.is_nan() || off <= 1e-15 * all {
            break;
        }
        for (p, q) in (0..n).flat_map(|p| (p + 1..n).map(move |q| (p, q))) {
            if matrix[p][q] == 0.0 {
                continue;
            }
            let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * matrix[p][q]);
            let tan = theta.signum() / (theta.abs() + theta.hypot(1.0));
            let cos = 1.0 / tan.hypot(1.0);
            let turn = |a: &mut f64, b: &mut f64| {
                (*a, *b) = (cos * (*a - tan * *b), cos * (*b + tan * *a))
            };
            for row in &mut matrix {
                let (left, right) = row.split_at_mut(q);
                turn(&mut left[p], &mut right[0]);
            }
            for rows in [&mut matrix, &mut vectors] {
                let (above, below) = rows.split_at_mut(q);
                above[p]
                    .iter_mut()
                    .zip(&mut below[0])
                    .for_each(|(a, b)| turn(a, b));
            }
        }
    }
    let mut pairs: Vec<_> = (0..n).map(|i| matrix[i][i]).zip(vectors).collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    pairs
}
