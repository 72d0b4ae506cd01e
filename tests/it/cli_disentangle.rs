//! Tests `vae disentangle`.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{SMOKE, edited, files, run, squeezed, with_smoke_run};

fn disentangle(folder: &TempDir, more: &[&str]) -> Value {
    serde_json::from_str(
        run(
            folder.path(),
            &[&["disentangle", "--json", "-q"], more].concat(),
        )
        .line(),
    )
    .unwrap()
}

const MEASURES: [&str; 9] = [
    "mig",
    "factor_vae",
    "beta_vae",
    "dci_disentanglement",
    "dci_completeness",
    "dci_informativeness",
    "sap",
    "linear_probe",
    "nearest_neighbours",
];

#[test]
fn the_built_in_data_have_factors_and_labels() {
    let place = with_smoke_run();
    let before = files(place.path());
    let found = disentangle(&place, &[]);
    for key in MEASURES {
        for key in [key.to_owned(), format!("{key}_chance")] {
            let value = found[&key]
                .as_f64()
                .unwrap_or_else(|| panic!("{key}: {found}"));
            assert!((0.0..=1.0).contains(&value), "{key}: {value}");
        }
    }
    for probe in ["linear_probe", "nearest_neighbours"] {
        assert!(found[probe].as_f64() > Some(0.3), "{probe}: {found}");
    }
    assert!(found["dci_informativeness"].as_f64() > found["dci_informativeness_chance"].as_f64());
    let factors = found["factors"].as_array().unwrap();
    let names = [
        "digit",
        "slant",
        "rotation",
        "scale",
        "aspect",
        "thickness",
        "shift_x",
        "shift_y",
    ];
    assert_eq!(
        factors
            .iter()
            .map(|factor| factor["name"].as_str().unwrap())
            .collect::<Vec<_>>(),
        names
    );
    assert_eq!(
        (
            factors[0]["values"].as_u64(),
            factors[0]["classes"].as_bool()
        ),
        (Some(10), Some(true))
    );
    assert_eq!(
        (
            factors[1]["classes"].as_bool(),
            factors[1]["information"].as_array().unwrap().len()
        ),
        (Some(false), 8)
    );
    for (key, value) in [
        ("images", 200),
        ("probe_fitted_to", 1000),
        ("probe_measured_on", 200),
        ("seed", 1),
    ] {
        assert_eq!(found[key], value, "{key}");
    }
    assert_eq!(
        (found["data"].as_str(), found["split"].as_str()),
        (Some("digits"), Some("test"))
    );
    assert_eq!(
        found["program_version"].as_str(),
        Some(env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(disentangle(&place, &["--threads", "1"]), found);
    assert_ne!(
        disentangle(&place, &["--seed", "2"])["factor_vae"],
        found["factor_vae"]
    );

    let done = run(place.path(), &["disentangle", "-q"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    for part in [
        format!("MIG {:.3}", found["mig"].as_f64().unwrap()),
        "the best latent tells".to_owned(),
        "shift_y".to_owned(),
        "protocol: digits test, 200 images, factors from the data set, probes fitted to 1000 training \
         images and measured on 200, seed 1, vae "
            .to_owned(),
    ] {
        assert!(squeezed(&done.out).contains(&part), "{part}: {}", done.out);
    }
    assert_eq!(files(place.path()), before, "nothing is written");

    let few = disentangle(&place, &["--n", "60", "--split", "train"]);
    assert_eq!(
        (
            &few["images"],
            &few["probe_fitted_to"],
            &few["probe_measured_on"]
        ),
        (&60.into(), &30.into(), &30.into())
    );
    for flag in ["--n", "--first"] {
        let hint = format!("hint: pass a larger `{flag}`");
        run(place.path(), &["disentangle", flag, "1"])
            .failed(2, &["1 image: too few to say anything of factors", &hint]);
    }
}

#[test]
fn a_person_can_give_the_factors() {
    let place = with_smoke_run();
    let truth = vae::data::Digits {
        train: 1000,
        test: 200,
        ..Default::default()
    }
    .draw()
    .test
    .factors
    .unwrap();
    let line = |index: usize| {
        format!(
            "{},\"as, is\",{}\n",
            truth.factors(index)[1],
            ["a", "b"][index % 2]
        )
    };
    let table: String = (0..200).map(line).collect();
    fs::write(
        place.path().join("mine.csv"),
        format!("slant,same,name\n{table}"),
    )
    .unwrap();
    let found = disentangle(&place, &["--factors", "mine.csv"]);
    let factors = found["factors"].as_array().unwrap();
    assert_eq!(factors.len(), 2);
    // A factor with the same levels as a built-in one has the same information, whichever file
    // names it.
    assert_eq!(
        factors[0]["information"],
        disentangle(&place, &[])["factors"][1]["information"]
    );
    assert_eq!(
        (factors[1]["name"].as_str(), factors[1]["classes"].as_bool()),
        (Some("name"), Some(true))
    );
    assert_eq!(found["factors_of"].as_str(), Some("mine.csv"));
    assert_eq!(
        found["notes"][0].as_str(),
        Some("left out, because all images have the same value: same")
    );
    let wrong = |text: &str, pass: &[&str]| {
        fs::write(place.path().join("wrong.csv"), text).unwrap();
        run(
            place.path(),
            &["disentangle", "-q", "--factors", "wrong.csv"],
        )
        .failed(2, pass);
    };
    wrong(
        "a\n1\n2\n",
        &[
            "wrong.csv: it has factors of 2 images, and there are 200 test images",
            "hint: ",
        ],
    );
    wrong(
        "a,b\n1\n",
        &[
            "wrong.csv: line 2 has 1 of the 2 values that the first line names",
            "hint: ",
        ],
    );
    run(
        place.path(),
        &["disentangle", "-q", "--factors", "none.csv"],
    )
    .failed(2, &["none.csv: no such file"]);
}

#[test]
fn data_without_factors_have_probes_and_those_without_labels_need_factors() {
    let place = TempDir::new().unwrap();
    let noise = [
        "train",
        "-q",
        "--epochs",
        "1",
        "--name",
        "noise",
        "--set",
        "model.mlp.hidden=[8]",
    ];
    let data = [
        "--set",
        "data.noise.count=60",
        "--set",
        "data.noise.test=20",
        "--set",
        "data.noise.size=28",
    ];
    assert_eq!(
        run(place.path(), &[&noise[..], &data].concat()).code,
        Some(0)
    );
    run(place.path(), &["disentangle", "-q"]).failed(
        2,
        &[
            "noise has neither factors nor labels",
            "hint: pass `--factors FILE.csv`",
        ],
    );
    let table: String = (0..20).map(|i| format!("{},{}\n", i % 2, i % 5)).collect();
    fs::write(place.path().join("mine.csv"), format!("a,b\n{table}")).unwrap();
    let found = disentangle(&place, &["--factors", "mine.csv"]);
    assert!(
        found["mig"].is_number()
            && found["linear_probe"].is_null()
            && found["probe_fitted_to"].is_null(),
        "{found}"
    );
    assert!(
        !run(place.path(), &["disentangle", "--factors", "mine.csv"])
            .out
            .contains("probe")
    );
    // MNIST has labels, but no factors.
    crate::program::write_idx(&place.path().join("data/mnist"), 3);
    let mnist = [
        "train",
        "-q",
        "--epochs",
        "1",
        "--set",
        "data.mnist.pixels=grey",
        "--set",
        "model.mlp.hidden=[8]",
    ];
    let done = run(
        place.path(),
        &[&mnist[..], &["--name", "mnist", "--data", "data/mnist"]].concat(),
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    let found = disentangle(&place, &["mnist", "--data", "data/mnist"]);
    assert!(
        found["mig"].is_null()
            && found["linear_probe"].is_number()
            && found["factors"] == Value::Array(vec![])
    );
    assert!(
        found["notes"][0]
            .as_str()
            .unwrap()
            .contains("pass them with `--factors`"),
        "{found}"
    );
}

#[test]
fn an_autoencoder_has_no_density_and_a_conditional_model_is_told() {
    let place = TempDir::new().unwrap();
    let train = |name: &str, set: &str| {
        let done = run(
            place.path(),
            &[
                &SMOKE[..],
                &["-q", "--epochs", "1", "--name", name, "--set", set],
            ]
            .concat(),
        );
        assert_eq!(done.code, Some(0), "{}", done.err);
        disentangle(&place, &[name])
    };
    let found = train("points", "objective.autoencoder.corrupt={ mask = 0.5 }");
    assert!(
        found["mig"].is_null() && found["sap"].is_number() && found["dci_completeness"].is_number(),
        "{found}"
    );
    assert!(
        found["notes"]
            .to_string()
            .contains("no MIG: an autoencoder's latents are points"),
        "{found}"
    );
    let found = train("told", "condition.decoder=concat");
    assert!(
        found["mig"].is_number()
            && found["notes"]
                .to_string()
                .contains("the model is conditional"),
        "{found}"
    );
    let found = train("flat", "model.mlp.latent=1");
    assert!(
        found["mig"].is_number() && found["dci_completeness"].is_null(),
        "{found}"
    );
}

#[test]
fn latents_that_are_no_numbers_are_an_error() {
    for tensor in ["mean.weight", "log_var.weight"] {
        let place = with_smoke_run();
        edited(place.path(), |_, tensors| {
            tensors
                .iter_mut()
                .find(|other| other.name == tensor)
                .unwrap()
                .values
                .fill(f32::MAX);
        });
        run(place.path(), &["disentangle", "-q"])
            .failed(1, &["its latents are NaN or infinite", "hint: "]);
    }
}
