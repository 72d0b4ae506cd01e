//! Tests how anomalies are measured: against scikit-learn's and SciPy's numbers, and what must hold for the scores of any
//! model.

use std::path::Path;

use serde_json::Value;
use vae::data::{Pixels, Split};
use vae::eval::anomaly::{
    AnomalyScore, Calibration, Detection, Discoveries, Drift, FalseAlarmPromise, MarkedPixels,
    NormalMaps, PixelMoments, Scorer, map_score, pixel_maps, smooth,
};
use vae::eval::{Protocol, importance, measure};
use vae::model::{Gaussian, Likelihood, Mlp, ModelKind, Sigma, Vae};
use vae::objective::LatentMode;
use vae::rng::Rng;

use crate::models::{digits, drawn, gap, plain_device, trained};

const PROTOCOL: Protocol = Protocol {
    pixels: Pixels::Grey,
    samples: 4,
    seed: 9,
    latent_mode: LatentMode::Sampled,
    corruption: None,
};

const EVERY: [AnomalyScore; 7] = [
    AnomalyScore::Elbo,
    AnomalyScore::Reconstruction,
    AnomalyScore::Kl,
    AnomalyScore::Error,
    AnomalyScore::Iw,
    AnomalyScore::Complexity,
    AnomalyScore::Regret,
];

fn golden() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/anomaly.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn list(value: &Value) -> Vec<f64> {
    let values = value.as_array().unwrap().iter();
    values.map(|value| value.as_f64().unwrap()).collect()
}

fn narrow(value: &Value) -> Vec<f32> {
    list(value).into_iter().map(|value| value as f32).collect()
}

#[track_caller]
fn assert_close(found: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
}

fn scores(vae: &Vae, score: AnomalyScore, images: &Split, ids: &[u32]) -> Vec<f64> {
    let scorer = Scorer::new(vae, PROTOCOL, score).unwrap();
    scorer.scores(images, ids, &mut |_| {}).unwrap()
}

#[test]
fn areas_under_the_curves_of_images_are_those_of_scikit_learn() {
    for case in golden()["detection"].as_array().unwrap() {
        let [normal, abnormal] = ["normal", "abnormal"].map(|key| list(&case[key]));
        let found = Detection::measure(&normal, &abnormal, Rng::new(1)).unwrap();
        assert_close(found.auroc.mean, &case["auroc"]);
        assert_close(found.auprc.mean, &case["average_precision"]);
    }
}

#[test]
fn areas_under_the_curves_of_pixels_are_those_of_scikit_learn_and_of_each_region() {
    for case in golden()["localisation"].as_array().unwrap() {
        let width = case["width"].as_u64().unwrap() as usize;
        let mut pixels = MarkedPixels::default();
        let masks = case["masks"].as_array().unwrap();
        for (map, mask) in case["maps"].as_array().unwrap().iter().zip(masks) {
            let mask: Vec<bool> = list(mask).into_iter().map(|value| value > 0.0).collect();
            pixels.add(&narrow(map), &mask, width);
        }
        let found = pixels.measure().unwrap();
        assert_eq!(found.region_count as u64, case["regions"].as_u64().unwrap());
        assert_close(found.pixel_auroc, &case["pixel_auroc"]);
        assert_close(found.aupro, &case["aupro"]);
    }
}

#[test]
fn smoothed_maps_false_discoveries_and_drift_are_those_of_scipy() {
    let golden = golden();
    for case in golden["smoothing"].as_array().unwrap() {
        let width = case["width"].as_u64().unwrap() as usize;
        let found = smooth(
            &narrow(&case["map"]),
            width,
            case["sigma"].as_f64().unwrap(),
        );
        let found: Vec<f64> = found.into_iter().map(f64::from).collect();
        assert!(gap(&found, &list(&case["smoothed"])) < 1e-6);
    }
    let discovery = &golden["discovery"];
    let (p_values, adjusted) = (list(&discovery["p_values"]), list(&discovery["adjusted"]));
    for q in [0.01, 0.05, 0.1, 0.3, 0.7] {
        let expected: Vec<bool> = adjusted.iter().map(|p| *p <= q).collect();
        assert_eq!(Discoveries::new(&p_values, q).flagged, expected, "{q}");
    }
    let drift = &golden["drift"];
    let calibration = Calibration::new(list(&drift["calibration"])).unwrap();
    let found = Drift::new(&calibration, &list(&drift["new"])).unwrap();
    assert_close(found.distance, &drift["distance"]);
    // The series is an approximation of the exact probability.
    let exact = drift["p_value"].as_f64().unwrap();
    assert!(
        (found.p_value / exact - 1.0).abs() < 0.15,
        "{found:?}, {exact}"
    );
}

