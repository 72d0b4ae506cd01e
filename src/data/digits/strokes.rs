//! The shapes of the ten classes, as points that a pen passes through.
//!
//! `x` runs to the right from the digit's middle, `y` down from 0 at its top to 1 at its foot. Numbers drawn from the
//! hand are habits (how round, how high the waist); the small unsteadiness of every point is added by the pen.

use super::Hand;
use crate::rng::cos_sin_turn;

/// A point that the pen passes through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Knot {
    pub x: f32,
    pub y: f32,
    /// The pen changes direction here, rather than to pass in a curve.
    pub corner: bool,
}

/// What is written without lifting the pen.
pub(super) type Stroke = Vec<Knot>;

/// How often each way of writing a class is taken; each row adds up to one. The order is that of [`shape`].
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

/// The way of writing `label` that a number in [0, 1) chooses.
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

/// The strokes of one digit.
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

fn p(x: f32, y: f32) -> Knot {
    Knot {
        x,
        y,
        corner: false,
    }
}

fn corner(x: f32, y: f32) -> Knot {
    Knot { x, y, corner: true }
}

/// Points on an ellipse: from `start` for `length` turns, both clockwise from three o'clock; `growth` of its size from
/// the first point to the last, so that the ends need not meet.
fn arc(centre: [f32; 2], radii: [f32; 2], start: f32, length: f32, growth: f32) -> Stroke {
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

/// An oval; an oval whose end runs on into it; two half ovals that meet at the foot.
fn zero(style: usize, hand: &mut Hand) -> Vec<Stroke> {
    let width = hand.between(0.23, 0.39);
    let start = hand.between(0.7, 0.86);
    match style {
        0 => vec![arc(
            [0.0, 0.5],
            [width, 0.5],
            start,
            -hand.between(1.0, 1.1),
            hand.between(-0.08, 0.04),
        )],
        1 => {
            let mut oval = arc([0.0, 0.5], [width, 0.5], start, -0.97, 0.0);
            let first = oval[0];
            oval.push(p(
                first.x - 0.25 * width,
                first.y + hand.between(0.01, 0.05),
            ));
            oval.push(p(first.x - 0.6 * width, first.y + hand.between(0.05, 0.14)));
            vec![oval]
        }
        _ => {
            let (top, foot) = (hand.between(0.7, 0.78), hand.between(0.22, 0.28));
            vec![
                arc([0.0, 0.5], [width, 0.5], top, foot - top - 0.02, 0.0),
                arc(
                    [0.0, 0.5],
                    [width * hand.between(0.9, 1.05), 0.5],
                    top - 0.03,
                    foot + 1.05 - top,
                    0.0,
                ),
            ]
        }
    }
}

/// A line; a line with a flag; with a flag and a base.
fn one(style: usize, hand: &mut Hand) -> Vec<Stroke> {
    let bend = hand.about(0.0, 0.03);
    if style == 0 {
        return vec![vec![
            p(0.0, 0.0),
            p(bend, 0.33),
            p(bend, 0.67),
            p(hand.about(0.0, 0.02), 1.0),
        ]];
    }
    let reach = hand.between(0.09, 0.19);
    let drop = reach * hand.between(1.1, 1.6);
    let stem = vec![
        p(-reach, drop),
        p(-0.4 * reach, 0.5 * drop),
        corner(0.0, 0.0),
        p(bend, 0.5),
        p(0.0, 1.0),
    ];
    if style == 1 {
        return vec![stem];
    }
    let [left, right] = [hand.between(0.16, 0.28), hand.between(0.16, 0.28)];
    let tilt = hand.about(0.0, 0.015);
    vec![
        stem,
        vec![
            p(-left, 1.0 - tilt),
            p(0.0, 1.0 + hand.about(0.0, 0.01)),
            p(right, 1.0 + tilt),
        ],
    ]
}

/// A corner at the foot; a loop there; a rounded foot that swings up.
fn two(style: usize, hand: &mut Hand) -> Vec<Stroke> {
    let left = hand.between(-0.32, -0.22);
    let belly = hand.between(0.2, 0.3);
    let tall = hand.between(0.18, 0.26);
    let mut stroke = vec![
        p(left, tall + hand.between(-0.04, 0.05)),
        p(-0.17, 0.05),
        p(0.03, 0.0),
        p(belly, tall),
        p(0.16, 0.47),
    ];
    let end = p(hand.between(0.28, 0.4), hand.between(0.9, 1.0));
    match style {
        0 => stroke.extend([
            p(-0.08, 0.74),
            corner(hand.between(-0.36, -0.26), 0.98),
            p(0.02, 0.97),
            end,
        ]),
        1 => {
            let lift = hand.between(0.75, 0.83);
            stroke.extend([
                p(0.0, 0.76),
                p(-0.18, 0.96),
                p(-0.31, 0.95),
                p(-0.3, lift + 0.03),
            ]);
            stroke.extend([p(-0.17, lift), p(0.05, 0.93), p(0.18, 0.98), end]);
        }
        _ => stroke.extend([
            p(-0.06, 0.74),
            p(-0.28, 0.95),
            p(-0.12, 0.94),
            p(0.14, 1.0),
            p(end.x, end.y - 0.05),
        ]),
    }
    vec![stroke]
}

/// Two bowls and a corner between them; a flat top; a small loop at the waist.
fn three(style: usize, hand: &mut Hand) -> Vec<Stroke> {
    let waist = hand.between(0.41, 0.49);
    let belly = hand.between(0.22, 0.32);
    let mut stroke = match style {
        1 => vec![
            p(hand.between(-0.3, -0.2), 0.04),
            p(0.02, 0.01),
            corner(hand.between(0.18, 0.28), 0.02),
            corner(hand.between(-0.06, 0.02), waist - 0.04),
        ],
        _ => {
            let start = p(hand.between(-0.3, -0.2), hand.between(0.06, 0.17));
            vec![
                start,
                p(-0.12, 0.02),
                p(0.06, 0.01),
                p(hand.between(0.17, 0.26), 0.17),
                p(0.13, waist - 0.1),
            ]
        }
    };
    match style {
        0 => stroke.push(corner(hand.between(-0.12, 0.02), waist)),
        1 => stroke.push(p(0.1, waist - 0.03)),
        _ => stroke.extend([
            p(-0.02, waist + 0.04),
            p(-0.13, waist + 0.02),
            p(-0.1, waist - 0.06),
            p(0.03, waist),
        ]),
    }
    stroke.extend([
        p(0.17, waist + 0.1),
        p(belly, waist + 0.27),
        p(0.15, 0.95),
        p(-0.04, 1.0),
        p(-0.2, 0.96),
    ]);
    stroke.push(p(hand.between(-0.36, -0.25), hand.between(0.8, 0.9)));
    vec![stroke]
}

/// Open with straight lines; closed at the top; open with a round cup.
fn four(style: usize, hand: &mut Hand) -> Vec<Stroke> {
    let bar = hand.between(0.48, 0.62);
    let stem = hand.between(0.08, 0.2);
    let foot = p(stem - hand.between(0.0, 0.08), 1.0);
    let reach = stem + hand.between(0.08, 0.2);
    match style {
        0 => vec![
            vec![
                p(hand.between(-0.3, -0.12), hand.between(0.0, 0.08)),
                p(-0.27, 0.6 * bar),
                corner(-0.31, bar),
                p(-0.05, bar + hand.about(0.0, 0.015)),
                p(reach, bar - hand.between(0.0, 0.06)),
            ],
            vec![p(stem + 0.02, hand.between(0.0, 0.25)), p(stem, 0.5), foot],
        ],
        1 => {
            let gap = hand.between(-0.02, 0.03);
            vec![
                vec![
                    p(stem - gap, 0.0),
                    p(-0.12, 0.52 * bar),
                    corner(-0.38, bar + 0.05),
                    p(-0.05, bar + 0.05 + hand.about(0.0, 0.015)),
                    p(reach, bar + hand.between(0.0, 0.06)),
                ],
                vec![p(stem, gap.abs()), p(stem, 0.5), foot],
            ]
        }
        _ => vec![vec![
            p(hand.between(-0.32, -0.2), 0.03),
            p(-0.32, 0.3),
            p(-0.2, bar - 0.06),
            p(-0.02, bar - 0.06),
            p(stem, 0.7 * bar),
            corner(stem + 0.07, hand.between(0.0, 0.08)),
            p(stem + 0.02, 0.5),
            foot,
        ]],
    }
}

/// A hat put on at last; one stroke that begins with the hat; one that swings like an S.
fn five(style: usize, hand: &mut Hand) -> Vec<Stroke> {
    let belly = hand.between(0.22, 0.31);
    let left = hand.between(-0.22, -0.13);
    let waist = hand.between(0.36, 0.45);
    let bowl = [
        p(0.06, waist - 0.02),
        p(belly, waist + 0.2),
        p(0.18, 0.9),
        p(-0.02, 1.0),
        p(-0.2, 0.97),
    ];
    let end = p(hand.between(-0.36, -0.26), hand.between(0.84, 0.93));
    let hat = p(hand.between(0.22, 0.36), hand.between(-0.04, 0.03));
    let mut body = match style {
        0 => vec![
            p(left, 0.02),
            corner(left - 0.05, waist + 0.03),
            p(-0.1, waist - 0.01),
        ],
        1 => vec![
            hat,
            p(0.05, 0.0),
            corner(left, 0.03),
            corner(left - 0.05, waist + 0.03),
            p(-0.1, waist - 0.01),
        ],
        _ => vec![
            hat,
            p(0.05, 0.02),
            p(-0.16, 0.08),
            p(-0.21, 0.25),
            p(-0.1, waist - 0.03),
        ],
    };
    body.extend(bowl);
    body.push(end);
    if style > 0 {
        return vec![body];
    }
    let gap = hand.between(-0.02, 0.05);
    vec![
        body,
        vec![
            p(left + gap, 0.02),
            p(0.05, 0.01 + hand.about(0.0, 0.01)),
            hat,
        ],
    ]
}

/// A curved back; a straight one; a round one that curls over.
fn six(style: usize, hand: &mut Hand) -> Vec<Stroke> {
    let loop_top = hand.between(0.48, 0.62);
    let right = hand.between(0.2, 0.3);
    let mut stroke = match style {
        0 => vec![
            p(hand.between(0.08, 0.22), 0.0),
            p(-0.09, 0.2),
            p(-0.22, 0.48),
        ],
        1 => vec![
            p(hand.between(0.03, 0.16), 0.0),
            p(-0.11, 0.28),
            p(-0.23, 0.58),
        ],
        _ => vec![
            p(hand.between(0.2, 0.28), 0.1),
            p(0.1, 0.0),
            p(-0.1, 0.08),
            p(-0.22, 0.3),
            p(-0.27, 0.55),
        ],
    };
    stroke.extend([
        p(-0.25, 0.78),
        p(-0.13, 0.97),
        p(0.05, 1.0),
        p(right, 0.5 * (1.0 + loop_top)),
    ]);
    stroke.extend([p(0.13, loop_top + 0.03), p(-0.02, loop_top + 0.01)]);
    stroke.push(p(
        hand.between(-0.24, -0.15),
        loop_top + hand.between(0.12, 0.24),
    ));
    vec![stroke]
}

/// Two lines; with a bar across the stem; with a serif where it begins.
fn seven(style: usize, hand: &mut Hand) -> Vec<Stroke> {
    let left = hand.between(-0.37, -0.28);
    let right = hand.between(0.23, 0.34);
    let foot = hand.between(-0.16, 0.06);
    let bow = hand.between(-0.06, 0.03);
    let mut stroke = vec![
        p(left, hand.between(0.0, 0.07)),
        p(-0.02, hand.between(0.0, 0.05)),
    ];
    if style == 2 {
        stroke[0] = corner(left, hand.between(0.03, 0.07));
        stroke.insert(0, p(left + hand.about(0.0, 0.02), hand.between(0.16, 0.26)));
    }
    let middle = 0.5 * (right + foot) + bow;
    stroke.extend([
        corner(right, 0.02),
        p(middle + 0.06, 0.4),
        p(middle - 0.04, 0.62),
        p(foot, 1.0),
    ]);
    if style != 1 {
        return vec![stroke];
    }
    let height = hand.between(0.44, 0.56);
    let tilt = hand.about(0.02, 0.02);
    let [before, after] = [hand.between(0.13, 0.22), hand.between(0.13, 0.22)];
    vec![
        stroke,
        vec![
            p(middle - before, height + tilt),
            p(middle, height),
            p(middle + after, height - tilt),
        ],
    ]
}

/// One stroke that begins like an S; two rounds; one stroke that begins on the left and leaves a gap.
fn eight(style: usize, hand: &mut Hand) -> Vec<Stroke> {
    let waist = hand.between(0.42, 0.52);
    let top = hand.between(0.17, 0.24);
    let foot = hand.between(0.22, 0.3);
    if style == 1 {
        let lean = hand.about(0.0, 0.02);
        let start = hand.between(0.6, 0.85);
        let radius = 0.5 * waist;
        return vec![
            arc(
                [lean, radius],
                [top, radius],
                start,
                -hand.between(0.97, 1.08),
                0.0,
            ),
            arc(
                [0.0, 0.5 * (1.0 + waist)],
                [foot, 0.5 * (1.0 - waist)],
                0.75,
                hand.between(0.97, 1.05),
                0.0,
            ),
        ];
    }
    let low = 0.5 * (1.0 + waist);
    let high = 0.5 * waist;
    let cross = hand.about(0.0, 0.02);
    let down = [p(-top, high), p(cross, waist), p(foot, low)];
    let up = [
        p(0.0, 1.0),
        p(-foot, low + 0.02),
        p(cross, waist + 0.02),
        p(top, high),
    ];
    let end = p(0.6 * top, hand.between(0.03, 0.1));
    let start = if style == 0 {
        [p(top, hand.between(0.07, 0.16)), p(0.0, 0.0)]
    } else {
        [p(0.5 * top, 0.02), p(0.0, 0.0)]
    };
    vec![
        start
            .into_iter()
            .chain(down)
            .chain(up)
            .chain([end])
            .collect(),
    ]
}

/// A round and a straight stem; a stem that curls to the left; a round that runs on into a slanting stem.
fn nine(style: usize, hand: &mut Hand) -> Vec<Stroke> {
    let size = hand.between(0.22, 0.29);
    let left = hand.between(-0.34, -0.24);
    let right = hand.between(0.18, 0.26);
    let mut stroke = vec![
        p(right - 0.01, 0.1),
        p(0.02, 0.0),
        p(left + 0.08, 0.07),
        p(left, size),
    ];
    stroke.extend([
        p(left + 0.12, 1.85 * size),
        p(-0.03, 1.95 * size),
        p(right - 0.07, 1.45 * size),
    ]);
    match style {
        0 => stroke.extend([
            corner(right + 0.01, hand.between(0.05, 0.13)),
            p(right, 0.5),
            p(right - 0.02, 1.0),
        ]),
        1 => {
            stroke.extend([
                corner(right + 0.01, 0.1),
                p(right + 0.02, 0.45),
                p(right - 0.03, 0.8),
                p(0.02, 1.0),
            ]);
            stroke.push(p(hand.between(-0.26, -0.16), hand.between(0.87, 0.94)));
        }
        _ => stroke.extend([
            p(right + 0.02, 0.13),
            p(right, 0.36),
            p(0.13, 0.68),
            p(hand.between(-0.06, 0.06), 1.0),
        ]),
    }
    vec![stroke]
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
