//! Minimisation of a smooth function by L-BFGS (Nocedal 1980; Nocedal, Wright 2006, algorithm 7.4), with steps halved
//! until they decrease the function enough (Armijo 1966).

/// The number of pairs of steps and gradients that the curvature is estimated from.
const MEMORY: usize = 10;
const MOST_STEPS: usize = 1000;
const MOST_HALVINGS: usize = 50;
/// The largest entry of the gradient at which a point is a minimum.
const FLAT: f64 = 1e-6;
/// The part of the linear decrease that a step must reach.
const ENOUGH: f64 = 1e-4;

/// Returns a minimum of `f`, searched from `x`; a nearby one if `f` is not convex. `f` returns the value and the gradient.
pub fn minimise(mut x: Vec<f64>, mut f: impl FnMut(&[f64]) -> (f64, Vec<f64>)) -> Vec<f64> {
    let (mut value, mut gradient) = f(&x);
    // Steps and the gradients' differences, the oldest first.
    let mut pairs: Vec<[Vec<f64>; 2]> = Vec::new();
    for _ in 0..MOST_STEPS {
        if gradient.iter().all(|entry| entry.abs() <= FLAT) {
            break;
        }
        let mut direction = newton_direction(&gradient, &pairs);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            pairs.clear();
            direction = gradient.iter().map(|entry| -entry).collect();
            slope = -dot(&gradient, &gradient);
        }
        // The curvature is unknown at first.
        let mut length = if pairs.is_empty() {
            1.0 / (-slope).sqrt().max(1.0)
        } else {
            1.0
        };
        let mut halvings = 0;
        let (next, next_value, next_gradient) = loop {
            let next: Vec<f64> = x
                .iter()
                .zip(&direction)
                .map(|(x, d)| x + length * d)
                .collect();
            let (next_value, next_gradient) = f(&next);
            if next_value <= value + ENOUGH * length * slope {
                break (next, next_value, next_gradient);
            }
            halvings += 1;
            if halvings > MOST_HALVINGS {
                // As low as rounding lets it be.
                return x;
            }
            length *= 0.5;
        };
        let step: Vec<f64> = next.iter().zip(&x).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = next_gradient
            .iter()
            .zip(&gradient)
            .map(|(a, b)| a - b)
            .collect();
        if dot(&step, &change) > 1e-12 * (dot(&step, &step) * dot(&change, &change)).sqrt() {
            if pairs.len() == MEMORY {
                pairs.remove(0);
            }
            pairs.push([step, change]);
        }
        (x, value, gradient) = (next, next_value, next_gradient);
    }
    x
}

/// Returns the negative gradient times the inverse curvature that follows from the pairs (there, algorithm 7.4).
fn newton_direction(gradient: &[f64], pairs: &[[Vec<f64>; 2]]) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|entry| -entry).collect();
    let mut weights = Vec::with_capacity(pairs.len());
    for [step, change] in pairs.iter().rev() {
        let weight = dot(step, &direction) / dot(step, change);
        add(&mut direction, -weight, change);
        weights.push(weight);
    }
    if let Some([step, change]) = pairs.last() {
        let scale = dot(step, change) / dot(change, change);
        direction.iter_mut().for_each(|entry| *entry *= scale);
    }
    for ([step, change], weight) in pairs.iter().zip(weights.into_iter().rev()) {
        let along = dot(change, &direction) / dot(step, change);
        add(&mut direction, weight - along, step);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(sums: &mut [f64], weight: f64, values: &[f64]) {
    sums.iter_mut()
        .zip(values)
        .for_each(|(sum, value)| *sum += weight * value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minima_that_are_known_are_found() {
        // Conditions from 1 to 10^6.
        let quadratic = |x: &[f64]| {
            let scale = |i: usize| 10_f64.powi(i as i32);
            let gradient: Vec<f64> = x
                .iter()
                .enumerate()
                .map(|(i, x)| scale(i) * (x - i as f64))
                .collect();
            let value = x
                .iter()
                .zip(&gradient)
                .enumerate()
                .map(|(i, (x, g))| 0.5 * (x - i as f64) * g)
                .sum();
            (value, gradient)
        };
        for (i, x) in minimise(vec![5.0; 7], quadratic).into_iter().enumerate() {
            assert!((x - i as f64).abs() < 1e-5, "{i}: {x}");
        }
        let rosenbrock = |x: &[f64]| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            (
                a * a + 100.0 * b * b,
                vec![-2.0 * a - 400.0 * x[0] * b, 200.0 * b],
            )
        };
        for x in minimise(vec![-1.2, 1.0], rosenbrock) {
            assert!((x - 1.0).abs() < 1e-5, "{x}");
        }
        assert_eq!(minimise(vec![3.0], |_| (1.0, vec![0.0])), [3.0]);
        assert_eq!(minimise(Vec::new(), |_| (0.0, Vec::new())), [0.0; 0]);
    }
}