/// An image has one score wherever it lies, and in whatever batch.
#[test]
fn a_score_depends_on_the_content_of_the_image_alone() {
    let (vae, images) = trained();
    let some = images.slice(7..30);
    let bytes: Vec<u8> = (0..23)
        .rev()
        .flat_map(|i| some.image(i).unwrap().to_vec())
        .collect();
    let reversed = Split::in_memory(bytes, images.shape);
    for score in EVERY {
        let all = scores(&vae, score, &images, &images.first_ids(30));
        let mut there = scores(&vae, score, &reversed, &reversed.first_ids(23));
        there.reverse();
        let scale = all
            .iter()
            .fold(1.0_f64, |most, value| most.max(value.abs()));
        assert!(gap(&all[7..], &there) < 1e-4 * scale, "{score:?}");
        assert!(
            all.iter().any(|value| (value - all[0]).abs() > 1e-2),
            "{score:?}"
        );
    }
}

#[test]
fn scores_are_those_that_are_measured_up_to_the_noise() {
    let (vae, images) = trained();
    let ids = images.first_ids(100);
    let protocol = Protocol {
        samples: 64,
        ..PROTOCOL
    };
    let found = |score| {
        let scorer = Scorer::new(&vae, protocol, score).unwrap();
        let scores = scorer.scores(&images, &ids, &mut |_| {}).unwrap();
        scores.iter().sum::<f64>() / 100.0
    };
    let part = images.slice(0..100);
    let terms = measure(&vae, &part, protocol, &mut |_| {}).unwrap();
    let elbo = terms.elbo().unwrap().mean;
    assert!((found(AnomalyScore::Elbo) + elbo).abs() < 0.3);
    assert!((found(AnomalyScore::Kl) - terms.kl().unwrap().mean).abs() < 1e-3);
    assert!((found(AnomalyScore::Reconstruction) - terms.reconstruction().mean).abs() < 0.3);
    let bound = importance(&vae, &part, protocol, &[64], &mut |_| true).unwrap();
    assert!((found(AnomalyScore::Iw) + bound[0].bound().mean).abs() < 0.3);
    assert!(found(AnomalyScore::Iw) < found(AnomalyScore::Elbo));
}

/// A posterior that is fitted to an image explains it better than the encoder's.
#[test]
fn the_regret_of_trained_images_is_above_zero_and_below_that_of_noise() {
    let (vae, images) = trained();
    let mean = |split: &Split| {
        let regrets = scores(&vae, AnomalyScore::Regret, split, &split.first_ids(50));
        regrets.iter().sum::<f64>() / 50.0
    };
    let width = images.values();
    let noise = (0..50 * width as u64).map(|i| Rng::new(3).below(i, 256) as u8);
    let [regret, of_noise] = [
        mean(&images),
        mean(&Split::in_memory(noise.collect(), images.shape)),
    ];
    assert!(
        regret > 0.0 && of_noise > 2.0 * regret,
        "{regret} {of_noise}"
    );
}

#[test]
fn an_autoencoder_has_the_squared_error_alone() {
    let images = digits(20);
    let vae = drawn(&Mlp::default(), images.shape, 2, &plain_device());
    let protocol = Protocol {
        latent_mode: LatentMode::Deterministic,
        ..PROTOCOL
    };
    for score in EVERY {
        match Scorer::new(&vae, protocol, score) {
            Ok(scorer) => {
                assert_eq!(score, AnomalyScore::Error);
                let scores = scorer.scores(&images, &[3, 4], &mut |_| {}).unwrap();
                assert!(scores.iter().all(|score| *score > 0.0));
            }
            Err(error) => {
                assert_eq!(error.hint(), Some("pass `--score error`"));
                assert_eq!(error.code(), 2);
            }
        }
    }
}

