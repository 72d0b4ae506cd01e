//! Steps of the backward pass of a convolution.

use super::windows::{Frame, Windows};
use crate::ops::activation::Activation;
use crate::ops::kernels::pool;
use crate::ops::kernels::product::{
    InitialSum, LeftFactor, OutputCells, RightFactor, TiledProduct,
};
use crate::ops::kernels::simd::with_widest_simd;

/// The number of values that a core adds up or reorders at a time.
const VALUES: usize = 8 * 1024;

/// Writes the gradient before the activation into its frame, and adds its sum over the pixels to `db`.
pub fn before_activation(
    frame: &Frame,
    [upstream, y]: [&[f32]; 2],
    activation: Activation,
    into: &mut [f32],
    db: &mut [f32],
) {
    let pitch = frame.pitch();
    let mut unframed_line = vec![0.0; pitch];
    with_widest_simd(
        #[inline(always)]
        || {
            for ((to, length), (upstream, y)) in frame
                .lines()
                .zip(upstream.chunks_exact(pitch).zip(y.chunks_exact(pitch)))
            {
                // A line that does not fit into the frame, or fits only in part, still counts in the sum.
                let line = if length == pitch {
                    &mut into[to..][..length]
                } else {
                    &mut unframed_line[..]
                };
                let each = line.iter_mut().zip(upstream.iter().zip(y));
                match activation {
                    Activation::Relu => {
                        each.for_each(|(dz, (&up, &y))| *dz = if y <= 0.0 { 0.0 } else { up })
                    }
                    Activation::Tanh => each.for_each(|(dz, (&up, &y))| *dz = up * (1.0 - y * y)),
                    _ => line.copy_from_slice(upstream),
                }
                for pixel in line.chunks_exact(db.len()) {
                    db.iter_mut().zip(pixel).for_each(|(db, dz)| *db += dz);
                }
                if length < pitch {
                    into[to..][..length].copy_from_slice(&unframed_line[..length]);
                }
            }
        },
    );
}

/// Adds the sum over the pixels to `db`.
pub fn add_pixels(maps: &[f32], db: &mut [f32]) {
    with_widest_simd(
        #[inline(always)]
        || {
            for pixel in maps.chunks_exact(db.len()) {
                db.iter_mut().zip(pixel).for_each(|(db, dz)| *db += dz);
            }
        },
    );
}

/// Writes `start` plus the weight gradient of `count` images to `dw`, `[k, k, C, S]`: for each pixel of the window and channel
/// of the big map, and each channel of the small map, the sum over all windows.
///
/// # Safety
/// No other thread uses `dw`, and with [`InitialSum::Previous`] it has been written.
pub unsafe fn weight_gradient(
    windows: &Windows,
    count: usize,
    [big_frames, small_frames]: [&[f32]; 2],
    start: InitialSum<'_>,
    dw: OutputCells<'_>,
) {
    let (big, small) = (windows.big_frame(), windows.small_frame());
    let ([channels, ..], [columns, height, width]) = (windows.big, windows.small);
    let kernel = windows.kernel;
    let window = windows.down();
    let lines = || (0..count).flat_map(|image| (0..height).map(move |y| (image, y)));
    let rows: Vec<usize> = window
        .segments
        .iter()
        .flat_map(|row| (0..kernel * channels).map(move |i| row + i))
        .collect();
    let product = TiledProduct {
        nonzero: None,
        left: LeftFactor {
            values: big_frames,
            rows: &rows,
            segments: &lines()
                .map(|(image, y)| image * big.len() + window.from[y * width])
                .collect::<Vec<_>>(),
            length: width,
            step: windows.stride * channels,
        },
        right: RightFactor {
            values: small_frames,
            segments: &lines()
                .map(|(image, y)| image * small.len() + small.at(y, 0))
                .collect::<Vec<_>>(),
            step: columns,
            columns,
        },
        rows: &(0..rows.len()).map(|row| row * columns).collect::<Vec<_>>(),
        start,
        rectified: false,
    };
    // SAFETY: the caller keeps the same contract.
    unsafe { product.run_shared(dw) };
}

/// Returns the sums over the parts, in their order, or `None` without parts.
pub fn sum_in_order(parts: Vec<(Vec<f32>, Vec<f32>)>) -> Option<(Vec<f32>, Vec<f32>)> {
    let mut parts = parts.into_iter();
    let (mut dw, mut db) = parts.next()?;
    let others: Vec<(Vec<f32>, Vec<f32>)> = parts.collect();
    // The parts are added up in their order, whichever core adds up which values.
    pool::for_each(dw.chunks_mut(VALUES).enumerate(), |(chunk, sums)| {
        let first = chunk * VALUES;
        for (more, _) in &others {
            add(&more[first..][..sums.len()], sums);
        }
    });
    for (_, more) in &others {
        add(more, &mut db);
    }
    Some((dw, db))
}

fn add(more: &[f32], sums: &mut [f32]) {
    with_widest_simd(
        #[inline(always)]
        || {
            sums.iter_mut()
                .zip(more)
                .for_each(|(sum, more)| *sum += more);
        },
    );
}

/// Reorders a weight from `[k, k, C, S]` to `[S, C, k, k]`.
pub fn small_first(weight: &[f32], [small, channels, kernel, _]: [usize; 4]) -> Vec<f32> {
    let mut reordered = vec![0.0; weight.len()];
    let taps = kernel * kernel;
    let length = channels * taps;
    // A small weight is one core's work: to wake the others would take longer.
    let at_a_time = (VALUES / length).max(1);
    pool::for_each(
        reordered.chunks_mut(at_a_time * length).enumerate(),
        |(chunk, reordered)| {
            for (i, of_small) in reordered.chunks_exact_mut(length).enumerate() {
                let s = chunk * at_a_time + i;
                for (channel, values) in of_small.chunks_exact_mut(taps).enumerate() {
                    for (tap, value) in values.iter_mut().enumerate() {
                        *value = weight[(tap * channels + channel) * small + s];
                    }
                }
            }
        },
    );
    reordered
}
