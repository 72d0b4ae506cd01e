//! The sums of a logistic regression over inputs and over examples, several side by side. Each sum is added up in the order
//! of its own terms, so that it has the bits that it has alone.

/// Classes whose logits are added up side by side.
const LANES: usize = 8;

/// Examples that are taken together. One sum has to wait for each addition, and several fill the time.
pub const TOGETHER: usize = 4;

/// Weights in the order in which the logits of several classes are added up.
pub struct Logits {
    /// `[C / LANES][D]`, padded with zeros.
    weights: Vec<Vec<[f64; LANES]>>,
    /// `[C]`.
    intercepts: Vec<f64>,
}

impl Logits {
    /// # Shapes
    /// `weights`: `[C * width]`, where `width` is D + 1, and the intercept is the last.
    pub fn new(weights: &[f64], width: usize) -> Self {
        let classes: Vec<&[f64]> = weights.chunks_exact(width).collect();
        let block = |classes: &[&[f64]]| -> Vec<[f64; LANES]> {
            let weight = |lane: usize, d: usize| classes.get(lane).map_or(0.0, |class| class[d]);
            (0..width - 1)
                .map(|d| std::array::from_fn(|lane| weight(lane, d)))
                .collect()
        };
        Self {
            weights: classes.chunks(LANES).map(block).collect(),
            intercepts: classes.iter().map(|class| class[width - 1]).collect(),
        }
    }

    pub fn classes(&self) -> usize {
        self.intercepts.len()
    }

    /// Fills in the logits of several examples.
    ///
    /// # Shapes
    /// `x`: `[TOGETHER][D]`; `logits`: `[TOGETHER][C]`.
    #[inline(always)]
    pub fn fill(&self, x: [&[f64]; TOGETHER], logits: &mut [Vec<f64>]) {
        for (number, weights) in self.weights.iter().enumerate() {
            let x = x.map(|x| &x[..weights.len()]);
            // The sum of no numbers is -0.
            let mut sums = [[-0.0; LANES]; TOGETHER];
            for (d, weights) in weights.iter().enumerate() {
                for (sums, x) in sums.iter_mut().zip(&x) {
                    for lane in 0..LANES {
                        sums[lane] += weights[lane] * x[d];
                    }
                }
            }
            let first = number * LANES;
            for (logits, sums) in logits.iter_mut().zip(sums) {
                let values = logits[first..].iter_mut().zip(&self.intercepts[first..]);
                for ((logit, intercept), sum) in values.zip(sums) {
                    *logit = intercept + sum;
                }
            }
        }
    }
}

/// Adds to each sum the values of the first `count` rows, each row times its weight, one after the other.
#[inline(always)]
pub fn add(sums: &mut [f64], weights: [f64; TOGETHER], rows: [&[f64]; TOGETHER], count: usize) {
    let rows = rows.map(|row| &row[..sums.len()]);
    if count == TOGETHER {
        for (d, sum) in sums.iter_mut().enumerate() {
            for i in 0..TOGETHER {
                *sum += weights[i] * rows[i][d];
            }
        }
        return;
    }
    for (row, weight) in rows.iter().zip(weights).take(count) {
        for (sum, value) in sums.iter_mut().zip(*row) {
            *sum += weight * value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    const D: usize = 11;

    fn normal(i: usize) -> f64 {
        f64::from(Rng::new(5).normal(i as u64))
    }

    fn rows() -> Vec<Vec<f64>> {
        let row = |i: usize| (0..D).map(|d| normal(1000 + i * D + d)).collect();
        (0..TOGETHER).map(row).collect()
    }

    #[test]
    fn logits_side_by_side_have_the_bits_of_each_alone() {
        let rows = rows();
        let x = std::array::from_fn(|i| &rows[i][..]);
        for classes in [1, 3, 8, 19] {
            let weights: Vec<f64> = (0..classes * (D + 1)).map(normal).collect();
            let mut found = vec![vec![0.0; classes]; TOGETHER];
            Logits::new(&weights, D + 1).fill(x, &mut found);
            for (found, x) in found.iter().zip(x) {
                let alone = weights.chunks_exact(D + 1).map(|weights| {
                    let terms = weights.iter().zip(x);
                    weights[D] + terms.map(|(weight, x)| weight * x).sum::<f64>()
                });
                assert_eq!(*found, alone.collect::<Vec<f64>>());
            }
        }
    }

    #[test]
    fn rows_added_together_have_the_bits_of_rows_added_one_by_one() {
        let (rows, weights) = (rows(), std::array::from_fn(normal));
        let x = std::array::from_fn(|i| &rows[i][..]);
        for count in 1..=TOGETHER {
            let mut found: Vec<f64> = (50..50 + D).map(normal).collect();
            let mut expected = found.clone();
            add(&mut found, weights, x, count);
            for (row, weight) in rows.iter().zip(weights).take(count) {
                for (sum, value) in expected.iter_mut().zip(row) {
                    *sum += weight * value;
                }
            }
            assert_eq!(found, expected);
        }
    }
}