/// The values of a map add up to the reconstruction term, for every likelihood.
#[test]
fn a_map_adds_up_to_the_reconstruction_of_its_image() {
    let images = digits(12);
    let device = plain_device();
    let fixed = Likelihood::Gaussian(Gaussian {
        sigma: Sigma::Fixed(0.2),
        ..Gaussian::default()
    });
    // The optimal sigma is that of a batch until it is fitted.
    let likelihoods = Likelihood::every()
        .into_iter()
        .filter(|likelihood| !likelihood.kind().is_fitted());
    for likelihood in likelihoods.chain([fixed]) {
        let network = Mlp::default().network(images.shape).unwrap();
        let network = network
            .with_outputs(likelihood.kind().outputs_per_value())
            .unwrap();
        let vae = Vae::new(&network, &likelihood, Rng::new(5), &device);
        let expected = scores(
            &vae,
            AnomalyScore::Reconstruction,
            &images,
            &images.first_ids(12),
        );
        let mut sums = Vec::new();
        let mut add = |map: Vec<f32>| {
            assert_eq!(map.len(), images.shape[1] * images.shape[2]);
            sums.push(map.into_iter().map(f64::from).sum::<f64>());
        };
        pixel_maps(&vae, PROTOCOL, &images, &images.first_ids(12), &mut add).unwrap();
        let scale = expected
            .iter()
            .fold(1.0_f64, |most, value| most.max(value.abs()));
        assert!(gap(&sums, &expected) < 1e-5 * scale, "{likelihood:?}");
    }
}

/// Scores that are computed together, and beside maps, are those that are computed alone: the calibration of one is good for the
/// other.
#[test]
fn scores_beside_others_and_beside_maps_are_those_alone() {
    let (vae, images) = trained();
    let ids = images.first_ids(40);
    let maps = NormalMaps::fit(&vae, PROTOCOL, &images.slice(100..200), &mut |_| {}).unwrap();
    let all = |maps: Option<NormalMaps>| {
        let scorer = Scorer::several(&vae, PROTOCOL, EVERY.to_vec(), maps).unwrap();
        let mut found = Vec::new();
        let mut keep = |image| {
            found.push(image);
            Ok(())
        };
        scorer.each(&images, &ids, &mut keep).unwrap();
        found
    };
    let [without, with] = [all(None), all(Some(maps.clone()))];
    for (place, &score) in EVERY.iter().enumerate() {
        let alone = scores(&vae, score, &images, &ids);
        for (image, alone) in alone.iter().enumerate() {
            assert_eq!(without[image].scores[place], *alone, "{score:?}");
            assert_eq!(with[image].scores[place], *alone, "{score:?} beside maps");
        }
    }
    // The maps are those that are compared one by one, and their maximum is a score as well.
    let mut raw = Vec::new();
    pixel_maps(&vae, PROTOCOL, &images, &ids, &mut |map| raw.push(map)).unwrap();
    let scorer = Scorer::several(&vae, PROTOCOL, vec![AnomalyScore::Map], Some(maps.clone()));
    let highest = scorer.unwrap().scores(&images, &ids, &mut |_| {}).unwrap();
    for (image, raw) in raw.iter().enumerate() {
        let map = maps.compare(raw);
        assert_eq!(with[image].map.as_ref(), Some(&map));
        assert_eq!(highest[image], map_score(&map));
        assert_eq!(without[image].map, None);
    }
    assert!(Scorer::new(&vae, PROTOCOL, AnomalyScore::Map).is_err());
}

/// A normal image has any coloured pixel with at most the promised probability, over divisions of digits into those that the
/// maps are compared with, those that calibrate and those that are looked at.
#[test]
fn normal_images_have_a_coloured_pixel_as_rarely_as_promised() {
    const PART: usize = 200;
    const DIVISIONS: u64 = 100;
    let (vae, _) = trained();
    let images = digits(3 * PART);
    let maps = NormalMaps::fit(&vae, PROTOCOL, &images.slice(0..PART), &mut |_| {}).unwrap();
    let mut highest = Vec::new();
    let rest = images.slice(PART..3 * PART);
    pixel_maps(
        &vae,
        PROTOCOL,
        &rest,
        &rest.first_ids(2 * PART),
        &mut |map| highest.push(map_score(&maps.compare(&map))),
    )
    .unwrap();
    for rate in [0.05, 0.1] {
        let promise = FalseAlarmPromise {
            rate,
            confidence: None,
        };
        let share = |division: u64| {
            let order = Rng::new(division).permutation(2 * PART);
            let of = |ids: &[u32]| {
                ids.iter()
                    .map(|&id| highest[id as usize])
                    .collect::<Vec<_>>()
            };
            let calibration = Calibration::new(of(&order[..PART])).unwrap();
            let rule = calibration.rule(promise).unwrap();
            let coloured = of(&order[PART..])
                .into_iter()
                .filter(|most| rule.flags(*most));
            coloured.count() as f64 / PART as f64
        };
        let mean = (0..DIVISIONS).map(share).sum::<f64>() / DIVISIONS as f64;
        let expected = promise.rank(PART).unwrap() as f64 / (PART as f64 + 1.0);
        let variance = expected * (1.0 - expected) * 2.0 / PART as f64;
        let error = (variance / DIVISIONS as f64).sqrt();
        assert!(
            (mean - expected).abs() < 4.0 * error,
            "{rate}: {mean}, not {expected} ± {error}"
        );
    }
}

