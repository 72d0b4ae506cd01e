//! Tests that what a GPU makes by itself (noise, and batches from the bytes it holds) equals what
//! the processor makes. Runs on the processor's backend unless `$VAE_TEST_DEVICE` names a GPU.

use burn::tensor::Tensor;
use proptest::prelude::*;
use vae::data::{Pixels, Split};
use vae::loader::{Corruption, Loader};
use vae::ops::noise;
use vae::ops::random::{belong_on, normals, uniforms};
use vae::rng::Rng;

use crate::models::{load_batch, plain_device};

fn flat<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}

fn rngs(count: u64) -> Vec<Rng> {
    (0..count)
        .map(|key| Rng::new(key / 3).stream("pixels").at(u64::MAX - key))
        .collect()
}

#[test]
fn uniform_numbers_are_the_same_to_the_bit() {
    for (rows, count) in [(1, 1), (3, 2), (5, 7), (130, 784)] {
        let mut rows_of = vec![vec![0.0; count]; rows as usize];
        rows_of
            .iter_mut()
            .zip(rngs(rows))
            .for_each(|(row, rng)| rng.fill_uniform(row));
        assert_eq!(
            flat(uniforms(&rngs(rows), count, &plain_device())),
            rows_of.concat(),
            "[{rows}, {count}]"
        );
    }
}

#[test]
fn normal_numbers_are_the_same_but_for_rounding() {
    for (rows, count) in [(1, 1), (2, 5), (40, 5_001)] {
        let mut rows_of = vec![vec![0.0; count]; rows as usize];
        rows_of
            .iter_mut()
            .zip(rngs(rows))
            .for_each(|(row, rng)| rng.fill_normal(row));
        let there = flat(normals(&rngs(rows), count, &plain_device()));
        for (i, (there, here)) in there.iter().zip(rows_of.concat()).enumerate() {
            assert!(
                (there - here).abs() < 5e-6,
                "[{rows}, {count}] at {i}: {there}, not {here}"
            );
        }
    }
}

#[test]
fn corruption_is_the_same() {
    let (device, image_ids): (_, Vec<u32>) = (plain_device(), (0..100).rev().collect());
    let rng = Rng::new(4).stream("objective").at(2);
    for (corruption, start) in [
        (Corruption::Gaussian(0.5), 0.0),
        (Corruption::Mask(0.3), 1.0),
    ] {
        let x = Tensor::<2>::full(
            [100, 784],
            start,
            &vae::device::select("cpu").unwrap().device,
        );
        let here = flat(corruption.apply(x, rng, &image_ids));
        let there = flat(noise::on_gpu(
            corruption.noise(),
            &rng.stream("corruption").at_each(&image_ids),
            784,
            &device,
        ));
        assert!(here.iter().any(|value| (value - start).abs() > 0.4));
        assert!(
            here.iter()
                .zip(&there)
                .all(|(here, there)| (here - there).abs() < 5e-6),
            "{corruption:?}"
        );
    }
}

#[test]
fn noise_has_the_same_place_in_a_batch() {
    let (rng, image_ids) = (Rng::new(4).stream("noise").at(9), [70_000, 3, 0, 8, 3]);
    let [here, there] = [noise::latents, noise::latents_on_gpu]
        .map(|noise| flat(noise(rng, &image_ids, 3, 7, &plain_device())));
    assert_eq!((here.len(), there.len()), (105, 105));
    assert!(
        here.iter()
            .zip(&there)
            .all(|(here, there)| (here - there).abs() < 5e-6)
    );
}

#[test]
fn the_processor_makes_its_noise_itself() {
    let device = vae::device::select("auto").unwrap();
    if device.model.is_none() {
        assert!(
            !belong_on(&device.device, usize::MAX)
                && !belong_on(&device.device.autodiff(), usize::MAX)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Covers images of any size, because four bytes share a word.
    #[test]
    fn a_batch_of_the_bytes_there_is_the_same(
        width in 1_usize..40,
        bytes in prop::collection::vec(any::<u8>(), 40..400),
        picks in prop::collection::vec(any::<u32>(), 1..20),
    ) {
        let device = plain_device();
        let count = bytes.len() / width;
        let bytes = bytes[..count * width].to_vec();
        let indices: Vec<u32> = picks.into_iter().map(|pick| pick % count as u32).collect();
        let images = Split::in_memory(bytes, [1, 1, width]);
        for pixels in [Pixels::Grey, Pixels::Threshold, Pixels::Dynamic] {
            let rng = Rng::new(5).stream("pixels").at(6);
            let here = flat(load_batch(pixels, &images, &indices, None, rng, &device).x);
            let loader = Loader { pixels, pixel_rng: rng, ..Loader::plain(&device) };
            let there = flat(loader.values_on_gpu(&images, &indices).unwrap().unwrap());
            prop_assert_eq!(here.len(), there.len());
            let tolerance = if pixels == Pixels::Grey { 1e-7 } else { 0.0 };
            prop_assert!(here.iter().zip(&there).all(|(here, there)| (here - there).abs() <= tolerance));
        }
    }
}
