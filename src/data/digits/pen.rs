//! From the points of a digit to its pixels: an unsteady hand, a page that bends, a soft round pen.
//!
//! Only operations that IEEE 754 rounds exactly are used, and polynomials of them: every machine draws the same bytes.

use super::hand::Hand;
use super::handwriting::Handwriting;
use super::strokes::{Knot, Stroke};
use crate::rng::cos_sin_turn;

type Point = [f32; 2];

/// Height and width of an image, in pixels.
pub const SIDE: usize = 28;
pub const VALUES: usize = SIDE * SIDE;
/// How far a hand misses the point it aims at, as a part of the digit's height.
const UNSTEADY: f32 = 0.03;
/// How far the page bends, as a part of the digit's height.
const BEND: f32 = 0.027;
/// The distance from full ink to none at the edge of a line, in pixels, as MNIST's resampling left it.
const EDGE: f32 = 1.5;
/// The widest a digit may become, in pixels with its ink; a wider one is squeezed.
const WIDEST: f32 = 21.5;

/// Draws the strokes of a digit: `[28, 28]`, 0 is black.
pub(super) fn draw(shape: &[Stroke], factors: &Handwriting, hand: &mut Hand) -> [u8; VALUES] {
    let rounding = 1 + (hand.uniform() * 3.0) as usize;
    let mut lines: Vec<Vec<Point>> = shape
        .iter()
        .map(|stroke| line(&unsteady(stroke, hand), rounding))
        .collect();
    let page = Paper::new(hand);
    for_each(&mut lines, |point| *point = page.bend(*point));
    place(&mut lines, factors);
    let mut ink = [0.0; VALUES];
    for line in &lines {
        let pressure = Pressure::new(hand, 0.5 * factors.thickness);
        for (i, ends) in line.windows(2).enumerate() {
            let [from, to] =
                [i, i + 1].map(|at| pressure.radius(at as f32 / (line.len() - 1) as f32));
            segment(&mut ink, [ends[0], ends[1]], [from, to]);
        }
    }
    ink.map(|value| (value * 255.0 + 0.5) as u8)
}

fn for_each(lines: &mut [Vec<Point>], change: impl FnMut(&mut Point)) {
    lines.iter_mut().flatten().for_each(change);
}

/// Moves the points of a stroke. Each misses its aim and drags its neighbours along: a hand errs in sweeps, it does not
/// tremble.
fn unsteady(stroke: &[Knot], hand: &mut Hand) -> Stroke {
    let misses: Vec<Point> = stroke
        .iter()
        .map(|_| [0; 2].map(|_| hand.about(0.0, UNSTEADY)))
        .collect();
    let last = stroke.len() - 1;
    let moved = |(i, knot): (usize, &Knot)| {
        let [before, here, after] = [misses[i.max(1) - 1], misses[i], misses[(i + 1).min(last)]];
        let [x, y] = [0, 1].map(|axis| 0.25 * before[axis] + 0.5 * here[axis] + 0.25 * after[axis]);
        Knot {
            x: knot.x + x,
            y: knot.y + y,
            ..*knot
        }
    };
    stroke.iter().enumerate().map(moved).collect()
}

/// Returns a curve through the points as short straight pieces, its corners rounded by `rounding` passes of a smoother.
fn line(knots: &[Knot], rounding: usize) -> Vec<Point> {
    let mut points = curve(knots);
    for _ in 0..rounding {
        let before = points.clone();
        for (i, three) in before.windows(3).enumerate() {
            points[i + 1] = [0, 1]
                .map(|axis| 0.25 * three[0][axis] + 0.5 * three[1][axis] + 0.25 * three[2][axis]);
        }
    }
    points
}

/// Returns the centripetal Catmull-Rom curve (Yuksel, Schaefer, Keyser 2011: neither cusps nor loops between two points),
/// broken at the corners.
fn curve(knots: &[Knot]) -> Vec<Point> {
    let points: Vec<Point> = knots.iter().map(|knot| [knot.x, knot.y]).collect();
    let mut out = vec![points[0]];
    for i in 0..points.len() - 1 {
        let [from, to] = [points[i], points[i + 1]];
        let step = time(from, to);
        let chord = sub(to, from);
        let leaving = (i > 0 && !knots[i].corner).then(|| tangent(points[i - 1], from, to, step));
        let arriving = points
            .get(i + 2)
            .filter(|_| !knots[i + 1].corner)
            .map(|next| tangent(from, to, *next, step));
        // At a free end the curvature is zero.
        let free = |other: Option<Point>| {
            other.map_or(chord, |other| {
                [0, 1].map(|k| 1.5 * chord[k] - 0.5 * other[k])
            })
        };
        let [leaving, arriving] = [
            leaving.unwrap_or_else(|| free(arriving)),
            arriving.unwrap_or_else(|| free(leaving)),
        ];
        let pieces = (length(chord) * 20.0) as usize + 2;
        out.extend(
            (1..=pieces).map(|k| hermite(from, to, leaving, arriving, k as f32 / pieces as f32)),
        );
    }
    out
}

/// Returns the curve's derivative at `b` on its way from `a` to `c`, times the `step` of the piece it is for.
fn tangent(a: Point, b: Point, c: Point, step: f32) -> Point {
    let [before, after] = [time(a, b), time(b, c)];
    [0, 1].map(|i| {
        step * ((b[i] - a[i]) / before - (c[i] - a[i]) / (before + after) + (c[i] - b[i]) / after)
    })
}

/// Returns how long the curve takes between two points: the root of their distance.
fn time(a: Point, b: Point) -> f32 {
    length(sub(b, a)).sqrt().max(1e-3)
}

