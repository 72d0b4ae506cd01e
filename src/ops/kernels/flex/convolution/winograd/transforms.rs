//! The transforms of the maps, for all channels of a tile at once (Lavin, Gray 2016, section 4.1).
//!
//! A side has 4 places for three taps and 3 for two; with 3, the last row and column of B^T and the last row of A are left out.
//! The output and its gradient have the sides of the largest phase.

use pulp::{Simd, WithSimd};

use super::tile::{MAX_SIDE, PIXELS, PlaceMemory};
use crate::ops::kernels::product::OutputCells;

/// Returns whole vectors of channels.
#[inline(always)]
fn vectors<S: Simd>(values: &[f32]) -> &[S::f32s] {
    S::as_simd_f32s(values).0
}

/// Returns B^T d. B^T has the rows (1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1).
#[inline(always)]
fn by_b<S: Simd, const N: usize>(simd: S, d: [S::f32s; N]) -> [S::f32s; N] {
    let mut product = d;
    product[0] = simd.sub_f32s(d[0], d[2]);
    product[1] = simd.add_f32s(d[1], d[2]);
    product[2] = simd.sub_f32s(d[2], d[1]);
    if N == MAX_SIDE {
        product[N - 1] = simd.sub_f32s(d[1], d[N - 1]);
    }
    product
}

/// Returns A y. A has the rows (1, 0), (1, 1), (1, -1), (0, -1).
#[inline(always)]
fn by_a<S: Simd, const N: usize>(simd: S, y: [S::f32s; PIXELS]) -> [S::f32s; N] {
    let mut product = [y[0]; N];
    product[1] = simd.add_f32s(y[0], y[1]);
    product[2] = simd.sub_f32s(y[0], y[1]);
    if N == MAX_SIDE {
        product[N - 1] = simd.neg_f32s(y[1]);
    }
    product
}

/// Returns A^T m.
#[inline(always)]
fn by_a_transposed<S: Simd, const N: usize>(simd: S, m: [S::f32s; N]) -> [S::f32s; PIXELS] {
    let second = simd.sub_f32s(m[1], m[2]);
    [
        simd.add_f32s(simd.add_f32s(m[0], m[1]), m[2]),
        if N == MAX_SIDE {
            simd.sub_f32s(second, m[N - 1])
        } else {
            second
        },
    ]
}

/// Calls `$run::<S, H, W>` for the numbers of rows and columns of places.
macro_rules! for_sides {
    ($sides:expr, $run:ident($($argument:expr),*)) => {
        match $sides {
            [4, 4] => $run::<S, 4, 4>($($argument),*),
            [4, 3] => $run::<S, 4, 3>($($argument),*),
            [3, 4] => $run::<S, 3, 4>($($argument),*),
            [3, 3] => $run::<S, 3, 3>($($argument),*),
            _ => unreachable!("`suits` allows two or three taps in a row"),
        }
    };
}

/// Tiles of framed maps, and the memory for their transforms.
pub struct FramedTiles<'a> {
    pub frames: &'a [f32],
    /// The offset of the first pixel of each tile.
    pub tile_offsets: &'a [usize],
    /// The number of values from one line of a tile to the next, and from one pixel to the next.
    pub pitch: [usize; 2],
    pub channels: usize,
    /// The numbers of rows and columns of places.
    pub sides: [usize; 2],
    /// Where each place lies in `to`, row by row; [`MAX_SIDE`] to a row.
    pub memory: &'a [PlaceMemory; MAX_SIDE * MAX_SIDE],
    pub to: &'a mut [f32],
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
pub struct InputTransform<'a>(pub FramedTiles<'a>);

impl WithSimd for InputTransform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for_sides!(self.0.sides, transform_input(simd, self.0));
    }
}

