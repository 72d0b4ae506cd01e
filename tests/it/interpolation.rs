//! Tests that interpolation between two images goes through the latent space.

use vae::data::Pixels;
use vae::model::{Interpolation, interpolate};
use vae::rng::Rng;

use crate::models::{gap, largest, load_batch, numbers, tensor, trained, wide};

/// Returns the latent at `t` on the great arc or on the line, in float64.
fn latent_between(method: Interpolation, a: &[f64], b: &[f64], t: f64) -> Vec<f64> {
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let angle = (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).acos();
    let [from, to] = match method {
        Interpolation::Linear => [1.0 - t, t],
        Interpolation::Spherical => [
            ((1.0 - t) * angle).sin() / angle.sin(),
            (t * angle).sin() / angle.sin(),
        ],
    };
    a.iter().zip(b).map(|(a, b)| from * a + to * b).collect()
}

#[test]
fn an_interpolation_decodes_the_latents_between_two_images() {
    const STEPS: usize = 7;
    let (vae, images) = trained();
    let x = load_batch(
        Pixels::Grey,
        &images,
        &[0, 1, 2, 3],
        None,
        Rng::new(0),
        &vae.device(),
    )
    .x;
    let latents = vae::model::rows(vae.encode(x.clone(), None).mean);
    let (from, to) = latents.split_at(2);
    let reconstructed = vae::model::rows(vae.decode_mean(vae.encode(x, None).mean, None));
    for method in [Interpolation::Linear, Interpolation::Spherical] {
        let images = interpolate(&vae, from, to, STEPS, method, None);
        assert_eq!(
            images,
            interpolate(&vae, from, to, STEPS, method, None),
            "twice the same"
        );
        assert_eq!(
            [images.len(), images[0].len(), images[0][0].len()],
            [2, STEPS, 784]
        );
        for (row, strip) in images.iter().enumerate() {
            let mut fade: f64 = 0.0;
            for (step, image) in strip.iter().enumerate() {
                let t = step as f64 / (STEPS - 1) as f64;
                let z = latent_between(method, &wide(&from[row]), &wide(&to[row]), t);
                let z = tensor(
                    z.iter().map(|&value| value as f32).collect(),
                    [1, z.len()],
                    &vae.device(),
                );
                let gap = gap(&wide(image), &numbers(vae.decode_mean(z, None)));
                assert!(
                    gap < 1e-5,
                    "{method:?}, row {row}, step {step}: off by {gap:e}"
                );
                let faded = strip[0]
                    .iter()
                    .zip(&strip[STEPS - 1])
                    .map(|(a, b)| (1.0 - t) * f64::from(*a) + t * f64::from(*b));
                fade = fade.max(largest(faded.zip(wide(image)).map(|(a, b)| a - b)));
            }
            assert!(
                fade > 1e-2,
                "{method:?}, row {row}: a cross-fade of the ends, but for {fade:e}"
            );
            for (end, image) in [(row, 0), (row + 2, STEPS - 1)] {
                let gap = gap(&wide(&strip[image]), &wide(&reconstructed[end]));
                assert!(
                    gap < 1e-5,
                    "{method:?}, row {row}: an end is no reconstruction, off by {gap:e}"
                );
            }
        }
    }
    let both = [Interpolation::Linear, Interpolation::Spherical]
        .map(|method| interpolate(&vae, from, to, STEPS, method, None));
    assert!(
        gap(&wide(&both[0][0][2]), &wide(&both[1][0][2])) > 1e-3,
        "the arc is not the line"
    );
}

#[test]
fn the_code_between_is_exact_at_its_ends_and_finite_everywhere() {
    let (zero, a, b) = ([0.0; 3], [1.0, 2.0, -0.5], [-0.3, 1e-3, 4.0]);
    let against = a.map(|value| -value);
    for method in [Interpolation::Linear, Interpolation::Spherical] {
        for (from, to) in [
            (&a, &b),
            (&a, &a),
            (&a, &against),
            (&zero, &a),
            (&zero, &zero),
        ] {
            assert_eq!(method.between(from, to, 0.0), from);
            assert_eq!(method.between(from, to, 1.0), to);
            assert!((1..10).all(|t| {
                method
                    .between(from, to, t as f32 / 10.0)
                    .iter()
                    .all(|value| value.is_finite())
            }));
        }
    }
    // Along the arc between latents of equal length, the length is constant.
    let b = [2.0, -0.5, 1.0];
    for t in 0..=10 {
        let squares: f32 = Interpolation::Spherical
            .between(&a, &b, t as f32 / 10.0)
            .iter()
            .map(|value| value * value)
            .sum();
        assert!((squares - 5.25).abs() < 1e-5, "at {t}: {squares}");
    }
}
