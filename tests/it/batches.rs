//! Tests the batches of training: each image once per epoch, with pixels drawn as the protocol
//! says.

use proptest::prelude::*;
use vae::config::find_preset;
use vae::data::{Pixels, Split};
use vae::rng::Rng;
use vae::train::epoch_order;

use crate::models::{digits, load_batch, numbers, plain_device};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Each image occurs once per epoch, and only the last batch may be smaller.
    #[test]
    fn batches_partition_the_data(train in 1_usize..300, batch in 1_usize..80, epoch in 0_usize..5, seed in 0_u64..9) {
        let mut config = find_preset("smoke").unwrap().config().unwrap();
        config.seed = seed;
        config.train.batch = batch;
        let order = epoch_order(&config, train, epoch);
        let batches: Vec<&[u32]> = order.chunks(batch).collect();
        prop_assert_eq!(batches.len(), config.train.steps_per_epoch(train));
        prop_assert!(batches[..batches.len() - 1].iter().all(|indices| indices.len() == batch));
        let mut seen = batches.concat();
        seen.sort_unstable();
        prop_assert!(seen.iter().enumerate().all(|(i, &index)| i as u32 == index) && seen.len() == train);
        prop_assert_eq!(&order, &epoch_order(&config, train, epoch));
        if train > 20 {
            prop_assert_ne!(order, epoch_order(&config, train, epoch + 1));
        }
    }
}

#[test]
fn dynamic_pixels_are_drawn_once_for_the_test_set_and_anew_for_each_step() {
    let images = digits(30);
    let device = plain_device();
    let indices: Vec<u32> = (0..30).collect();
    let draw = |rng: Rng, indices: &[u32]| {
        numbers(load_batch(Pixels::Dynamic, &images, indices, None, rng, &device).x)
    };
    let evaluation = Rng::new(1).stream("evaluation").stream("pixels");
    let test = draw(evaluation, &indices);
    assert!(test.iter().all(|value| [0.0, 1.0].contains(value)));
    assert_eq!(test, draw(evaluation, &indices));
    // The pixels of an image do not depend on the other images of its batch.
    assert_eq!(draw(evaluation, &[7]), test[7 * 784..][..784]);
    assert_eq!(draw(evaluation, &[29, 7])[784..], test[7 * 784..][..784]);
    let step = |step: u64| draw(Rng::new(1).stream("pixels").at(step), &indices);
    assert_eq!(step(3), step(3));
    assert_ne!(step(3), step(4));
    assert_ne!(step(3), test);

    // Each image has draws of its own: two equal grey images become different pixels.
    let grey = Split::in_memory(vec![128; 2 * 784], [1, 28, 28]);
    let twins = numbers(load_batch(Pixels::Dynamic, &grey, &[0, 1], None, evaluation, &device).x);
    assert_ne!(twins[..784], twins[784..]);
}
