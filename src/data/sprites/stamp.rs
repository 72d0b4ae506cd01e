//! One sprite: a shape, sized and turned, as the pixels whose centres lie in it.
//!
//! Only additions, multiplications, divisions and comparisons are used, which IEEE 754 rounds exactly: the pixels are the
//! same on every machine.

use crate::rng::cos_sin_turn;

/// Height and width of a stamp, in pixels. No shape reaches 16 pixels from its centre.
pub(super) const SIDE: usize = 32;

/// `[32, 32]`: 255 inside, 0 outside.
pub(super) type Stamp = [u8; SIDE * SIDE];

/// A test of whether a point lies in a shape of full size, in pixels right of and above its centre of mass.
type Inside = fn(f32, f32) -> bool;

/// Whether a point lies in a square of 22.4 pixels.
fn square(x: f32, y: f32) -> bool {
    x.abs().max(y.abs()) <= 11.2
}

/// Whether a point lies in an ellipse that is twice as wide as it is high.
fn ellipse(x: f32, y: f32) -> bool {
    let [x, y] = [x / 15.6, y / 7.8];
    x * x + y * y <= 1.0
}

/// Whether a point lies in an upright heart, (x^2 + y^2 - 1)^3 = x^2 y^3, whose centre of mass is 0.2935 above the origin.
fn heart(x: f32, y: f32) -> bool {
    let [x, y] = [x / 12.0, y / 12.0 + 0.2935];
    let beyond = x * x + y * y - 1.0;
    beyond * beyond * beyond <= x * x * y * y * y
}

const SHAPES: [Inside; 3] = [square, ellipse, heart];

/// Returns the sprite of these values of the factors.
pub(super) fn stamp(shape: usize, scale: usize, rotation: usize) -> Stamp {
    let size = (5 + scale) as f32 / 10.0;
    let [cos, sin] = direction(rotation);
    let mut stamp = [0; SIDE * SIDE];
    for (at, pixel) in stamp.iter_mut().enumerate() {
        // From the centre of the stamp to that of the pixel, y downwards; turned back and sized up.
        let [x, y] =
            [at % SIDE, at / SIDE].map(|place| (place as f32 + 0.5 - 0.5 * SIDE as f32) / size);
        if SHAPES[shape](x * cos + y * sin, x * sin - y * cos) {
            *pixel = 255;
        }
    }
    stamp
}

/// Returns (cos, sin) of a clockwise turn of `rotation` times 18 degrees. Quarter turns are exact, so that a square and the
/// same square a quarter further are the same pixels.
fn direction(rotation: usize) -> [f32; 2] {
    let [cos, sin] = cos_sin_turn((rotation % 5) as f32 / 20.0);
    match rotation / 5 {
        0 => [cos, sin],
        1 => [-sin, cos],
        2 => [-cos, -sin],
        _ => [sin, -cos],
    }
}
