//! Tests principal components on data whose components are known, and the latents of many images.

use vae::data::{Example, ExampleShape, Examples, Split};
use vae::error::Result;
use vae::eval::{Pca, Rows, bounds, by_pca, draw_in_box, latents, mean, squared_errors};
use vae::loader::Loader;
use vae::model::{moved, rows};
use vae::rng::Rng;

use crate::models::{gap, numbers, plain_device, tensor, trained, wide};

const N: usize = 3000;
const P: usize = 60;
const MEAN: f64 = 0.4;

/// Makes vectors orthonormal, and orthogonal to `also` if it is given.
fn orthonormal(mut vectors: Vec<Vec<f64>>, also: Option<Vec<f64>>) -> Vec<Vec<f64>> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for i in 0..vectors.len() {
        let (before, rest) = vectors.split_at_mut(i);
        for _ in 0..2 {
            for other in before.iter().chain(&also) {
                let along = dot(&rest[0], other) / dot(other, other);
                rest[0]
                    .iter_mut()
                    .zip(other)
                    .for_each(|(a, b)| *a -= along * b);
            }
        }
        let length = dot(&rest[0], &rest[0]).sqrt();
        rest[0].iter_mut().for_each(|value| *value /= length);
    }
    vectors
}

fn random(count: usize, length: usize, stream: &str) -> Vec<Vec<f64>> {
    let rng = Rng::new(4).stream(stream);
    (0..count)
        .map(|i| {
            (0..length)
                .map(|j| f64::from(rng.at(i as u64).normal(j as u64)))
                .collect()
        })
        .collect()
}

/// Returns rows whose mean is `MEAN` everywhere and whose covariance has `variances` along `axes`,
/// exactly up to rounding. Returns the axes as well.
fn known(variances: &[f64]) -> (Vec<f32>, Vec<Vec<f64>>) {
    let axes = orthonormal(random(variances.len(), P, "axes"), None);
    // The weights are uncorrelated, each with mean 0 and variance 1.
    let weights = orthonormal(random(variances.len(), N, "weights"), Some(vec![1.0; N]));
    let mut values = vec![MEAN; N * P];
    for ((axis, weights), variance) in axes.iter().zip(&weights).zip(variances) {
        for (row, weight) in values.chunks_exact_mut(P).zip(weights) {
            let by = weight * (N as f64 * variance).sqrt();
            row.iter_mut()
                .zip(axis)
                .for_each(|(value, axis)| *value += by * axis);
        }
    }
    (values.into_iter().map(|value| value as f32).collect(), axes)
}

fn picked(values: &[f32], indices: &[u32]) -> Vec<f32> {
    indices
        .iter()
        .flat_map(|&index| values[index as usize * P..][..P].to_vec())
        .collect()
}

/// Rows of `P` floats, as a source of examples.
#[derive(Debug)]
struct Table(Vec<f32>);

impl Examples for Table {
    fn len(&self) -> usize {
        self.0.len() / P
    }

    fn shape(&self) -> ExampleShape {
        ExampleShape::Vector(P)
    }

    fn read(&self, index: usize) -> Result<Example<'_>> {
        Ok(Example::Floats(self.0[index * P..][..P].into()))
    }
}

#[test]
fn the_principal_components_of_known_data_are_found() {
    let device = plain_device();
    // The spectrum falls slowly, as it does for images, and two of its variances are equal.
    let mut variances: Vec<f64> = (0..50).map(|k| 5.0 * 0.85_f64.powi(k)).collect();
    variances[2] = variances[1];
    let (values, axes) = known(&variances);
    let read = |some: &[u32]| Ok(tensor(picked(&values, some), [some.len(), P], &device));
    let table = Rows {
        count: N,
        width: P,
        read: &read,
    };
    let total: f64 = variances.iter().sum();
    for count in [1, 8, 20] {
        let pca = Pca::fit(&table, count).unwrap();
        assert_eq!((pca.components.len(), pca.variances.len()), (count, count));
        assert!(pca.mean.iter().all(|mean| (mean - MEAN).abs() < 1e-5));
        for (k, (found, variance)) in pca.variances.iter().zip(&variances).enumerate() {
            assert!(
                (found - variance).abs() < 2e-5 * variances[0],
                "{count}: variance {k} is {found}, not {variance}"
            );
        }
        for (k, component) in pca
            .components
            .iter()
            .enumerate()
            .filter(|(k, _)| *k != 1 && *k != 2)
        {
            let along: f64 = component.iter().zip(&axes[k]).map(|(a, b)| a * b).sum();
            assert!(
                along.abs() > 1.0 - 1e-4,
                "{count}: component {k} has {along} along its axis"
            );
        }
        // The mean squared error is the sum of the variances that are left out (Pearson 1901).
        let indices: Vec<u32> = (0..N as u32).collect();
        let split = Split::new(Table(values.clone()));
        let loader = Loader::plain(&device);
        let errors =
            squared_errors(&loader, &split, &indices, |batch| pca.reconstruct(batch.x)).unwrap();
        let (error, left) = (
            errors.iter().sum::<f64>() / N as f64,
            total - variances[..count].iter().sum::<f64>(),
        );
        assert!(
            (error / left - 1.0).abs() < 1e-4,
            "{count}: an error of {error}, not {left}"
        );
    }
}