/// The whole chain on a model: of 300 new digits, about as many are flagged as the promise says, and images of noise all are.
#[test]
fn new_images_are_flagged_as_rarely_as_promised_and_noise_always() {
    let (vae, images) = trained();
    let ids = images.first_ids(images.len());
    let all = scores(&vae, AnomalyScore::Elbo, &images, &ids);
    let (calibration, new) = all.split_at(all.len() / 2);
    let calibration = Calibration::new(calibration.to_vec()).unwrap();
    let promise = FalseAlarmPromise {
        rate: 0.1,
        confidence: None,
    };
    let rule = calibration.rule(promise).unwrap();
    let flagged = new.iter().filter(|score| rule.flags(**score)).count() as f64 / new.len() as f64;
    let [_, most] = rule.rate_range;
    assert!(
        flagged < most + 4.0 * (0.1 * 0.9 / new.len() as f64).sqrt(),
        "{flagged} {rule:?}"
    );
    let width = images.values();
    let noise = (0..20 * width as u64).map(|i| Rng::new(3).below(i, 256) as u8);
    let noise = Split::in_memory(noise.collect(), images.shape);
    let strange = scores(&vae, AnomalyScore::Elbo, &noise, &noise.first_ids(20));
    assert!(strange.iter().all(|score| rule.flags(*score)));
    // Maps as well: noise in a corner is found there.
    let mut moments = PixelMoments::default();
    pixel_maps(&vae, PROTOCOL, &images, &ids[..50], &mut |map| {
        moments.add(&map)
    })
    .unwrap();
    let mut changed = images.image(60).unwrap().to_vec();
    let side = images.shape[2];
    for row in 0..6 {
        for column in 0..6 {
            changed[row * side + column] = 255;
        }
    }
    let changed = Split::in_memory(changed, images.shape);
    let map = |split: &Split, id: u32| {
        let mut found = Vec::new();
        let mut keep = |map: Vec<f32>| found = smooth(&moments.standardise(&map), side, 1.0);
        pixel_maps(&vae, PROTOCOL, split, &[id], &mut keep).unwrap();
        found
    };
    let [before, after] = [map(&images, 60), map(&changed, 0)];
    assert!(map_score(&after) > 2.0 * map_score(&before));
    let place = (0..after.len()).max_by(|&a, &b| after[a].total_cmp(&after[b]));
    let place = place.unwrap();
    assert!(place / side < 6 && place % side < 6, "{place}");
}

/// Coverage is measured: over 200 random divisions of digits into those that calibrate and those that are scored, the share that
/// is flagged is the promised one within its error, for every score.
#[test]
fn the_promised_rate_of_false_alarms_is_kept_over_many_divisions_for_every_score() {
    const HALF: usize = 300;
    const DIVISIONS: u64 = 200;
    let (vae, _) = trained();
    let images = digits(2 * HALF);
    let cheap = EVERY.iter().filter(|score| **score != AnomalyScore::Regret);
    for &score in cheap {
        let all = scores(&vae, score, &images, &images.first_ids(2 * HALF));
        for rate in [0.01, 0.05, 0.1] {
            let promise = FalseAlarmPromise {
                rate,
                confidence: None,
            };
            let share = |division: u64| {
                let order = Rng::new(division).permutation(2 * HALF);
                let of = |ids: &[u32]| ids.iter().map(|&id| all[id as usize]).collect::<Vec<_>>();
                let calibration = Calibration::new(of(&order[..HALF])).unwrap();
                let rule = calibration.rule(promise).unwrap();
                let new = of(&order[HALF..]);
                new.iter().filter(|score| rule.flags(**score)).count() as f64 / HALF as f64
            };
            let mean = (0..DIVISIONS).map(share).sum::<f64>() / DIVISIONS as f64;
            // The variance of a division's share: of the threshold, and of the images that are scored.
            let expected = promise.rank(HALF).unwrap() as f64 / (HALF as f64 + 1.0);
            let variance = expected * (1.0 - expected) * 2.0 / HALF as f64;
            let error = (variance / DIVISIONS as f64).sqrt();
            assert!(
                (mean - expected).abs() < 4.0 * error && mean <= rate + 4.0 * error,
                "{score:?} {rate}: {mean}, not {expected} ± {error}"
            );
        }
    }
}
