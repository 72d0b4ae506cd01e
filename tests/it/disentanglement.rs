//! Tests the disentanglement scores and the probes on latents with known answers.

use vae::data::Factor;
use vae::eval::disentanglement::{
    Scores, beta_vae_score, dci, factor_vae_score, mig, sap, shuffled, varying,
};
use vae::eval::probe::{Logistic, nearest_neighbours};
use vae::rng::Rng;

/// Returns independent factors with `sizes` values each; the first one is a class.
fn factors(count: usize, sizes: &[usize]) -> Vec<Factor> {
    let level =
        |f: usize, i: usize| Rng::new(11).at(f as u64).below(i as u64, sizes[f] as u64) as u16;
    let of = |f: usize| Factor {
        name: format!("factor {f}"),
        levels: (0..count).map(|i| level(f, i)).collect(),
        size: sizes[f],
        nominal: f == 0,
    };
    (0..sizes.len()).map(of).collect()
}

/// The means and log variances of posteriors.
type Codes = (Vec<Vec<f32>>, Vec<Vec<f32>>);

/// Returns latents that are one factor each, with variance 1, and steps ten times as wide as their
/// noise and their posteriors.
fn perfect(factors: &[Factor]) -> Codes {
    let step = |factor: &Factor| 12_f32.sqrt() / factor.size as f32;
    let mean = |f: usize, i: usize| {
        let factor = &factors[f];
        let noise = 0.1 * Rng::new(12).at(f as u64).normal(i as u64);
        (f32::from(factor.levels[i]) - 0.5 * (factor.size as f32 - 1.0) + noise) * step(factor)
    };
    let rows =
        (0..factors[0].levels.len()).map(|i| (0..factors.len()).map(|f| mean(f, i)).collect());
    let log_var: Vec<f32> = factors
        .iter()
        .map(|factor| 2.0 * (0.1 * step(factor)).ln())
        .collect();
    (rows.collect(), vec![log_var; factors[0].levels.len()])
}

/// Returns means and widths that do not depend on the images.
fn random(count: usize, latent_count: usize) -> Codes {
    let row = |i: usize| {
        (0..latent_count)
            .map(|d| Rng::new(13).at(d as u64).normal(i as u64))
            .collect()
    };
    (
        (0..count).map(row).collect(),
        vec![vec![2.0 * 0.3_f32.ln(); latent_count]; count],
    )
}

/// Applies `change` to each row.
fn changed(latents: &[Vec<f32>], change: impl Fn(&[f32]) -> Vec<f32>) -> Vec<Vec<f32>> {
    latents.iter().map(|row| change(row)).collect()
}

fn measure((means, log_vars): &Codes, factors: &[Factor]) -> Scores {
    Scores::measure(means, Some(log_vars), factors, Rng::new(1), &mut |_| {})
}

/// Returns all scores: MIG, FactorVAE, beta-VAE, DCI's D, C and I, and SAP.
fn numbers(scores: &Scores) -> [f64; 7] {
    let dci = scores.dci.as_ref().unwrap();
    [
        scores.mig.as_ref().unwrap().score,
        scores.factor_vae.unwrap(),
        scores.beta_vae.unwrap(),
        dci.disentanglement.unwrap(),
        dci.completeness.unwrap(),
        dci.informativeness,
        scores.sap.unwrap(),
    ]
}