#[test]
fn components_are_as_many_as_there_are_dimensions() {
    let device = plain_device();
    let (values, _) = known(&[3.0, 2.0]);
    let read = |some: &[u32]| Ok(tensor(picked(&values, some), [some.len(), P], &device));
    let pca = Pca::fit(
        &Rows {
            count: N,
            width: P,
            read: &read,
        },
        1000,
    )
    .unwrap();
    assert_eq!(pca.components.len(), P);
    assert!(
        pca.variances[2..].iter().all(|&variance| variance < 1e-5),
        "{:?}",
        pca.variances
    );
    let x = read(&[5, 6, 7]).unwrap();
    assert!(gap(&numbers(x.clone()), &numbers(pca.reconstruct(x))) < 1e-5);
    // Constant data has no variance to find, and must not give NaN.
    let constant = |some: &[u32]| Ok(tensor(vec![0.25; some.len() * 3], [some.len(), 3], &device));
    let pca = Pca::fit(
        &Rows {
            count: 10,
            width: 3,
            read: &constant,
        },
        2,
    )
    .unwrap();
    assert!(
        pca.variances.iter().all(|&variance| variance.abs() < 1e-12),
        "{:?}",
        pca.variances
    );
    assert!(
        gap(
            &numbers(pca.reconstruct(constant(&[0]).unwrap())),
            &[0.25; 3]
        ) < 1e-6
    );
}

#[test]
fn latents_of_many_images_are_those_of_each() {
    let (vae, images) = trained();
    let device = vae.device();
    let loader = Loader::plain(&device);
    let indices: Vec<u32> = (0..images.len() as u32).rev().collect();
    let mut seen = Vec::new();
    let latents = latents(&vae, &loader, &images, &indices, |count| seen.push(count)).unwrap();
    assert_eq!(
        (latents.len(), seen.last()),
        (images.len(), Some(&images.len()))
    );
    for place in [0, 3, images.len() - 1] {
        let alone = numbers(
            vae.encode(loader.batch(&images, &[indices[place]]).unwrap().x, None)
                .mean,
        );
        assert!(gap(&wide(&latents[place]), &alone) < 1e-5);
    }
    // The box contains every latent, and each of its sides touches one.
    let span = bounds(&latents);
    let mean = mean(&latents);
    for (d, [low, high]) in span.iter().enumerate() {
        assert!(latents.iter().all(|z| (*low..=*high).contains(&z[d])));
        assert!(latents.iter().any(|z| z[d] == *low) && latents.iter().any(|z| z[d] == *high));
        assert!((f64::from(*low)..f64::from(*high)).contains(&mean[d]));
    }
    let image_ids: Vec<u32> = (0..2000).collect();
    let drawn = rows(draw_in_box(&span, Rng::new(1), &image_ids, &device));
    for (d, [low, high]) in span.iter().enumerate() {
        let share: Vec<f32> = drawn.iter().map(|z| (z[d] - low) / (high - low)).collect();
        assert!(
            share
                .iter()
                .all(|share| (-1e-5..1.0 + 1e-5).contains(share))
        );
        let [mean, square] =
            [1, 2].map(|p| share.iter().map(|share| share.powi(p)).sum::<f32>() / 2000.0);
        assert!(
            (mean - 0.5).abs() < 0.03 && (square - 1.0 / 3.0).abs() < 0.03,
            "uniform: {mean} {square}"
        );
    }
    assert_eq!(
        drawn[1999],
        rows(draw_in_box(&span, Rng::new(1), &[1999], &device))[0]
    );
    // The shares refer to the total variance, and the points have them.
    let (points, shares) = by_pca(&latents, &device).unwrap();
    assert!(shares[0] >= shares[1] && shares[1] > 0.0 && shares[0] + shares[1] < 1.0);
    let total: f64 = (0..mean.len())
        .map(|d| {
            latents
                .iter()
                .map(|z| (f64::from(z[d]) - mean[d]).powi(2))
                .sum::<f64>()
                / latents.len() as f64
        })
        .sum();
    for axis in [0, 1] {
        let variance =
            points.iter().map(|point| point[axis].powi(2)).sum::<f64>() / points.len() as f64;
        assert!(
            (variance / total - shares[axis]).abs() < 1e-4,
            "{variance} of {total}, not {}",
            shares[axis]
        );
    }
}

#[test]
fn a_moved_code_is_the_code_and_so_much_of_the_vector() {
    let device = plain_device();
    let values = vec![0.1, -0.7, 3.0, 1e-8, 0.25, -2.0];
    let latents = || tensor(values.clone(), [2, 3], &device);
    let vector = [0.5, -1.5, 2.0];
    assert_eq!(numbers(moved(latents(), &vector, 0.0)), wide(&values));
    let expected: Vec<f64> = values
        .iter()
        .zip([0.5, -1.5, 2.0].repeat(2))
        .map(|(z, v)| f64::from(*z) - 2.0 * v)
        .collect();
    assert!(gap(&numbers(moved(latents(), &vector, -2.0)), &expected) < 1e-6);
}
