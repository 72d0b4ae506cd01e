//! Winograd's way of convolving with small kernels (Lavin and Gray 2016, section 4.1, for 3 x 3 taps; the rest is derived
//! from it here).
//!
//! A tile of the output, m x m pixels, comes from the m + 2 by m + 2 pixels d of the input as
//! A^T [(G g G^T) . (B^T d B)] A, with the kernel g of 3 x 3 taps. The product "." is one number for each of the (m + 2)^2 places,
//! and over the channels it becomes as many matrix products. With m = 2 they take 16 multiplications for 4 pixels, where the
//! windows take 36; with m = 4 they take 36 for 16 pixels, instead of 144. The transforms are cheap. A kernel of two taps in a
//! row is one of three taps whose last one is 0, and so is its last place: 9 multiplications for 4 pixels instead of 16, or 25
//! for 16 pixels instead of 64.
//!
//! With stride 2, the kernel's even rows read even rows of the input, and its odd rows odd ones; the same holds for columns.
//! So the kernel is four kernels with stride 1, its phases, whose results are added. The products of all phases at a place are
//! one product over their channels together. For 4 x 4 pixels, a kernel of 4 x 4 taps takes 100 multiplications instead of 256,
//! one of 5 x 5 taps 121 instead of 400, one of 6 x 6 taps 144 instead of 576.
//!
//! In the other direction, from the small map to the big one, each phase of the output is a convolution with stride 1 of its
//! own. The gradient of g is G^T [(A y A^T) . (B^T d B)] G, with the gradient y of a tile of the output, summed over all tiles.

mod axis;
mod gradient;
mod maps;
mod tile;
mod transforms;
mod weights;

use std::cell::RefCell;

pub use self::gradient::TiledGradient;
pub use self::maps::TiledMaps;
use self::tile::TAPS;
use super::windows::Windows;

/// The channels of both maps are multiples of this number, so that whole vectors hold them on every machine, and at least
/// as many: with fewer the transforms take longer than the multiplications that they save.
const CHANNELS: usize = 16;

/// The number of values of the transformed tiles that are processed at a time, 1.5 MB. With fewer, the products would read the
/// weights of a place for a few tiles only.
const VALUES: usize = 384 * 1024;

thread_local! {
    /// Memory for the transformed input and output of some tiles.
    static SCRATCH: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };

    /// Memory for the transformed weight gradient of a part of a batch.
    static SUMS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Returns whether a convolution can be done in tiles, and is faster so.
pub fn suits(windows: &Windows) -> bool {
    let channels = [windows.big[0], windows.small[0]];
    let Windows { kernel, stride, .. } = *windows;
    let saves = match stride {
        1 => kernel == 3,
        2 => [kernel / 2, kernel.div_ceil(2)]
            .iter()
            .all(|taps| TAPS.contains(taps)),
        _ => false,
    };
    let has_whole_tiles = |axis: usize| {
        windows.small[axis].is_multiple_of(2)
            && windows.big[axis] == windows.stride * windows.small[axis]
    };
    saves
        && [1, 2].into_iter().all(has_whole_tiles)
        && channels
            .iter()
            .all(|count| *count >= CHANNELS && count.is_multiple_of(CHANNELS))
}

/// Returns the first pixel of each tile of `pixels` x `pixels` pixels of a map, `[H, W]`, line by line.
fn tiles(pixels: usize, [height, width]: [usize; 2]) -> impl Iterator<Item = usize> {
    (0..height)
        .step_by(pixels)
        .flat_map(move |y| (0..width).step_by(pixels).map(move |x| y * width + x))
}

/// Returns the number of pixels in a row of a tile of a map, `[H, W]`: as many as fit.
fn pixels_of_tiles(map: [usize; 2]) -> usize {
    if map.iter().all(|length| length.is_multiple_of(4)) {
        4
    } else {
        2
    }
}

/// A tile of a map, or of a phase of one.
#[derive(Clone, Copy)]
struct Tile {
    /// The offset of the first value of the map.
    map: usize,
    /// The line and the column of the map for the tile's first pixel, which may lie outside.
    at: [isize; 2],
}

/// Returns the tiles of `count` maps of `length` values each; `at` are those of one map.
fn tiles_of_maps(at: &[[isize; 2]], length: usize, count: usize) -> Vec<Tile> {
    (0..count)
        .flat_map(|number| {
            let map = number * length;
            at.iter().map(move |&at| Tile { map, at })
        })
        .collect()
}
