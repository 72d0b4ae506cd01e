//! The exponential moving average of the weights over training, whose model is often better than the last one (Polyak,
//! Juditsky 1992; in VAEs, for instance, Child 2021).
//!
//! After step t, from 1: average <- average + (1 - d) (weight - average), with d = min(decay, (1 + t) / (10 + t)). The
//! average begins as a copy of the first weights. The second number in d, which is that of TensorFlow's
//! ExponentialMovingAverage with `num_updates`, makes it forget them: it is 0.18 at the first step, 0.9 at the 80th and
//! 0.999 at the 8990th.

/// Returns the share by which the average moves towards the weights after step `step`, which counts from 1.
pub fn averaging_rate(decay: f64, step: u64) -> f64 {
    let step = step as f64;
    1.0 - decay.min((1.0 + step) / (10.0 + step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_follows_the_weights_closely_at_first_and_by_its_decay_later() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} and {b}");
        near(averaging_rate(0.999, 1), 9.0 / 11.0);
        near(averaging_rate(0.999, 80), 0.1);
        near(averaging_rate(0.999, 8_000), 9.0 / 8010.0);
        near(averaging_rate(0.999, 8_990), 0.001);
        near(averaging_rate(0.999, 100_000), 0.001);
        near(averaging_rate(0.5, 100), 0.5);
    }
}
