//! Covariance matrices in the forms that densities and draws need, on the host in float64.

/// The number of sums that a dot product keeps apart, so that the compiler can use vector instructions. The order of the
/// additions is fixed, and with it the result.
const LANES: usize = 8;

/// The covariance S of a Gaussian of `D` latents.
#[derive(Clone, Debug, PartialEq)]
pub struct Covariance {
    /// S, `[D, D]`, or the variances of independent latents, `[D]`.
    values: Vec<f64>,
    /// log |S|.
    pub log_determinant: f64,
    /// `None` for independent latents.
    factors: Option<CholeskyFactors>,
}

/// The Cholesky factor L of a positive definite matrix S = L L^T, and its inverse. All are row after row.
#[derive(Clone, Debug, PartialEq)]
struct CholeskyFactors {
    width: usize,
    /// L, `[D, D]`, with zeros above the diagonal.
    lower: Vec<f64>,
    /// The inverse of L, `[D, D]`, with zeros above the diagonal.
    inverse: Vec<f64>,
    /// The diagonal of the inverse of S, `[D]`.
    precisions: Vec<f64>,
}

impl Covariance {
    /// Returns the covariance with these values: `D` variances, or `D * D` values of a matrix, of which those up to the
    /// diagonal are read. Returns `None` if the matrix is not positive definite, or has a value that is not finite.
    pub fn new(values: Vec<f64>, width: usize) -> Option<Self> {
        let (factors, log_determinant) = if values.len() == width {
            let logarithms = values.iter().map(|variance| variance.ln());
            let all_positive = values.iter().all(|&variance| variance > 0.0);
            (None, all_positive.then(|| logarithms.sum::<f64>())?)
        } else if values.len() == width * width {
            let factors = CholeskyFactors::new(&values, width)?;
            let diagonal = factors.lower.iter().step_by(width + 1);
            let half = diagonal.map(|value| value.ln()).sum::<f64>();
            (Some(factors), 2.0 * half)
        } else {
            return None;
        };
        let is_finite = log_determinant.is_finite() && values.iter().all(|value| value.is_finite());
        is_finite.then_some(Self {
            values,
            log_determinant,
            factors,
        })
    }

    /// Returns the matrix, `[D, D]`, or the variances of independent latents, `[D]`.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Returns d^T S^-1 d for a difference d, `[D]`.
    pub fn squared_distance(&self, difference: &[f64]) -> f64 {
        match &self.factors {
            Some(factors) => factors
                .inverse
                .chunks_exact(factors.width)
                .enumerate()
                .map(|(row, factor)| dot(&factor[..=row], &difference[..=row]).powi(2))
                .sum(),
            None => {
                let pairs = difference.iter().zip(&self.values);
                pairs.map(|(d, variance)| d * d / variance).sum()
            }
        }
    }

    /// Returns the trace of S^-1 times the diagonal matrix of `variances`, `[D]`.
    pub fn trace_with(&self, variances: impl Iterator<Item = f64>) -> f64 {
        match &self.factors {
            Some(factors) => {
                let pairs = variances.zip(&factors.precisions);
                pairs.map(|(v, precision)| v * precision).sum()
            }
            None => variances.zip(&self.values).map(|(v, own)| v / own).sum(),
        }
    }

    /// Returns L times a vector of standard normal numbers, `[D]`: a draw from N(0, S).
    pub fn scale(&self, noise: &[f32]) -> Vec<f64> {
        let noise: Vec<f64> = noise.iter().map(|&value| f64::from(value)).collect();
        match &self.factors {
            Some(factors) => factors
                .lower
                .chunks_exact(factors.width)
                .enumerate()
                .map(|(row, factor)| dot(&factor[..=row], &noise[..=row]))
                .collect(),
            None => {
                let pairs = noise.iter().zip(&self.values);
                pairs
                    .map(|(noise, variance)| noise * variance.sqrt())
                    .collect()
            }
        }
    }
}

