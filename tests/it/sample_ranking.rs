//! Tests that the figures of samples rank a model's samples as their makers would: real images, a mixture that is fitted to
//! the latents, the prior, the prior after one epoch, noise. On MNIST if `VAE_DATA` names its folder, else on digits.

use burn::module::Module;
use vae::config::{Config, find_preset, set};
use vae::data::{self, DataPaths, Dataset, Part, Split};
use vae::eval::sample_quality::{Compared, SampleQuality, SampleRequest, SampleSource};
use vae::eval::{LatentSampler, Protocol, fit_mixture, posteriors};
use vae::model::Vae;
use vae::rng::Rng;
use vae::train::Training;

use crate::models::plain_device;

/// The numbers of training images and of samples.
const IMAGES: usize = 20_000;
const SAMPLES: usize = 1000;

/// The number of epochs of the model.
const EPOCHS: usize = 12;

fn config_and_data() -> (Config, Dataset) {
    let mut config = find_preset("mnist").unwrap().config().unwrap();
    if std::env::var_os("VAE_DATA").is_none_or(|folder| folder.is_empty()) {
        config = set(&config, "data.digits=").unwrap();
    }
    let places = DataPaths {
        download: false,
        ..DataPaths::from_environment(None).unwrap()
    };
    let mut dataset = data::load(&config.data, &places).unwrap();
    dataset.train = dataset.train.slice(0..IMAGES);
    // Without classes no classifier is trained, which takes most of the time of a measurement.
    dataset.classes = Vec::new();
    (config, dataset)
}

fn trained(mut training: Training, epochs: usize) -> Training {
    let batch = training.config().train.batch;
    for _ in 0..epochs {
        for ids in training.order().chunks(batch) {
            training = training.step(ids).unwrap();
        }
        training.look().unwrap();
    }
    training
}

fn samples(vae: &Vae, sampler: LatentSampler) -> Split {
    let source = SampleSource {
        vae,
        sampler,
        rng: Rng::new(1).stream("sample"),
    };
    source.draw(SAMPLES, None, &mut || true).unwrap().unwrap()
}

fn noise(shape: [usize; 3]) -> Split {
    let rng = Rng::new(2);
    let values = (SAMPLES * shape.iter().product::<usize>()) as u64;
    let pixels = (0..values).map(|i| rng.below(i, 256) as u8);
    Split::in_memory(pixels.collect(), shape)
}

#[test]
fn figures_rank_real_images_mixture_prior_one_epoch_and_noise() {
    let (config, dataset) = config_and_data();
    let training = Training::new(&config, dataset.clone(), &plain_device()).unwrap();
    let training = trained(training, 1);
    let early = training.vae().valid();
    let vae = trained(training, EPOCHS - 1).vae().valid();

    let prior = LatentSampler::Prior { temperature: 1.0 };
    let protocol: Protocol = config.protocol();
    let ids = dataset.train.first_ids(5000);
    let latents = posteriors(&vae, &protocol.loader(&vae), &dataset.train, &ids, |_| {});
    let fit = fit_mixture(&latents.unwrap(), 10, Rng::new(1), &mut |_| true);
    let mixture = LatentSampler::Mixture {
        mixture: &fit.unwrap().unwrap().mixture,
        temperature: 1.0,
    };
    let measured = [
        samples(&vae, mixture),
        samples(&vae, prior),
        samples(&early, prior),
        noise(dataset.test.shape),
    ]
    .map(|samples| {
        let request = SampleRequest {
            samples: &samples,
            asked: None,
            vae: &vae,
            protocol,
            dataset: &dataset,
            held_out: &Part::from(&dataset.test),
            reconstructions: false,
        };
        let found = SampleQuality::measure(request, &mut |_| true);
        found.unwrap().unwrap()
    });
    let real = measured[0].held_out;
    let [mixture, prior, early, noise] = measured.map(|found| found.samples);

    let ranked = [real, mixture, prior, early, noise];
    let means = |figure: fn(&Compared) -> f64| ranked.each_ref().map(figure);
    let distances = means(|found| found.kernel_distance.mean);
    assert!(distances.is_sorted(), "kernel distance: {distances:?}");
    assert!(
        distances[4] > 10.0 * distances[3] && distances[2] > 1.5 * distances[1],
        "kernel distance: {distances:?}"
    );
    for (name, means) in [
        ("precision", means(|found| found.precision.mean)),
        ("density", means(|found| found.density.mean)),
        ("coverage", means(|found| found.coverage.mean)),
    ] {
        // Noise has none, and samples of one epoch may have none either.
        let steps = means.windows(2).take(3);
        assert!(
            steps.clone().all(|pair| pair[0] > pair[1] + 0.05) && means[4] <= means[3],
            "{name}: {means:?}"
        );
    }
}
