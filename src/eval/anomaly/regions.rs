//! The connected regions of a mask.

/// The regions of a mask: sets of marked pixels that touch, also at a corner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regions {
    /// `[H, W]`: the number of each pixel's region, from 1; 0 for a pixel that is not marked.
    pub numbers: Vec<u32>,
    pub count: usize,
}

/// Returns the regions of a mask, in the order of their first pixels.
///
/// # Shapes
/// `mask`: `[H, W]`, `W` the `width`.
pub fn regions(mask: &[bool], width: usize) -> Regions {
    let height = mask.len() / width.max(1);
    let (mut numbers, mut count) = (vec![0; mask.len()], 0);
    let mut next = Vec::new();
    for start in 0..mask.len() {
        if !mask[start] || numbers[start] > 0 {
            continue;
        }
        count += 1;
        numbers[start] = count;
        next.push(start);
        while let Some(pixel) = next.pop() {
            let [row, column] = [pixel / width, pixel % width];
            for y in row.saturating_sub(1)..(row + 2).min(height) {
                for x in column.saturating_sub(1)..(column + 2).min(width) {
                    let other = y * width + x;
                    if mask[other] && numbers[other] == 0 {
                        numbers[other] = count;
                        next.push(other);
                    }
                }
            }
        }
    }
    Regions {
        numbers,
        count: count as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_that_touch_at_a_corner_are_one_region_and_the_border_does_not_wrap() {
        let mask = "#...#
                    .#...
                    ....#
                    #...#";
        let mask: Vec<bool> = mask
            .chars()
            .filter(|c| !c.is_whitespace())
            .map(|c| c == '#')
            .collect();
        let found = regions(&mask, 5);
        assert_eq!(found.count, 4);
        assert_eq!(
            found.numbers,
            [1, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 4, 0, 0, 0, 3]
        );
        assert_eq!(regions(&[], 0).count, 0);
    }
}
