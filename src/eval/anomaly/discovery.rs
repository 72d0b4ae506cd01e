//! Which images of a folder are flagged so that the share of false alarms among them is bounded: the procedure of Benjamini
//! and Hochberg (1995). Conformal p-values of one calibration set depend on each other, but positively, and the bound holds
//! (Bates et al. 2023, theorem 2).

/// The images that are flagged of several.
#[derive(Clone, Debug, PartialEq)]
pub struct Discoveries {
    /// `[m]`: whether each image is flagged.
    pub flagged: Vec<bool>,
    /// The largest p-value that is flagged; `None` if none is.
    pub threshold: Option<f64>,
}

impl Discoveries {
    /// Flags the images with the smallest p-values such that on average over calibration sets and folders at most the share
    /// `q` of the flagged are normal.
    ///
    /// # Shapes
    /// `p_values`: `[m]`.
    pub fn new(p_values: &[f64], q: f64) -> Self {
        let mut sorted = p_values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let m = sorted.len() as f64;
        // A share such as 0.1 x 30 / 100 is rounded.
        let bound = |rank: usize| q * rank as f64 / m * (1.0 + 1e-12);
        let threshold = (1..=sorted.len())
            .rev()
            .find(|&rank| sorted[rank - 1] <= bound(rank))
            .map(|rank| sorted[rank - 1]);
        Self {
            flagged: p_values
                .iter()
                .map(|p| threshold.is_some_and(|threshold| *p <= threshold))
                .collect(),
            threshold,
        }
    }

    /// Returns the number of images that are flagged.
    pub fn count(&self) -> usize {
        self.flagged.iter().filter(|flagged| **flagged).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_p_value_below_its_bound_is_flagged_with_all_smaller_ones() {
        // The example of Benjamini and Hochberg (1995), section 3.2: four are flagged at q = 0.05.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
            0.5719, 0.6528, 0.7590, 1.0000,
        ];
        let found = Discoveries::new(&p, 0.05);
        assert_eq!((found.count(), found.threshold), (4, Some(0.0095)));
        assert!(found.flagged[..4].iter().all(|flagged| *flagged));
        // The second p-value is above its own bound, and flagged because the third is not.
        let found = Discoveries::new(&[0.01, 0.07, 0.07, 0.9], 0.1);
        assert_eq!(found.flagged, [true, true, true, false]);
    }

    #[test]
    fn without_small_p_values_nothing_is_flagged() {
        assert_eq!(Discoveries::new(&[0.5, 0.9], 0.1).threshold, None);
        assert_eq!(Discoveries::new(&[], 0.1).count(), 0);
    }
}
