//! The transforms of the maps, for all channels of a tile at once: those of [`super::axis`] along the columns and then along the
//! rows. The output and its gradient have the sides of the largest phase.

use pulp::{Simd, WithSimd};

use super::Tile;
use super::axis::{MAX_SIDE, by_a, by_a_transposed, by_b};
use super::tile::{GAP, PlaceMemory};
use crate::ops::kernels::product::OutputCells;
use crate::ops::kernels::simd::dispatch;

/// Returns whole vectors of channels.
#[inline(always)]
pub fn vectors<S: Simd>(values: &[f32]) -> &[S::f32s] {
    S::as_simd_f32s(values).0
}

/// Calls `$run::<S, P, H, W>` for the numbers of rows and columns of places, and P pixels in a row of a tile.
macro_rules! for_sides {
    ($sides:expr, $run:ident($($argument:expr),*)) => {
        match $sides {
            [4, 4] => $run::<S, 2, 4, 4>($($argument),*),
            [4, 3] => $run::<S, 2, 4, 3>($($argument),*),
            [3, 4] => $run::<S, 2, 3, 4>($($argument),*),
            [3, 3] => $run::<S, 2, 3, 3>($($argument),*),
            [6, 6] => $run::<S, 4, 6, 6>($($argument),*),
            [6, 5] => $run::<S, 4, 6, 5>($($argument),*),
            [5, 6] => $run::<S, 4, 5, 6>($($argument),*),
            [5, 5] => $run::<S, 4, 5, 5>($($argument),*),
            _ => unreachable!("tiles have 2 or 4 pixels, and `suits` allows 2 or 3 taps in a row"),
        }
    };
}
pub(super) use for_sides;

/// Tiles of maps, `[H, W, C]`. Pixels outside a map are 0.
pub struct MapTiles<'a> {
    pub maps: &'a [f32],
    pub tiles: &'a [Tile],
    /// The height and width of a map.
    pub size: [usize; 2],
    pub channels: usize,
    /// The line and the column of the first pixel, counted from that of the tile.
    pub first: [usize; 2],
    /// The distance of the pixels in lines, and in columns.
    pub stride: usize,
}

/// Memory for transformed tiles.
pub struct TransformedTiles<'a> {
    /// The numbers of rows and columns of places.
    pub sides: [usize; 2],
    /// Where each place lies in `to`, row by row; [`MAX_SIDE`] to a row.
    pub memory: &'a [PlaceMemory; MAX_SIDE * MAX_SIDE],
    pub to: &'a mut [f32],
}

impl MapTiles<'_> {
    /// Returns the channels of each pixel of a tile, `zeros` for those outside the map.
    #[inline(always)]
    fn pixels<'b, S: Simd, const H: usize, const W: usize>(
        &'b self,
        tile: Tile,
        zeros: &'b [f32],
    ) -> [[&'b [S::f32s]; W]; H] {
        let [height, width] = self.size;
        // `std::array::from_fn` and `map` are not inlined here, and calls cost more than the sums.
        let mut pixels = [[vectors::<S>(zeros); W]; H];
        for (i, pixels) in pixels.iter_mut().enumerate() {
            let line = tile.at[0].wrapping_add_unsigned(self.first[0] + i * self.stride) as usize;
            for (j, values) in pixels.iter_mut().enumerate() {
                let column =
                    tile.at[1].wrapping_add_unsigned(self.first[1] + j * self.stride) as usize;
                // Lines and columns before the first one are very large numbers here.
                if line < height && column < width {
                    let place = tile.map + (line * width + column) * self.channels;
                    *values = vectors::<S>(&self.maps[place..][..self.channels]);
                }
            }
        }
        pixels
    }
}

/// Returns the offset of each place of a tile, in vectors.
///
/// # Panics
/// Panics unless `count` vectors fit at each, in memory of `length` vectors.
#[inline(always)]
fn offsets<S: Simd>(
    memory: &[PlaceMemory; MAX_SIDE * MAX_SIDE],
    tile: usize,
    count: usize,
    length: usize,
) -> [usize; MAX_SIDE * MAX_SIDE] {
    let mut offsets = [0; MAX_SIDE * MAX_SIDE];
    let mut last = 0;
    for (offset, place) in offsets.iter_mut().zip(memory) {
        *offset = (place.first + tile * place.step) / S::F32_LANES;
        last = last.max(*offset);
    }
    assert!(last + count <= length);
    offsets
}

/// Writes B^T d B of each tile d.
pub struct InputTransform<'a>(pub MapTiles<'a>, pub TransformedTiles<'a>);

impl WithSimd for InputTransform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for_sides!(self.1.sides, transform_input(simd, self.0, self.1));
    }
}

#[inline(always)]
fn transform_input<S: Simd, const P: usize, const H: usize, const W: usize>(
    simd: S,
    tiles: MapTiles<'_>,
    transformed: TransformedTiles<'_>,
) {
    let count = tiles.channels / S::F32_LANES;
    let (zero, zeros) = (simd.splat_f32s(0.0), vec![0.0; tiles.channels]);
    let (to, _) = S::as_mut_simd_f32s(transformed.to);
    for (number, tile) in tiles.tiles.iter().enumerate() {
        let pixels = tiles.pixels::<S, H, W>(*tile, &zeros);
        let offsets = offsets::<S>(transformed.memory, number, count, to.len());
        for v in 0..count {
            let mut columns = [[zero; H]; W];
            for (j, sums) in columns.iter_mut().enumerate() {
                let mut column = [zero; H];
                for (value, pixels) in column.iter_mut().zip(&pixels) {
                    *value = pixels[j][v];
                }
                *sums = by_b(simd, column);
            }
            for i in 0..H {
                let mut row = [zero; W];
                for (value, column) in row.iter_mut().zip(&columns) {
                    *value = column[i];
                }
                for (j, value) in by_b(simd, row).into_iter().enumerate() {
                    // SAFETY: `offsets` has checked that the whole tile lies in `to`.
                    unsafe { *to.get_unchecked_mut(offsets[i * MAX_SIDE + j] + v) = value };
                }
            }
        }
    }
}

