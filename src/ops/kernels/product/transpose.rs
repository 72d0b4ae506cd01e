//! Transposes a block of a matrix into separate memory.

#[cfg(target_arch = "x86_64")]
use crate::ops::kernels::instruction_set::InstructionSet;
use crate::ops::kernels::simd::with_widest_simd;

/// Sets `to[column * width + row] = from[row * stride + column]`.
pub fn transpose(
    from: &[f32],
    stride: usize,
    [rows, columns]: [usize; 2],
    to: &mut [f32],
    width: usize,
) {
    if rows == 0 || columns == 0 {
        return;
    }
    assert!((rows - 1) * stride + columns <= from.len());
    assert!(rows <= width && (columns - 1) * width + rows <= to.len());
    // An image of colours beside each other has as many columns, or as many rows, as colours.
    match (rows, columns) {
        (_, 2) if stride == 2 => return take_apart::<2>(from, rows, to, width),
        (_, 3) if stride == 3 => return take_apart::<3>(from, rows, to, width),
        (_, 4) if stride == 4 => return take_apart::<4>(from, rows, to, width),
        (2, _) if width == 2 => return interleave::<2>(from, stride, to, columns),
        (3, _) if width == 3 => return interleave::<3>(from, stride, to, columns),
        (4, _) if width == 4 => return interleave::<4>(from, stride, to, columns),
        _ => {}
    }
    let mut done = [0, 0];
    #[cfg(target_arch = "x86_64")]
    if InstructionSet::used().has_avx() {
        done = [rows / 8 * 8, columns / 8 * 8];
        for row in (0..done[0]).step_by(8) {
            // SAFETY: the eight rows and `done[1]` columns from here on lie within both slices, as checked above, and
            // the machine has AVX.
            unsafe {
                eight_rows(
                    from.as_ptr().add(row * stride),
                    stride,
                    done[1],
                    to.as_mut_ptr().add(row),
                    width,
                )
            };
        }
    }
    for row in 0..rows {
        let first = if row < done[0] { done[1] } else { 0 };
        for column in first..columns {
            to[column * width + row] = from[row * stride + column];
        }
    }
}

/// Transposes rows of N columns that follow one another.
fn take_apart<const N: usize>(from: &[f32], rows: usize, to: &mut [f32], width: usize) {
    let (from, _) = from.as_chunks::<N>();
    let mut rest = to;
    let columns: [&mut [f32]; N] = std::array::from_fn(|_| {
        let end = width.min(rest.len());
        let (column, others) = std::mem::take(&mut rest).split_at_mut(end);
        rest = others;
        &mut column[..rows]
    });
    with_widest_simd(
        #[inline(always)]
        || {
            for (row, values) in from[..rows].iter().enumerate() {
                for i in 0..N {
                    columns[i][row] = values[i];
                }
            }
        },
    );
}

/// Transposes N rows to columns that follow one another.
fn interleave<const N: usize>(from: &[f32], stride: usize, to: &mut [f32], columns: usize) {
    let rows: [&[f32]; N] = std::array::from_fn(|i| &from[i * stride..][..columns]);
    let (to, _) = to.as_chunks_mut::<N>();
    with_widest_simd(
        #[inline(always)]
        || {
            for (column, values) in to[..columns].iter_mut().enumerate() {
                for i in 0..N {
                    values[i] = rows[i][column];
                }
            }
        },
    );
}

/// Transposes eight rows in registers, eight columns at a time.
///
/// # Safety
/// The rows lie within `from` and their transposes within `to`; `columns` is a multiple of eight.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
unsafe fn eight_rows(from: *const f32, stride: usize, columns: usize, to: *mut f32, width: usize) {
    use std::arch::x86_64::{
        __m256, _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_ps,
        _mm256_unpackhi_ps, _mm256_unpacklo_ps,
    };
    for column in (0..columns).step_by(8) {
        // SAFETY: the caller promises that the columns lie within the rows.
        let rows: [__m256; 8] =
            std::array::from_fn(|i| unsafe { _mm256_loadu_ps(from.add(i * stride + column)) });
        let pairs: [__m256; 8] = std::array::from_fn(|i| {
            let (a, b) = (rows[i / 2 * 2], rows[i / 2 * 2 + 1]);
            if i % 2 == 0 {
                _mm256_unpacklo_ps(a, b)
            } else {
                _mm256_unpackhi_ps(a, b)
            }
        });
        let fours: [__m256; 8] = std::array::from_fn(|i| {
            let first = i / 4 * 4 + i % 4 / 2;
            let (a, b) = (pairs[first], pairs[first + 2]);
            if i % 2 == 0 {
                _mm256_shuffle_ps::<0x44>(a, b)
            } else {
                _mm256_shuffle_ps::<0xee>(a, b)
            }
        });
        for i in 0..4 {
            let low = _mm256_permute2f128_ps::<0x20>(fours[i], fours[i + 4]);
            let high = _mm256_permute2f128_ps::<0x31>(fours[i], fours[i + 4]);
            // SAFETY: the caller promises that the columns lie within the rows.
            unsafe {
                _mm256_storeu_ps(to.add((column + i) * width), low);
                _mm256_storeu_ps(to.add((column + i + 4) * width), high);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_transposed() {
        let sizes = || (0..20).flat_map(|rows| (0..20).map(move |columns| (rows, columns)));
        for (gap, (rows, columns)) in [0, 3]
            .iter()
            .flat_map(|gap| sizes().map(move |size| (gap, size)))
        {
            let (stride, width) = (columns + gap, rows + gap);
            let from: Vec<f32> = (0..rows * stride).map(|i| i as f32).collect();
            let mut to = vec![-1.0; columns * width];
            transpose(&from, stride, [rows, columns], &mut to, width);
            for (i, &value) in to.iter().enumerate() {
                let (column, row) = (i / width, i % width);
                let expected = if row < rows {
                    from[row * stride + column]
                } else {
                    -1.0
                };
                assert_eq!(value, expected);
            }
        }
    }
}
