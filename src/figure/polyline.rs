//! Lines through points. They are cut where a point is missing and where they leave the plot.

use super::axis::Range;

/// Returns whether a point has no neighbour to draw a line to.
pub fn stands_alone(points: &[Option<(f64, f64)>], index: usize) -> bool {
    let is_there = |index: Option<usize>| {
        index
            .and_then(|index| points.get(index)?.as_ref())
            .is_some()
    };
    !is_there(index.checked_sub(1)) && !is_there(Some(index + 1))
}

/// Returns the lines through the points, cut where a point is missing and where the line leaves the range.
pub fn pieces(points: &[Option<(f64, f64)>], range: Range) -> Vec<Vec<(f64, f64)>> {
    let mut pieces: Vec<Vec<(f64, f64)>> = Vec::new();
    for pair in points.windows(2) {
        let [Some(from), Some(to)] = pair else {
            continue;
        };
        let Some([from, to]) = clipped(*from, *to, range) else {
            continue;
        };
        match pieces.last_mut() {
            Some(piece) if piece.last() == Some(&from) => piece.push(to),
            _ => pieces.push(vec![from, to]),
        }
    }
    pieces
}

/// Returns the part of a line within the range of the y axis.
fn clipped(from: (f64, f64), to: (f64, f64), range: Range) -> Option<[(f64, f64); 2]> {
    if from.1.max(to.1) < range.low || from.1.min(to.1) > range.high {
        return None;
    }
    let inside = |(x, y): (f64, f64)| {
        let edge = y.clamp(range.low, range.high);
        if edge == y {
            return (x, y);
        }
        let share = (edge - from.1) / (to.1 - from.1);
        (from.0 + share * (to.0 - from.0), edge)
    };
    Some([inside(from), inside(to)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_not_a_number_interrupts_the_line() {
        let points: Vec<Option<(f64, f64)>> = [1.0, 2.0, f64::NAN, 3.0, f64::NAN, 4.0, 5.0]
            .iter()
            .enumerate()
            .map(|(index, &y)| y.is_finite().then_some((index as f64, y)))
            .collect();
        let range = Range {
            low: 0.0,
            high: 9.0,
        };
        let pieces = pieces(&points, range);
        assert_eq!(
            pieces,
            [vec![(0.0, 1.0), (1.0, 2.0)], vec![(5.0, 4.0), (6.0, 5.0)]]
        );
        assert!(stands_alone(&points, 3) && !stands_alone(&points, 0));
    }

    #[test]
    fn a_line_is_cut_where_it_leaves_the_panel() {
        let range = Range {
            low: 0.0,
            high: 10.0,
        };
        let points = [(0.0, 20.0), (1.0, 0.0), (2.0, 30.0), (3.0, 40.0)].map(Some);
        let expected = vec![(0.5, 10.0), (1.0, 0.0), (1.0 + 1.0 / 3.0, 10.0)];
        assert_eq!(pieces(&points, range), [expected]);
    }
}