fn hermite(from: Point, to: Point, leaving: Point, arriving: Point, t: f32) -> Point {
    let [t2, t3] = [t * t, t * t * t];
    [0, 1].map(|i| {
        (2.0 * t3 - 3.0 * t2 + 1.0) * from[i]
            + (t3 - 2.0 * t2 + t) * leaving[i]
            + (3.0 * t2 - 2.0 * t3) * to[i]
            + (t3 - t2) * arriving[i]
    })
}

fn sub(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1]]
}

fn length(a: Point) -> f32 {
    (a[0] * a[0] + a[1] * a[1]).sqrt()
}

fn sin_turn(turn: f32) -> f32 {
    cos_sin_turn(turn - turn.floor())[1]
}

/// A small smooth deformation: two waves for each axis, from any direction.
struct Paper {
    waves: [[Wave; 2]; 2],
}

struct Wave {
    direction: Point,
    phase: f32,
    height: f32,
}

impl Paper {
    fn new(hand: &mut Hand) -> Self {
        let mut wave = || Wave {
            direction: [hand.between(-0.9, 0.9), hand.between(-0.9, 0.9)],
            phase: hand.uniform(),
            height: hand.about(0.0, BEND),
        };
        Self {
            waves: [[wave(), wave()], [wave(), wave()]],
        }
    }

    fn bend(&self, point: Point) -> Point {
        let at = |wave: &Wave| {
            wave.height
                * sin_turn(wave.direction[0] * point[0] + wave.direction[1] * point[1] + wave.phase)
        };
        [0, 1].map(|axis| point[axis] + self.waves[axis].iter().map(at).sum::<f32>())
    }
}

/// Moves points from the digit's own coordinates to pixels: widened, turned, slanted, then sized and centred by the
/// bounding box.
fn place(lines: &mut [Vec<Point>], factors: &Handwriting) {
    let turn = factors.rotation / 360.0;
    let [cos, sin] = cos_sin_turn(turn - turn.floor());
    for_each(lines, |point| {
        let [x, y] = [point[0] * factors.aspect, point[1]];
        let [x, y] = [x * cos - y * sin, x * sin + y * cos];
        *point = [x - factors.slant * y, y];
    });
    let [low, high] = bounds(lines);
    let size = sub(high, low);
    let scale = (factors.scale - factors.thickness) / size[1];
    let squeeze = ((WIDEST - factors.thickness) / (size[0] * scale).max(1e-3)).min(1.0);
    let centre = 0.5 * SIDE as f32;
    for_each(lines, |point| {
        *point = [
            centre + factors.shift_x + (point[0] - 0.5 * (low[0] + high[0])) * scale * squeeze,
            centre + factors.shift_y + (point[1] - 0.5 * (low[1] + high[1])) * scale,
        ];
    });
}

fn bounds(lines: &[Vec<Point>]) -> [Point; 2] {
    lines
        .iter()
        .flatten()
        .fold([[f32::MAX; 2], [f32::MIN; 2]], |[low, high], point| {
            [
                [0, 1].map(|i| low[i].min(point[i])),
                [0, 1].map(|i| high[i].max(point[i])),
            ]
        })
}

/// The variation of the line's width along a stroke: a slow wave, and less ink where the pen is put down and lifted.
struct Pressure {
    radius: f32,
    wave: f32,
    phase: f32,
    speed: f32,
    /// The part of the radius that is missing at the start and at the end.
    lift: [f32; 2],
}

impl Pressure {
    fn new(hand: &mut Hand, radius: f32) -> Self {
        Self {
            radius,
            wave: hand.between(0.0, 0.16),
            phase: hand.uniform(),
            speed: hand.between(0.4, 1.6),
            lift: [hand.between(0.0, 0.25), hand.between(0.0, 0.4)],
        }
    }

    /// Returns the radius in pixels; `t` runs from 0 to 1 along the stroke.
    fn radius(&self, t: f32) -> f32 {
        let near = |distance: f32| {
            let rest = (1.0 - distance / 0.2).max(0.0);
            rest * rest
        };
        let lifted = 1.0 - self.lift[0] * near(t) - self.lift[1] * near(1.0 - t);
        self.radius * lifted * (1.0 + self.wave * sin_turn(self.phase + self.speed * t))
    }
}

/// Inks the pixels near one short piece of a line. The brighter of two overlapping pieces wins, so that joints do not show.
fn segment(ink: &mut [f32; VALUES], [from, to]: [Point; 2], radius: [f32; 2]) {
    let reach = radius[0].max(radius[1]) + 0.5 * EDGE;
    let span = |axis: usize| {
        let first = (from[axis].min(to[axis]) - reach - 0.5).max(0.0) as usize;
        let last = (from[axis].max(to[axis]) + reach + 0.5).clamp(0.0, SIDE as f32) as usize;
        first..last
    };
    let along = sub(to, from);
    let square = (along[0] * along[0] + along[1] * along[1]).max(1e-12);
    for row in span(1) {
        for column in span(0) {
            let pixel = [column as f32 + 0.5, row as f32 + 0.5];
            let offset = sub(pixel, from);
            let t = ((offset[0] * along[0] + offset[1] * along[1]) / square).clamp(0.0, 1.0);
            let distance = length([offset[0] - t * along[0], offset[1] - t * along[1]]);
            let inside = radius[0] + t * (radius[1] - radius[0]) - distance;
            let cover = (inside / EDGE + 0.5).clamp(0.0, 1.0);
            let slot = &mut ink[row * SIDE + column];
            *slot = slot.max(cover * cover * (3.0 - 2.0 * cover));
        }
    }
}
