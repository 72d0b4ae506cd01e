//! The transforms of the maps, for all channels of a tile at once (Lavin, Gray 2016, section 4.1). The values of a tile
//! are `[4 x 4, C]`.

use pulp::{Simd, WithSimd};

use super::tile::{PLACES, SIDE};
use crate::ops::kernels::product::OutputCells;

/// Returns whole vectors of channels.
#[inline(always)]
fn vectors<S: Simd>(values: &[f32]) -> &[S::f32s] {
    S::as_simd_f32s(values).0
}

/// Returns B^T d. B^T has the rows (1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1).
#[inline(always)]
fn by_b<S: Simd>(simd: S, d: [S::f32s; SIDE]) -> [S::f32s; SIDE] {
    [
        simd.sub_f32s(d[0], d[2]),
        simd.add_f32s(d[1], d[2]),
        simd.sub_f32s(d[2], d[1]),
        simd.sub_f32s(d[1], d[3]),
    ]
}

/// Returns A y. A has the rows (1, 0), (1, 1), (1, -1), (0, -1).
#[inline(always)]
fn by_a<S: Simd>(simd: S, y: [S::f32s; 2]) -> [S::f32s; SIDE] {
    [
        y[0],
        simd.add_f32s(y[0], y[1]),
        simd.sub_f32s(y[0], y[1]),
        simd.neg_f32s(y[1]),
    ]
}

/// Returns A^T m.
#[inline(always)]
fn by_a_transposed<S: Simd>(simd: S, m: [S::f32s; SIDE]) -> [S::f32s; 2] {
    [
        simd.add_f32s(simd.add_f32s(m[0], m[1]), m[2]),
        simd.sub_f32s(simd.sub_f32s(m[1], m[2]), m[3]),
    ]
}

/// Tiles of framed maps, and the memory for their transforms.
pub struct FramedTiles<'a, I> {
    pub frames: &'a [f32],
    /// The place of the first pixel of each tile.
    pub tiles: I,
    /// The number of values in a line of a frame.
    pub pitch: usize,
    pub channels: usize,
    pub to: &'a mut [f32],
    /// The number of values from one tile in `to` to the next.
    pub step: usize,
}

/// Writes B^T d B of each tile d.
pub struct InputTransform<'a, I>(pub FramedTiles<'a, I>);

impl<I: Iterator<Item = usize>> WithSimd for InputTransform<'_, I> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let tiles = self.0;
        let (channels, count) = (tiles.channels, tiles.channels / S::F32_LANES);
        for (from, to) in tiles.tiles.zip(tiles.to.chunks_exact_mut(tiles.step)) {
            let line = &tiles.frames[from..];
            let pitch = tiles.pitch;
            // `std::array::from_fn` is not inlined here, and calls cost more than the sums.
            let lines = [
                vectors::<S>(&line[..SIDE * channels]),
                vectors::<S>(&line[pitch..][..SIDE * channels]),
                vectors::<S>(&line[2 * pitch..][..SIDE * channels]),
                vectors::<S>(&line[3 * pitch..][..SIDE * channels]),
            ];
            let (to, _) = S::as_mut_simd_f32s(&mut to[..PLACES * channels]);
            for v in 0..count {
                let mut columns = [[simd.splat_f32s(0.0); SIDE]; SIDE];
                for (j, sums) in columns.iter_mut().enumerate() {
                    let place = j * count + v;
                    let column = [
                        lines[0][place],
                        lines[1][place],
                        lines[2][place],
                        lines[3][place],
                    ];
                    *sums = by_b(simd, column);
                }
                for i in 0..SIDE {
                    let row = [columns[0][i], columns[1][i], columns[2][i], columns[3][i]];
                    let row = by_b(simd, row);
                    for (j, value) in row.into_iter().enumerate() {
                        to[(i * SIDE + j) * count + v] = value;
                    }
                }
            }
        }
    }
}

/// Writes A y A^T of each tile y, the gradient of four pixels.
pub struct UpstreamTransform<'a, I>(pub FramedTiles<'a, I>);

impl<I: Iterator<Item = usize>> WithSimd for UpstreamTransform<'_, I> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let tiles = self.0;
        let (channels, count) = (tiles.channels, tiles.channels / S::F32_LANES);
        for (from, to) in tiles.tiles.zip(tiles.to.chunks_exact_mut(tiles.step)) {
            let line = &tiles.frames[from..];
            let lines = [
                vectors::<S>(&line[..2 * channels]),
                vectors::<S>(&line[tiles.pitch..][..2 * channels]),
            ];
            let (to, _) = S::as_mut_simd_f32s(&mut to[..PLACES * channels]);
            for v in 0..count {
                let left = by_a(simd, [lines[0][v], lines[1][v]]);
                let right = by_a(simd, [lines[0][count + v], lines[1][count + v]]);
                for i in 0..SIDE {
                    let row = by_a(simd, [left[i], right[i]]);
                    for (j, value) in row.into_iter().enumerate() {
                        to[(i * SIDE + j) * count + v] = value;
                    }
                }
            }
        }
    }
}

/// Writes A^T m A + bias of each tile m to four pixels of a map.
pub struct OutputTransform<'a, I> {
    pub from: &'a [f32],
    /// The number of values from one tile in `from` to the next.
    pub step: usize,
    /// One value for each channel.
    pub bias: &'a [f32],
    /// The place of the first pixel of each tile.
    pub tiles: I,
    /// The number of values in a line of a map.
    pub pitch: usize,
    /// Whether max(y, 0) is stored instead of y.
    pub rectified: bool,
    pub out: OutputCells<'a>,
}

impl<I: Iterator<Item = usize>> WithSimd for OutputTransform<'_, I> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let channels = self.bias.len();
        let (lanes, count) = (S::F32_LANES, channels / S::F32_LANES);
        let zero = simd.splat_f32s(0.0);
        let bias = vectors::<S>(self.bias);
        for (from, to) in self.from.chunks_exact(self.step).zip(self.tiles) {
            let m = vectors::<S>(&from[..PLACES * channels]);
            assert!(to + self.pitch + 2 * channels <= self.out.len());
            for (v, bias) in bias.iter().enumerate().take(count) {
                let mut columns = [[zero; 2]; SIDE];
                for (j, sums) in columns.iter_mut().enumerate() {
                    let place = j * count + v;
                    let line = SIDE * count;
                    let column = [
                        m[place],
                        m[place + line],
                        m[place + 2 * line],
                        m[place + 3 * line],
                    ];
                    *sums = by_a_transposed(simd, column);
                }
                #[expect(
                    clippy::needless_range_loop,
                    reason = "it is the place within each column"
                )]
                for i in 0..2 {
                    let row = [columns[0][i], columns[1][i], columns[2][i], columns[3][i]];
                    let row = by_a_transposed(simd, row);
                    for (j, value) in row.into_iter().enumerate() {
                        let value = simd.add_f32s(value, *bias);
                        // A comparison keeps NaN, which a maximum would hide.
                        let value = if self.rectified {
                            simd.select_f32s(simd.less_than_f32s(value, zero), zero, value)
                        } else {
                            value
                        };
                        let place = to + i * self.pitch + j * channels + v * lanes;
                        // SAFETY: the place and the vector after it lie within the memory, as just checked for the last
                        // pixel; the caller promises that no other thread uses it.
                        unsafe {
                            self.out
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
}
