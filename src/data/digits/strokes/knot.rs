//! Points that a pen passes through, and curves of them.

use crate::rng::cos_sin_turn;

/// A point that the pen passes through.
#[derive(Clone, Copy, Debug)]
pub struct Knot {
    pub x: f32,
    pub y: f32,
    /// Whether the pen changes direction here instead of passing in a curve.
    pub corner: bool,
}

/// The points that are written without lifting the pen.
pub type Stroke = Vec<Knot>;

pub fn p(x: f32, y: f32) -> Knot {
    Knot {
        x,
        y,
        corner: false,
    }
}

pub fn corner(x: f32, y: f32) -> Knot {
    Knot { x, y, corner: true }
}

/// Returns points on an ellipse, from `start` for `length` turns, both clockwise from three o'clock. The ellipse grows by
/// `growth` from the first point to the last, so that the ends need not meet.
pub fn arc(centre: [f32; 2], radii: [f32; 2], start: f32, length: f32, growth: f32) -> Stroke {
    let steps = (length.abs() * 8.0) as usize + 1;
    let point = |i: usize| {
        let done = i as f32 / steps as f32;
        let turn = start + length * done;
        let [cos, sin] = cos_sin_turn(turn - turn.floor());
        let size = 1.0 + growth * done;
        p(
            centre[0] + radii[0] * cos * size,
            centre[1] + radii[1] * sin * size,
        )
    };
    (0..=steps).map(point).collect()
}