#[test]
fn a_perfect_code_is_perfect_by_every_measure() {
    let factors = factors(5_000, &[3, 6, 20, 16, 16]);
    let scores = measure(&perfect(&factors), &factors);
    let [
        mig,
        factor_vae,
        beta_vae,
        disentanglement,
        completeness,
        informativeness,
        sap,
    ] = numbers(&scores);
    assert!(mig > 0.95, "MIG {mig}");
    assert!(
        factor_vae > 0.99 && beta_vae > 0.99,
        "FactorVAE {factor_vae}, beta-VAE {beta_vae}"
    );
    assert!(
        disentanglement > 0.95 && completeness > 0.95,
        "DCI {disentanglement}, {completeness}"
    );
    assert!(informativeness > 0.98, "informativeness {informativeness}");
    // For the class the gap is from 1 to the third that any latent gets right.
    assert!((sap - (4.0 + 2.0 / 3.0) / 5.0).abs() < 0.02, "SAP {sap}");
    let found = scores.mig.unwrap();
    for (f, factor) in factors.iter().enumerate() {
        assert!((found.entropies[f] - (factor.size as f64).ln()).abs() < 0.01);
        assert!((found.information[f][f] - found.entropies[f]).abs() < 0.05 * found.entropies[f]);
    }
}

#[test]
fn a_random_code_is_worth_nothing_by_any_measure() {
    let factors = factors(10_000, &[3, 6, 20, 16, 16]);
    let scores = measure(&random(10_000, 10), &factors);
    let [
        mig,
        factor_vae,
        beta_vae,
        disentanglement,
        completeness,
        informativeness,
        sap,
    ] = numbers(&scores);
    assert!((0.0..0.02).contains(&mig), "MIG {mig}");
    assert!(
        factor_vae < 0.3 && (0.15..0.25).contains(&beta_vae),
        "FactorVAE {factor_vae}, beta-VAE {beta_vae}"
    );
    assert!(
        disentanglement < 0.1 && completeness < 0.1,
        "DCI {disentanglement}, {completeness}"
    );
    let guessing = [3.0, 6.0, 20.0, 16.0, 16.0]
        .map(|size| 1.0 / size)
        .iter()
        .sum::<f64>()
        / 5.0;
    assert!(
        (informativeness - guessing).abs() < 0.02,
        "informativeness {informativeness}, by chance {guessing}"
    );
    assert!(sap < 0.02, "SAP {sap}");
    // With shuffled factors a perfect latent scores like a random one.
    let latents = perfect(&factors);
    let chance = measure(&latents, &shuffled(&factors, Rng::new(2)));
    assert!(
        numbers(&chance)[0] < 0.02 && numbers(&chance)[6] < 0.02,
        "{:?}",
        numbers(&chance)
    );
}

#[test]
fn a_rotated_code_holds_as_much_and_is_not_disentangled() {
    let factors = factors(5_000, &[4, 5, 5, 4]);
    let straight = perfect(&factors);
    let half = 0.5_f32.sqrt();
    let rotate = |row: &[f32]| {
        row.chunks(2)
            .flat_map(|pair| [half * (pair[0] + pair[1]), half * (pair[0] - pair[1])])
            .collect::<Vec<f32>>()
    };
    let rotated = (changed(&straight.0, rotate), straight.1.clone());
    let [before, after] = [&straight, &rotated].map(|latents| numbers(&measure(latents, &factors)));
    assert!(
        before[0] > 0.9 && after[0] < 0.1,
        "MIG {} and {}",
        before[0],
        after[0]
    );
    assert!(
        before[3] - after[3] > 0.3 && before[4] - after[4] > 0.3,
        "DCI {before:?} and {after:?}"
    );
    assert!(after[5] > 0.9, "informativeness {}", after[5]);
    assert!(before[6] - after[6] > 0.5, "SAP {before:?} and {after:?}");
    let linear = |latents: &[Vec<f32>]| {
        let levels = &factors[3].levels;
        Logistic::fit(&latents[..2_500], &levels[..2_500], 4, false)
            .accuracy(&latents[2_500..], &levels[2_500..])
    };
    assert!(linear(&straight.0) > 0.99 && linear(&rotated.0) > 0.99);
}