/// Writes A y A^T of each tile y, the gradient of its pixels.
pub struct UpstreamTransform<'a>(pub MapTiles<'a>, pub TransformedTiles<'a>);

impl WithSimd for UpstreamTransform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for_sides!(self.1.sides, transform_upstream(simd, self.0, self.1));
    }
}

#[inline(always)]
fn transform_upstream<S: Simd, const P: usize, const H: usize, const W: usize>(
    simd: S,
    tiles: MapTiles<'_>,
    transformed: TransformedTiles<'_>,
) {
    let count = tiles.channels / S::F32_LANES;
    let (zero, zeros) = (simd.splat_f32s(0.0), vec![0.0; tiles.channels]);
    let (to, _) = S::as_mut_simd_f32s(transformed.to);
    for (number, tile) in tiles.tiles.iter().enumerate() {
        let pixels = tiles.pixels::<S, P, P>(*tile, &zeros);
        let offsets = offsets::<S>(transformed.memory, number, count, to.len());
        for v in 0..count {
            let mut columns = [[zero; H]; P];
            for (j, products) in columns.iter_mut().enumerate() {
                let mut column = [zero; P];
                for (value, pixels) in column.iter_mut().zip(&pixels) {
                    *value = pixels[j][v];
                }
                *products = by_a(simd, column);
            }
            for i in 0..H {
                let mut row = [zero; P];
                for (value, column) in row.iter_mut().zip(&columns) {
                    *value = column[i];
                }
                let row: [S::f32s; W] = by_a(simd, row);
                for (j, value) in row.into_iter().enumerate() {
                    // SAFETY: `offsets` has checked that the whole tile lies in `to`.
                    unsafe { *to.get_unchecked_mut(offsets[i * MAX_SIDE + j] + v) = value };
                }
            }
        }
    }
}

/// Writes A^T m A + bias of each tile m to its pixels of a map.
pub struct OutputTransform<'a> {
    /// The tiles, `[places, tiles, C]` with a [`GAP`] after each place, and the places row by row.
    pub from: &'a [f32],
    /// The numbers of rows and columns of places.
    pub sides: [usize; 2],
    /// One value for each channel.
    pub bias: &'a [f32],
    /// The offset of the first pixel of each tile.
    pub tile_offsets: &'a [usize],
    /// The number of values in the map from one line of a tile to the next, and from one pixel to the next.
    pub pitch: [usize; 2],
    /// Whether max(y, 0) is stored instead of y.
    pub rectified: bool,
    pub out: OutputCells<'a>,
}

impl OutputTransform<'_> {
    /// Writes the pixels.
    ///
    /// # Safety
    /// No other thread uses them in `out` at the same time.
    pub unsafe fn run(self) {
        dispatch(PixelWriter(self));
    }
}

/// An [`OutputTransform`] whose caller has promised what it needs.
struct PixelWriter<'a>(OutputTransform<'a>);

impl WithSimd for PixelWriter<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for_sides!(self.0.sides, transform_output(simd, self.0));
    }
}

#[inline(always)]
fn transform_output<S: Simd, const P: usize, const H: usize, const W: usize>(
    simd: S,
    output: OutputTransform<'_>,
) {
    let channels = output.bias.len();
    let (lanes, count) = (S::F32_LANES, channels / S::F32_LANES);
    let [line, pixel] = output.pitch;
    let zero = simd.splat_f32s(0.0);
    let bias = vectors::<S>(output.bias);
    let of_place = output.tile_offsets.len() * count + GAP / lanes;
    let m = &vectors::<S>(output.from)[..H * W * of_place];
    for (tile, to) in output.tile_offsets.iter().enumerate() {
        assert!(to + (P - 1) * (line + pixel) + channels <= output.out.len());
        for (v, bias) in bias.iter().enumerate().take(count) {
            let mut columns = [[zero; P]; W];
            for (j, sums) in columns.iter_mut().enumerate() {
                let mut column = [zero; H];
                for (i, value) in column.iter_mut().enumerate() {
                    *value = m[(i * W + j) * of_place + tile * count + v];
                }
                *sums = by_a_transposed(simd, column);
            }
            for i in 0..P {
                let mut row = [zero; W];
                for (value, column) in row.iter_mut().zip(&columns) {
                    *value = column[i];
                }
                let row: [S::f32s; P] = by_a_transposed(simd, row);
                for (j, value) in row.into_iter().enumerate() {
                    let value = simd.add_f32s(value, *bias);
                    // A comparison keeps NaN, which a maximum would hide.
                    let value = if output.rectified {
                        simd.select_f32s(simd.less_than_f32s(value, zero), zero, value)
                    } else {
                        value
                    };
                    let place = to + i * line + j * pixel + v * lanes;
                    // SAFETY: the place and the vector after it lie within the memory, as just checked for the last
                    // pixel; the caller promises that no other thread uses it.
                    unsafe {
                        output
                            .out
                            .as_mut_ptr()
                            .add(place)
                            .cast::<S::f32s>()
                            .write_unaligned(value);
                    }
                }
            }
        }
    }
}
