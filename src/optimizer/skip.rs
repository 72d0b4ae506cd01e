//! The skipping of steps whose gradient is too large (Child 2021): a single batch with an enormous gradient would
//! throw the weights off, and with Adam also the moments for many steps to come.

/// The largest limit; it is far below the largest number in single precision.
pub const LARGEST_LIMIT: f64 = 1e12;

/// Returns whether a step whose gradients have the global norm `norm` is skipped: it is above `limit`, or not finite.
pub fn is_skipped(norm: f32, limit: f64) -> bool {
    !norm.is_finite() || norm > limit as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_skipped_above_the_limit_and_where_the_norm_is_no_number() {
        for (norm, expected) in [
            (399.9, false),
            (400.0, false),
            (400.1, true),
            (f32::NAN, true),
            (f32::INFINITY, true),
        ] {
            assert_eq!(is_skipped(norm, 400.0), expected, "{norm}");
        }
        assert!(is_skipped(f32::INFINITY, LARGEST_LIMIT));
    }
}