#[test]
fn a_factor_in_two_latents_is_disentangled_and_not_complete() {
    let factors = factors(3_000, &[4, 5, 5]);
    let twice = |row: &[f32]| [row, row].concat();
    let (means, log_vars) = perfect(&factors);
    let latents = (changed(&means, twice), changed(&log_vars, twice));
    let found = measure(&latents, &factors);
    let [mig, factor_vae, beta_vae, disentanglement, _, _, sap] = numbers(&found);
    assert!(mig < 0.02 && sap < 0.02, "MIG {mig}, SAP {sap}");
    assert!(
        factor_vae > 0.99 && beta_vae > 0.99 && disentanglement > 0.95,
        "{found:?}"
    );
}

#[test]
fn the_order_the_sign_and_the_scale_of_latents_do_not_matter() {
    let sizes = [3, 6, 8];
    let factors = factors(3_000, &sizes);
    // An intermediate case: the second factor is in two latents, and the last latent is noise.
    let (mut means, mut log_vars) = perfect(&factors);
    let (noise, widths) = random(3_000, 2);
    for (i, (row, log_var)) in means.iter_mut().zip(&mut log_vars).enumerate() {
        row[0] += 0.5 * row[2];
        row.extend([row[1] + noise[i][0], noise[i][1]]);
        log_var.extend(&widths[i]);
    }
    let latents = (means, log_vars);
    let before = measure(&latents, &factors);
    let order = [3, 0, 4, 2, 1];
    let permuted = |row: &[f32]| order.map(|d| row[d]).to_vec();
    let flipped = |row: &[f32]| {
        row.iter()
            .enumerate()
            .map(|(d, z)| if d % 2 == 0 { -z } else { *z })
            .collect::<Vec<f32>>()
    };
    let scales = [2.0_f32, 0.5, 8.0, 4.0, 0.25];
    let scaled = |row: &[f32]| {
        row.iter()
            .zip(scales)
            .map(|(z, scale)| z * scale)
            .collect::<Vec<f32>>()
    };
    let widened = |row: &[f32]| {
        row.iter()
            .zip(scales)
            .map(|(z, scale)| z + 2.0 * scale.ln())
            .collect::<Vec<f32>>()
    };
    let others = [
        (changed(&latents.0, permuted), changed(&latents.1, permuted)),
        (changed(&latents.0, flipped), latents.1.clone()),
        (changed(&latents.0, scaled), changed(&latents.1, widened)),
    ];
    for (other, what) in others.iter().zip(["order", "sign", "scale"]) {
        let after = measure(other, &factors);
        // MIG draws other numbers if the latents are in another place.
        for ((a, b), tolerance) in numbers(&before)
            .iter()
            .zip(numbers(&after))
            .zip([0.02, 1e-9, 2e-3, 0.01, 0.01, 0.01, 1e-3])
        {
            assert!(
                (a - b).abs() <= tolerance,
                "{what}: {:?} and {:?}",
                numbers(&before),
                numbers(&after)
            );
        }
    }
}

/// Computes I(z; v) of z ~ N(m_v, s_v^2) by quadrature, for a v with two equally likely values.
#[test]
fn mutual_information_is_what_the_integral_says() {
    let count = 10_000;
    let factor = Factor {
        name: "v".into(),
        levels: (0..count).map(|i| (i % 2) as u16).collect(),
        size: 2,
        nominal: true,
    };
    let parameters: [[(f64, f64); 2]; 3] = [
        [(0.0, 1.0), (1.5, 0.7)],
        [(-0.5, 0.2), (-0.5, 2.0)],
        [(3.0, 0.5), (3.0, 0.5)],
    ];
    let means: Vec<Vec<f32>> = (0..count)
        .map(|i| parameters.map(|of| of[i % 2].0 as f32).to_vec())
        .collect();
    let log_vars: Vec<Vec<f32>> = (0..count)
        .map(|i| parameters.map(|of| 2.0 * of[i % 2].1.ln() as f32).to_vec())
        .collect();
    let exact = parameters.map(|of| {
        let density = |z: f64, (m, s): (f64, f64)| {
            (-0.5 * ((z - m) / s).powi(2)).exp() / (s * std::f64::consts::TAU.sqrt())
        };
        let step = 1e-3;
        let at = |z: f64| {
            let [p, q] = of.map(|parameters| density(z, parameters));
            let part = |p: f64, all: f64| {
                if p > 0.0 {
                    0.5 * p * (p / all).ln()
                } else {
                    0.0
                }
            };
            step * (part(p, 0.5 * (p + q)) + part(q, 0.5 * (p + q)))
        };
        (-20_000..20_000)
            .map(|i| at(f64::from(i) * step))
            .sum::<f64>()
    });
    let found = mig(&means, &log_vars, &[factor], Rng::new(3)).unwrap();
    for (found, exact) in found.information[0].iter().zip(exact) {
        assert!((found - exact).abs() < 0.02, "{found}, exactly {exact}");
    }
    assert!((found.entropies[0] - std::f64::consts::LN_2).abs() < 1e-12);
    let mut sorted = exact.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    assert!((found.score - (sorted[0] - sorted[1]) / std::f64::consts::LN_2).abs() < 0.04);
}