impl CholeskyFactors {
    fn new(matrix: &[f64], width: usize) -> Option<Self> {
        let at = |row: usize, column: usize| row * width + column;
        let mut lower = vec![0.0; width * width];
        for row in 0..width {
            for column in 0..=row {
                let [above, left] = [row, column].map(|line| &lower[at(line, 0)..][..column]);
                let rest = matrix[at(row, column)] - dot(above, left);
                lower[at(row, column)] = if row == column {
                    // This also turns NaN away.
                    (rest > 0.0).then(|| rest.sqrt())?
                } else {
                    rest / lower[at(column, column)]
                };
            }
        }
        let mut inverse = vec![0.0; width * width];
        for row in 0..width {
            let pivot = lower[at(row, row)];
            for column in 0..row {
                let sum: f64 = (column..row)
                    .map(|k| lower[at(row, k)] * inverse[at(k, column)])
                    .sum();
                inverse[at(row, column)] = -sum / pivot;
            }
            inverse[at(row, row)] = 1.0 / pivot;
        }
        let mut precisions = vec![0.0; width];
        for row in inverse.chunks_exact(width) {
            let squares = row.iter().map(|value| value * value);
            precisions
                .iter_mut()
                .zip(squares)
                .for_each(|(p, s)| *p += s);
        }
        let is_finite = precisions.iter().all(|precision| precision.is_finite());
        is_finite.then_some(Self {
            width,
            lower,
            inverse,
            precisions,
        })
    }
}

/// Returns the dot product of two vectors of one length.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_determinant_and_trace_are_those_of_the_inverse_matrix() {
        // The inverse of [[2, 1], [1, 3]] is [[3, -1], [-1, 2]] / 5.
        let full = Covariance::new(vec![2.0, 1.0, 1.0, 3.0], 2).unwrap();
        assert!((full.squared_distance(&[1.0, 2.0]) - 7.0 / 5.0).abs() < 1e-14);
        assert!((full.log_determinant - 5_f64.ln()).abs() < 1e-14);
        assert!((full.trace_with([10.0, 1.0].into_iter()) - 32.0 / 5.0).abs() < 1e-14);
        let diagonal = Covariance::new(vec![2.0, 4.0], 2).unwrap();
        assert_eq!(diagonal.squared_distance(&[2.0, 2.0]), 3.0);
        assert_eq!(diagonal.trace_with([2.0, 2.0].into_iter()), 1.5);
        assert!((diagonal.log_determinant - 8_f64.ln()).abs() < 1e-14);
    }

    #[test]
    fn scaled_noise_has_the_covariance() {
        let full = Covariance::new(vec![4.0, 2.0, 2.0, 2.0], 2).unwrap();
        assert_eq!(full.scale(&[1.0, 0.0]), [2.0, 1.0]);
        assert_eq!(full.scale(&[0.0, 1.0]), [0.0, 1.0]);
        let diagonal = Covariance::new(vec![4.0, 9.0], 2).unwrap();
        assert_eq!(diagonal.scale(&[1.0, -1.0]), [2.0, -3.0]);
    }

    #[test]
    fn a_matrix_that_is_no_covariance_is_refused() {
        for values in [
            vec![1.0, 2.0, 2.0, 1.0],
            vec![1.0, 0.0, 0.0, f64::NAN],
            vec![1.0, 0.0],
            vec![1.0; 3],
        ] {
            assert_eq!(Covariance::new(values, 2), None);
        }
    }

    #[test]
    fn a_dot_product_takes_every_element() {
        for length in [0, 1, 7, 8, 9, 64, 65] {
            let ones = vec![1.0; length];
            let numbers: Vec<f64> = (0..length).map(|i| i as f64).collect();
            let sum = (length * length.saturating_sub(1) / 2) as f64;
            assert_eq!(dot(&ones, &numbers), sum);
        }
    }
}
