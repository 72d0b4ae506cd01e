//! The strokes of 0 to 4.

use super::super::hand::Hand;
use super::knot::{Stroke, arc, corner, p};

/// An oval; an oval whose end runs on into it; two half ovals that meet at the foot.
pub(super) fn zero(style: usize, hand: &mut Hand) -> Vec<Stroke> {
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
pub(super) fn one(style: usize, hand: &mut Hand) -> Vec<Stroke> {
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
pub(super) fn two(style: usize, hand: &mut Hand) -> Vec<Stroke> {
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
pub(super) fn three(style: usize, hand: &mut Hand) -> Vec<Stroke> {
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
pub(super) fn four(style: usize, hand: &mut Hand) -> Vec<Stroke> {
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
