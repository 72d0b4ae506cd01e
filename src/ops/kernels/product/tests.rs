//! Tests of the products with every kind of vectors.

use super::*;
use crate::ops::kernels::simd::with_every_fused_arch;
use crate::rng::Rng;

/// Returns `count` normal numbers.
fn normal(count: usize, seed: u64) -> Vec<f32> {
    let mut values = vec![0.0; count];
    Rng::new(seed).fill_normal(&mut values);
    values
}

/// Asserts that `product` gives the same bytes with every kind of vectors whose multiplication and addition round once, and
/// returns its result, unless the machine has none.
fn same_bytes(what: &str, product: impl Fn() -> Vec<f32>) -> Option<Vec<f32>> {
    let results = with_every_fused_arch(product);
    let (first, expected) = results.first()?;
    for (arch, found) in &results {
        let differ = |(a, b): (&f32, &f32)| a.to_bits() != b.to_bits();
        let place = expected.iter().zip(found).position(differ);
        assert_eq!(place, None, "{what}: {first:?} and {arch:?}");
    }
    Some(expected.clone())
}

#[test]
fn dot_products_have_the_same_bytes_with_every_fused_instruction_set() {
    let values = normal(4_000, 1);
    for columns in 1..=MAX_COLUMNS {
        for length in (0..70).chain([96, 128]) {
            for rows in [1, 2, 3, 8, 13] {
                let segments = [3, 200, 450];
                let right = normal(columns * segments.len() * length, 2);
                let from: Vec<usize> = (0..rows).map(|row| row * 31).collect();
                let to: Vec<usize> = (0..rows).map(|row| row * (columns + 1)).collect();
                let bias = normal(columns, 3);
                let product = || {
                    let mut out = vec![-7.0; rows * (columns + 1)];
                    let dots = DotProducts {
                        left: LeftFactor {
                            values: &values,
                            rows: &from,
                            segments: &segments,
                            length,
                            step: 1,
                        },
                        right: &right,
                        bias: &bias,
                        rows: &to,
                        rectified: false,
                    };
                    // SAFETY: the memory belongs to this thread alone.
                    unsafe { dots.run(OutputCells::from_floats(&mut out)) };
                    out
                };
                let what = format!("{rows} x 3 x {length} x {columns}");
                let Some(out) = same_bytes(&what, product) else {
                    continue;
                };
                for (row, line) in out.chunks_exact(columns + 1).enumerate() {
                    for column in 0..columns {
                        let weights = &right[column * segments.len() * length..];
                        let terms = segments.iter().enumerate().flat_map(|(i, segment)| {
                            let left = &values[from[row] + segment..][..length];
                            left.iter().zip(&weights[i * length..])
                        });
                        let exact: f64 = terms.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                        let error = f64::from(line[column]) - exact - f64::from(bias[column]);
                        assert!(error.abs() < 1e-4, "{what}, row {row}: {error}");
                    }
                    assert_eq!(line[columns], -7.0, "{what}: beyond the row");
                }
            }
        }
    }
}

#[test]
fn tiles_have_the_same_bytes_with_every_fused_instruction_set() {
    let values = normal(20_000, 4);
    for columns in (1..70).step_by(3).chain([16, 32, 48, 64, 96, 130]) {
        for (rows, length) in [(1, 5), (13, 37), (25, 100), (50, 1)] {
            let from: Vec<usize> = (0..rows).map(|row| row * 31).collect();
            let to: Vec<usize> = (0..rows).map(|row| row * columns).collect();
            // Each block of rows leaves out other terms.
            let lists: Vec<Vec<u32>> = (0..rows)
                .map(|block| {
                    (0..length as u32)
                        .filter(|i| !(i + block as u32).is_multiple_of(3))
                        .collect()
                })
                .collect();
            let bias = &values[..columns];
            for start in [
                InitialSum::Zero,
                InitialSum::Bias(bias),
                InitialSum::Previous,
            ] {
                for nonzero in [None, Some(&lists[..])] {
                    let product = || {
                        let mut out = values[..rows * columns].to_vec();
                        let tiles = TiledProduct {
                            left: LeftFactor {
                                values: &values,
                                rows: &from,
                                segments: &[3],
                                length,
                                step: 2,
                            },
                            nonzero,
                            right: RightFactor {
                                values: &values,
                                segments: &[7],
                                step: columns + 1,
                                columns,
                            },
                            rows: &to,
                            start,
                            rectified: false,
                        };
                        tiles.run(&mut out);
                        out
                    };
                    let listed = nonzero.is_some();
                    let what = format!("{rows} x {length} x {columns}, listed: {listed}");
                    same_bytes(&what, product);
                }
            }
        }
    }
}
