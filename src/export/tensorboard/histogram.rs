//! The histogram of a latent.

use super::message::HistogramCounts;

/// The number of buckets, which is also the number that TensorBoard draws.
const BUCKETS: usize = 30;

/// Counts finite values in buckets of one width, from the smallest value to the largest. A bucket includes its upper end.
pub fn histogram(values: &[f64]) -> HistogramCounts {
    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let width = (max - min) / BUCKETS as f64;
    let mut counts = [0.0; BUCKETS];
    for value in values {
        let bucket = ((value - min) / width).ceil() - 1.0;
        // The smallest value is in the first bucket. `as` turns NaN, the bucket of equal values, into 0.
        counts[(bucket.max(0.0) as usize).min(BUCKETS - 1)] += 1.0;
    }
    let (ends, counts) = if width > 0.0 {
        let end = |bucket: usize| match bucket {
            BUCKETS => max,
            _ => min + bucket as f64 * width,
        };
        ((1..=BUCKETS).map(end).collect(), counts.to_vec())
    } else {
        (vec![max], vec![values.len() as f64])
    };
    HistogramCounts {
        min,
        max,
        count: values.len() as f64,
        sum: values.iter().sum(),
        sum_of_squares: values.iter().map(|value| value * value).sum(),
        bucket_ends: ends,
        bucket_counts: counts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_one_bucket_and_the_ends_belong_to_them() {
        let values: Vec<f64> = (0..=300).map(|value| f64::from(value) / 10.0).collect();
        let found = histogram(&values);
        assert_eq!((found.min, found.max, found.count), (0.0, 30.0, 301.0));
        assert_eq!(
            found.bucket_ends,
            (1..=30).map(f64::from).collect::<Vec<_>>()
        );
        assert_eq!(found.bucket_counts[0], 11.0);
        assert_eq!(found.bucket_counts[1..], [10.0; 29]);
    }

    #[test]
    fn equal_values_are_one_bucket() {
        let found = histogram(&[2.5; 4]);
        assert_eq!(found.bucket_ends, [2.5]);
        assert_eq!(found.bucket_counts, [4.0]);
        assert_eq!((found.sum, found.sum_of_squares), (10.0, 25.0));
    }
}
