//! The operands of a tiled product, and the places of their values in memory.

/// The left factor. Its value (row, segment, i), `i < length`, is at `rows[row] + segments[segment] + i * step`. A
/// matrix has one segment; the windows of a convolution have one for each row of the window.
#[derive(Clone, Copy)]
pub struct LeftFactor<'a> {
    pub values: &'a [f32],
    pub rows: &'a [usize],
    pub segments: &'a [usize],
    pub length: usize,
    pub step: usize,
}

/// The right factor. Its line (segment, i) is at `segments[segment] + i * step` and has `columns` values.
#[derive(Clone, Copy)]
pub struct RightFactor<'a> {
    pub values: &'a [f32],
    pub segments: &'a [usize],
    pub step: usize,
    pub columns: usize,
}

/// The value that each sum of a product starts from.
#[derive(Clone, Copy)]
pub enum InitialSum<'a> {
    Zero,
    /// One value for each column.
    Bias(&'a [f32]),
    /// The value that the result already holds.
    Previous,
}

/// The number of rows of the left factor that share a list of terms and form a tile. With fewer rows a list leaves out
/// more terms, but more of the right factor is read for each multiplication.
pub const BLOCK: usize = 4;

/// A product that is computed tile by tile. Row `r` of the result begins at `rows[r]`.
pub struct TiledProduct<'a> {
    pub left: LeftFactor<'a>,
    /// The `i` to sum over in the only segment, in one list for each [`BLOCK`] of rows. The values left out are 0 in
    /// all rows of the block.
    pub nonzero: Option<&'a [Vec<u32>]>,
    pub right: RightFactor<'a>,
    pub rows: &'a [usize],
    pub start: InitialSum<'a>,
    /// Whether max(y, 0) is stored instead of y.
    pub rectified: bool,
}
