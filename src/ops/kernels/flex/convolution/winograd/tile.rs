//! The size of a tile.

/// The height and width of a tile's input, and the number of its values in a channel.
pub const SIDE: usize = 4;
pub const PLACES: usize = SIDE * SIDE;
