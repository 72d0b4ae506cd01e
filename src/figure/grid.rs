//! The number of columns in a grid of images.

/// Returns the number of columns that arranges `count` images in a square or in a wider grid. The grid has up to twice
/// the columns of the square if that leaves no cell empty.
pub fn square_columns(count: usize) -> usize {
    let root = count.isqrt();
    let square = if root * root == count {
        root.max(1)
    } else {
        root + 1
    };
    (square..=2 * square)
        .find(|columns| count.is_multiple_of(*columns))
        .unwrap_or(square)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_place_stays_empty_if_a_few_more_columns_prevent_it() {
        let counts = [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 16, 64, 100];
        assert_eq!(
            counts.map(square_columns),
            [1, 1, 2, 3, 2, 5, 3, 4, 3, 5, 4, 8, 10]
        );
    }
}