#[test]
fn what_varies_not_at_all_breaks_nothing() {
    let mut factors = factors(600, &[3, 4]);
    let constant = Factor {
        name: "none".into(),
        levels: vec![2; 600],
        size: 5,
        nominal: false,
    };
    factors.push(constant.clone());
    let factors = varying(&factors);
    assert_eq!(factors.len(), 2);
    let of = |means: &[Vec<f32>], log_vars: &[Vec<f32>], factors: &[Factor]| {
        Scores::measure(means, Some(log_vars), factors, Rng::new(4), &mut |_| {})
    };
    // Constant latents carry no information.
    let scores = of(
        &vec![vec![0.25; 4]; 600],
        &vec![vec![0.0; 4]; 600],
        &factors,
    );
    let [
        mig,
        factor_vae,
        beta_vae,
        disentanglement,
        completeness,
        informativeness,
        sap,
    ] = numbers(&scores);
    assert!(
        mig.abs() < 1e-5 && factor_vae == 0.0 && sap.abs() < 1e-12,
        "{scores:?}"
    );
    assert_eq!([disentanglement, completeness], [0.0, 0.0]);
    assert!(
        (0.45..0.55).contains(&beta_vae) && (0.2..0.4).contains(&informativeness),
        "{scores:?}"
    );
    // A constant latent beside informative ones does not lower a score.
    let (means, log_vars) = perfect(&factors);
    let beside = |rows: &[Vec<f32>], value: f32| changed(rows, |row| [row, &[value]].concat());
    let wider = numbers(&of(
        &beside(&means, 7.0),
        &beside(&log_vars, -9.0),
        &factors,
    ));
    let plain = numbers(&of(&means, &log_vars, &factors));
    for (index, (a, b)) in wider.iter().zip(plain).enumerate() {
        assert!((a - b).abs() < 0.02, "{index}: {wider:?} and {plain:?}");
    }
    // The edge cases are one latent, one factor, one image and no image.
    let first = |rows: &[Vec<f32>]| changed(rows, |row| row[..1].to_vec());
    let one = of(&first(&means), &first(&log_vars), &factors);
    assert!(
        (0.45..0.55).contains(&one.mig.as_ref().unwrap().score),
        "all of one factor, nothing of the other: {one:?}"
    );
    assert_eq!(one.dci.as_ref().unwrap().completeness, None);
    assert!(one.dci.unwrap().disentanglement.is_some() && one.sap.unwrap() > 0.4);
    let one = of(&means, &log_vars, &factors[..1]);
    assert!(
        one.mig.unwrap().score > 0.9
            && one.factor_vae.is_none()
            && one.beta_vae.is_none()
            && one.sap.is_some()
    );
    assert_eq!(one.dci.unwrap().disentanglement, None);
    let none = of(&means, &log_vars, &[]);
    assert_eq!(none, of(&[], &[], &[]));
    assert_eq!(
        none,
        Scores {
            mig: None,
            factor_vae: None,
            beta_vae: None,
            dci: None,
            sap: None
        }
    );
    assert!(varying(&[factors[0].of(&[5])]).is_empty());
    // Two images that differ in every factor.
    let two = [
        0,
        factors[0]
            .levels
            .iter()
            .position(|level| *level != factors[0].levels[0])
            .unwrap() as u32,
    ];
    let of_two = varying(
        &factors
            .iter()
            .map(|factor| factor.of(&two))
            .collect::<Vec<_>>(),
    );
    let two = two.map(|index| means[index as usize].clone());
    let scores = of(&two, &log_vars[..2], &of_two);
    assert!(
        scores.sap.is_some_and(f64::is_finite)
            && scores.mig.is_some_and(|mig| mig.score.is_finite())
    );
    // The posteriors are extremely narrow or wide.
    for extreme in [-300.0, 200.0] {
        let log_vars = vec![vec![extreme, 0.0]; 600];
        assert!(mig_score(&means, &log_vars, &factors).is_finite());
    }
    fn mig_score(means: &[Vec<f32>], log_vars: &[Vec<f32>], factors: &[Factor]) -> f64 {
        vae::eval::disentanglement::mig(means, log_vars, factors, Rng::new(5))
            .unwrap()
            .score
    }
}

