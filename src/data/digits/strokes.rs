//! The shapes of the ten classes, as points that a pen passes through.
//!
//! `x` runs to the right from the digit's middle, `y` down from 0 at its top to 1 at its foot. Numbers drawn from the
//! hand are habits (how round, how high the waist); the small unsteadiness of every point is added by the pen.

use super::hand::Hand;
mod five_to_nine;
mod knot;
mod zero_to_four;

use five_to_nine::{eight, five, nine, seven, six};
pub(super) use knot::{Knot, Stroke};
use zero_to_four::{four, one, three, two, zero};

/// The share of each way of writing a class, in the order of [`shape`]; each row adds up to one.
const STYLES: [&[f32]; 10] = [
    &[0.65, 0.25, 0.1],
    &[0.55, 0.3, 0.15],
    &[0.45, 0.35, 0.2],
    &[0.6, 0.2, 0.2],
    &[0.4, 0.25, 0.35],
    &[0.45, 0.3, 0.25],
    &[0.5, 0.25, 0.25],
    &[0.5, 0.25, 0.25],
    &[0.45, 0.3, 0.25],
    &[0.4, 0.3, 0.3],
];

/// Returns the way of writing `label` that a number in [0, 1) chooses.
pub(super) fn style(label: u8, mut choice: f32) -> usize {
    let weights = STYLES[usize::from(label)];
    for (style, weight) in weights.iter().enumerate() {
        if choice < *weight {
            return style;
        }
        choice -= weight;
    }
    weights.len() - 1
}

/// Returns the strokes of one digit.
pub(super) fn shape(label: u8, style: usize, hand: &mut Hand) -> Vec<Stroke> {
    match label {
        0 => zero(style, hand),
        1 => one(style, hand),
        2 => two(style, hand),
        3 => three(style, hand),
        4 => four(style, hand),
        5 => five(style, hand),
        6 => six(style, hand),
        7 => seven(style, hand),
        8 => eight(style, hand),
        _ => nine(style, hand),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_styles_of_a_class_share_all_choices() {
        for (label, weights) in STYLES.iter().enumerate() {
            assert!(
                (weights.iter().sum::<f32>() - 1.0).abs() < 1e-6,
                "class {label}"
            );
            assert_eq!(style(label as u8, 0.0), 0);
            assert_eq!(style(label as u8, 0.999), weights.len() - 1);
        }
    }
}