#[inline(always)]
fn transform_input<S: Simd, const H: usize, const W: usize>(simd: S, framed: FramedTiles<'_>) {
    let (channels, count) = (framed.channels, framed.channels / S::F32_LANES);
    let [line, pixel] = framed.pitch;
    let zero = simd.splat_f32s(0.0);
    let (to, _) = S::as_mut_simd_f32s(framed.to);
    for (tile, from) in framed.tile_offsets.iter().enumerate() {
        // `std::array::from_fn` and `map` are not inlined here, and calls cost more than the sums.
        let mut pixels = [[vectors::<S>(&[]); W]; H];
        for (i, pixels) in pixels.iter_mut().enumerate() {
            for (j, values) in pixels.iter_mut().enumerate() {
                let place = from + i * line + j * pixel;
                *values = vectors::<S>(&framed.frames[place..][..channels]);
            }
        }
        let offsets = offsets::<S>(framed.memory, tile, count, to.len());
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

/// Writes A y A^T of each tile y, the gradient of four pixels.
pub struct UpstreamTransform<'a>(pub FramedTiles<'a>);

impl WithSimd for UpstreamTransform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for_sides!(self.0.sides, transform_upstream(simd, self.0));
    }
}

#[inline(always)]
fn transform_upstream<S: Simd, const H: usize, const W: usize>(simd: S, framed: FramedTiles<'_>) {
    let (channels, count) = (framed.channels, framed.channels / S::F32_LANES);
    let [line, pixel] = framed.pitch;
    let (to, _) = S::as_mut_simd_f32s(framed.to);
    for (tile, from) in framed.tile_offsets.iter().enumerate() {
        let values = |place: usize| vectors::<S>(&framed.frames[place..][..channels]);
        let lines = [
            [values(*from), values(from + pixel)],
            [values(from + line), values(from + line + pixel)],
        ];
        let offsets = offsets::<S>(framed.memory, tile, count, to.len());
        #[expect(
            clippy::needless_range_loop,
            reason = "it is the place within each pixel"
        )]
        for v in 0..count {
            let left = by_a::<S, H>(simd, [lines[0][0][v], lines[1][0][v]]);
            let right = by_a::<S, H>(simd, [lines[0][1][v], lines[1][1][v]]);
            for i in 0..H {
                let row = by_a::<S, W>(simd, [left[i], right[i]]);
                for (j, value) in row.into_iter().enumerate() {
                    // SAFETY: `offsets` has checked that the whole tile lies in `to`.
                    unsafe { *to.get_unchecked_mut(offsets[i * MAX_SIDE + j] + v) = value };
                }
            }
        }
    }
}

/// Writes A^T m A + bias of each tile m to four pixels of a map.
pub struct OutputTransform<'a> {
    /// The tiles, `[places, tiles, C]`, with the places row by row.
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

impl WithSimd for OutputTransform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for_sides!(self.sides, transform_output(simd, self));
    }
}

#[inline(always)]
fn transform_output<S: Simd, const H: usize, const W: usize>(simd: S, output: OutputTransform<'_>) {
    let channels = output.bias.len();
    let (lanes, count) = (S::F32_LANES, channels / S::F32_LANES);
    let [line, pixel] = output.pitch;
    let zero = simd.splat_f32s(0.0);
    let bias = vectors::<S>(output.bias);
    let of_place = output.tile_offsets.len() * count;
    let m = &vectors::<S>(output.from)[..H * W * of_place];
    for (tile, to) in output.tile_offsets.iter().enumerate() {
        assert!(to + line + pixel + channels <= output.out.len());
        for (v, bias) in bias.iter().enumerate().take(count) {
            let mut columns = [[zero; PIXELS]; W];
            for (j, sums) in columns.iter_mut().enumerate() {
                let mut column = [zero; H];
                for (i, value) in column.iter_mut().enumerate() {
                    *value = m[(i * W + j) * of_place + tile * count + v];
                }
                *sums = by_a_transposed(simd, column);
            }
            for i in 0..PIXELS {
                let mut row = [zero; W];
                for (value, column) in row.iter_mut().zip(&columns) {
                    *value = column[i];
                }
                let row = by_a_transposed(simd, row);
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