#[test]
fn neither_threads_nor_a_second_run_change_a_number() {
    let factors = factors(900, &[3, 5]);
    let latents = perfect(&factors);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| measure(&latents, &factors))
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(1));
    // Another seed draws other images.
    let means = random(900, 3).0;
    let of = |seed| {
        let rng = Rng::new(seed);
        (
            factor_vae_score(&means, &factors, rng),
            beta_vae_score(&means, &factors, rng),
            dci(&means, &factors, rng),
        )
    };
    assert_eq!(of(1), of(1));
    assert!(of(1).0 != of(2).0 && of(1).1 != of(2).1 && of(1).2 != of(2).2);
    assert!(sap(&means, &factors, Rng::new(1)) != sap(&means, &factors, Rng::new(2)));
}

#[test]
fn probes_read_what_is_there_and_nothing_else() {
    let normal = |i: u64| Rng::new(6).normal(i);
    let labels: Vec<u16> = (0..4_000).map(|i| Rng::new(7).below(i, 5) as u16).collect();
    // The latents are five clusters in a plane, one latent of noise and a constant one.
    let separable: Vec<Vec<f32>> = (0_u64..)
        .zip(&labels)
        .map(|(i, &label)| {
            let angle = std::f32::consts::TAU * f32::from(label) / 5.0;
            vec![
                5.0 * angle.cos() + 0.3 * normal(3 * i),
                5.0 * angle.sin() + 0.3 * normal(3 * i + 1),
                normal(3 * i + 2),
                1.0,
            ]
        })
        .collect();
    let accuracies = |latents: &[Vec<f32>]| {
        let ((train, test), (known, truth)) = (latents.split_at(2_000), labels.split_at(2_000));
        let linear = Logistic::fit(train, known, 5, false).accuracy(test, truth);
        [linear, nearest_neighbours(train, known, test, truth, 5)]
    };
    assert_eq!(accuracies(&separable), [1.0, 1.0]);
    // The standard error is 0.009.
    for accuracy in accuracies(&random(4_000, 4).0) {
        assert!((accuracy - 0.2).abs() < 0.03, "{accuracy}");
    }
    // Rings around a disc are separable by neighbours, but not linearly.
    let ring: Vec<Vec<f32>> = (0_u64..)
        .zip(&labels)
        .map(|(i, &label)| {
            let angle = std::f32::consts::TAU * Rng::new(8).uniform(i);
            let radius = f32::from(label);
            vec![
                radius * angle.cos() + 0.05 * normal(i),
                radius * angle.sin(),
            ]
        })
        .collect();
    let [linear, nearest] = accuracies(&ring);
    assert!(
        linear < 0.4 && nearest > 0.98,
        "linear {linear}, neighbours {nearest}"
    );
}
