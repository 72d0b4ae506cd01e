//! The strokes of 5 to 9.

use super::super::hand::Hand;
use super::knot::{Stroke, arc, corner, p};

/// A hat put on at last; one stroke that begins with the hat; one that swings like an S.
pub(super) fn five(style: usize, hand: &mut Hand) -> Vec<Stroke> {
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
pub(super) fn six(style: usize, hand: &mut Hand) -> Vec<Stroke> {
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
pub(super) fn seven(style: usize, hand: &mut Hand) -> Vec<Stroke> {
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
pub(super) fn eight(style: usize, hand: &mut Hand) -> Vec<Stroke> {
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
pub(super) fn nine(style: usize, hand: &mut Hand) -> Vec<Stroke> {
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
