//! Tests that a resumed run takes the values that a person changed in its config, and records them,
//! or refuses them by name.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{metrics, read, run, with_smoke_run};

const RUN: &str = "runs/smoke-1";
const CONFIG: &str = "runs/smoke-1/config.toml";
const RESUME: [&str; 3] = ["train", "--resume", "smoke-1"];

/// Replaces a line of the run's config.
fn edit(place: &Path, from: &str, to: &str) {
    let path = place.join(CONFIG);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} is not in\n{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

fn resumed(place: &Path, more: &[&str]) -> String {
    let done = run(place, &[&RESUME, more].concat());
    assert_eq!(done.line(), RUN);
    done.err
}

/// Returns the changes that the records state, by epoch.
fn changes(place: &Path) -> Vec<(u64, Value)> {
    let records = metrics(&place.join(RUN));
    let found = records.iter().flat_map(|record| {
        let changes = record["changes"].as_array().cloned().unwrap_or_default();
        let epoch = record["epoch"].as_u64().unwrap();
        changes.into_iter().map(move |change| (epoch, change))
    });
    found.collect()
}

fn learning_rate(place: &Path) -> f64 {
    let text = fs::read_to_string(place.join(CONFIG)).unwrap();
    let config: toml::Table = toml::from_str(&text).unwrap();
    config["train"]["learning_rate"].as_float().unwrap()
}

#[test]
fn an_edited_learning_rate_is_taken_and_recorded_with_its_step() {
    let place = with_smoke_run();
    edit(
        place.path(),
        "learning_rate = 0.002",
        "learning_rate = 0.0001 # lower",
    );
    edit(place.path(), "epochs = 2", "epochs = 3");
    let said = resumed(place.path(), &[]);
    assert!(
        said.contains("train.learning_rate is 0.0001 after step 32, 0.002 before"),
        "{said}"
    );
    let text = fs::read_to_string(place.path().join(CONFIG)).unwrap();
    assert!(
        text.contains("0.0001 # lower"),
        "the file is as the person left it:\n{text}"
    );
    assert_eq!(
        changes(place.path()),
        [
            (
                3,
                json!({"step": 32, "key": "train.epochs", "from": 2, "to": 3})
            ),
            (
                3,
                json!({"step": 32, "key": "train.learning_rate", "from": 0.002, "to": 0.0001})
            ),
        ]
    );
    // The rate has its effect: another one gives other weights.
    let other = with_smoke_run();
    resumed(other.path(), &["--epochs", "3"]);
    let model = format!("{RUN}/model.safetensors");
    assert!(read(place.path(), &model) != read(other.path(), &model));
}

#[test]
fn set_and_epochs_follow_the_rule_of_an_edited_config() {
    let edited = with_smoke_run();
    edit(
        edited.path(),
        "learning_rate = 0.002",
        "learning_rate = 0.0001",
    );
    edit(edited.path(), "epochs = 2", "epochs = 3");
    resumed(edited.path(), &[]);
    let set = with_smoke_run();
    resumed(
        set.path(),
        &["--set", "train.learning_rate=1e-4", "--epochs", "3"],
    );
    for name in ["model.safetensors", "config.toml"] {
        let path = format!("{RUN}/{name}");
        assert!(
            read(edited.path(), &path) == read(set.path(), &path),
            "{name}"
        );
    }
    assert_eq!(changes(edited.path()), changes(set.path()));
}

#[test]
fn a_change_waits_for_the_next_epoch_and_is_forgotten_if_it_is_taken_back() {
    let place = with_smoke_run();
    // The run is finished, so that nothing is trained with these values.
    resumed(place.path(), &["--set", "train.learning_rate=0.5"]);
    resumed(place.path(), &["--set", "train.clip=10"]);
    assert_eq!(
        learning_rate(place.path()),
        0.5,
        "a value stays until it is changed again"
    );
    resumed(place.path(), &["--set", "train.learning_rate=0.002"]);
    assert_eq!(changes(place.path()), []);
    resumed(place.path(), &["--epochs", "3"]);
    let keys: Vec<Value> = changes(place.path())
        .into_iter()
        .map(|(_, change)| change["key"].clone())
        .collect();
    assert_eq!(keys, ["train.clip", "train.epochs"]);
}

#[test]
fn a_value_that_made_the_weights_what_they_are_is_refused_by_name() {
    let cases = [
        (
            "seed = 1",
            "seed = 2",
            "`seed` is 2, and this run was trained with 1",
        ),
        (
            "batch = 64",
            "batch = 16",
            "`train.batch` is 16, and this run was trained with 64",
        ),
        ("latent = 8", "latent = 4", "`model.mlp.latent` is 4, and"),
        (
            "beta = 1.0",
            "beta = 4.0",
            "`objective.elbo.beta` is 4.0, and",
        ),
        (
            "[optimizer.adam]",
            "[optimizer.adamw]",
            "`optimizer` is {\"adamw\"",
        ),
        (
            "train = 1000",
            "train = 400",
            "`data.digits.train` is 400, and",
        ),
    ];
    for (from, to, pass) in cases {
        let place = with_smoke_run();
        edit(place.path(), from, to);
        let before = read(place.path(), CONFIG);
        let failed = run(place.path(), &[&RESUME[..], &["--epochs", "3"]].concat());
        let file = format!("{CONFIG}: ");
        failed.failed(
            2,
            &[
                &file,
                pass,
                "hint: put it back, or train a new run with it: vae train --config",
            ],
        );
        assert!(read(place.path(), CONFIG) == before);
        assert_eq!(metrics(&place.path().join(RUN)).len(), 4);
        let command = failed.err.split("vae ").last().unwrap();
        let words: Vec<&str> = command.split_whitespace().collect();
        run(place.path(), &words).line();
    }
    let place = with_smoke_run();
    let set = [&RESUME[..], &["--set", "train.batch=16", "--set", "seed=3"]].concat();
    run(place.path(), &set).failed(
        2,
        &[
            "`seed` is 3, and ",
            "; `train.batch` is 16, and ",
            "hint: leave it out",
        ],
    );
}

#[test]
fn a_changed_config_is_named_by_the_commands_that_use_the_models_own() {
    let note = "runs/smoke-1/config.toml was changed since (`data.digits.seed`, `objective.elbo.beta`, `seed`); the model's own config is used";
    let commands = [&["eval", "smoke-1"][..], &["doctor"], &["sample"]];
    let place = with_smoke_run();
    let numbers = run(place.path(), &["eval", "--json", "-q"]).out;
    edit(place.path(), "epochs = 2", "epochs = 3 # more");
    for command in commands {
        let done = run(place.path(), command);
        assert!(!done.err.contains("config.toml"), "{}", done.err);
    }
    edit(place.path(), "seed = 1", "seed = 7");
    edit(place.path(), "beta = 1.0", "beta = 4.0");
    for command in commands {
        let done = run(place.path(), command);
        assert_eq!(done.code, Some(0));
        assert_eq!(done.err.matches(note).count(), 1, "{}", done.err);
    }
    assert_eq!(
        run(place.path(), &["eval", "--json", "-q"]).out,
        numbers,
        "they are of the model's own config"
    );
    fs::write(place.path().join(CONFIG), "prose").unwrap();
    let said = run(place.path(), &["eval"]).err;
    assert!(
        said.contains("config.toml cannot be read as a config; the model's"),
        "{said}"
    );
}

#[test]
fn a_config_that_cannot_be_read_is_an_error_with_a_way_out() {
    let place = with_smoke_run();
    let before = read(place.path(), CONFIG);
    edit(place.path(), "epochs = 2", "epochs = two");
    let failed = run(place.path(), &RESUME);
    failed.failed(2, &[CONFIG, "hint: mend it, or delete it"]);
    fs::remove_file(place.path().join(CONFIG)).unwrap();
    let said = resumed(place.path(), &[]);
    assert!(
        said.contains("config.toml is missing: it is written again"),
        "{said}"
    );
    assert!(read(place.path(), CONFIG) == before);
}

#[test]
fn a_mistake_in_the_config_of_a_run_without_a_state_keeps_its_hint() {
    let place = TempDir::new().unwrap();
    let config = fs::read_to_string(with_smoke_run().path().join(CONFIG)).unwrap();
    fs::create_dir_all(place.path().join(RUN)).unwrap();
    let wrong = config.replace("batch = 64", "bacth = 64");
    fs::write(place.path().join(CONFIG), wrong).unwrap();
    let failed = run(place.path(), &RESUME);
    failed.failed(2, &[CONFIG, "bacth", "hint: ", "`batch`"]);
    assert!(
        !failed.err.contains("expected the folder"),
        "{}",
        failed.err
    );
}

#[test]
fn a_schedule_that_more_epochs_stretch_is_said_and_recorded() {
    let place = TempDir::new().unwrap();
    let train = [
        "train",
        "-q",
        "--config",
        "smoke",
        "--set",
        "schedule.cosine=",
        "--set",
    ];
    let cycles = "objective.elbo.cyclical.cycles=1";
    run(place.path(), &[&train[..], &[cycles]].concat()).line();
    let said = resumed(place.path(), &["--epochs", "4"]);
    for pass in [
        "schedule.cosine is spread over 4 epochs after step 32, spread over 2 epochs before",
        "objective.elbo.cyclical is spread over 4 epochs",
        "learning_rate is 0.001 after step 32, 0.0 before",
    ] {
        assert!(said.contains(pass), "{pass}\n{said}");
    }
    let keys: Vec<(u64, Value)> = changes(place.path())
        .into_iter()
        .map(|(epoch, change)| (epoch, change["key"].clone()))
        .collect();
    let expected = [
        "train.epochs",
        "schedule.cosine",
        "objective.elbo.cyclical",
        "learning_rate",
    ];
    assert_eq!(keys, expected.map(|key| (3, key.into())));
}

#[test]
fn a_run_that_broke_goes_on_from_its_last_good_state_as_its_message_says() {
    let place = TempDir::new().unwrap();
    let sgd = [
        "--set",
        "optimizer.sgd=",
        "--set",
        "train.learning_rate=0.0001",
        "-q",
    ];
    let train = [&["train", "--config", "smoke"], &sgd[..]].concat();
    run(
        place.path(),
        &[&train[..], &["--epochs", "6", "--name", "good"]].concat(),
    )
    .line();
    run(place.path(), &train).line();
    let broke = run(
        place.path(),
        &[
            &RESUME[..],
            &["--epochs", "6", "--set", "train.learning_rate=1e6"],
        ]
        .concat(),
    );
    broke.failed(
        1,
        &[
            "training broke at step 3",
            "the last good state is kept: go on from it",
        ],
    );
    let command = broke.err.trim_end().split("vae ").last().unwrap();
    let words: Vec<&str> = command.split_whitespace().collect();
    assert_eq!(words[..3], ["train", "--resume", RUN]);
    // A tenth of the rate is still far too much, so the message is followed as often as it takes.
    let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let mut tries = 0;
    loop {
        let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        let done = run(place.path(), &arguments);
        if done.code == Some(0) {
            break;
        }
        tries += 1;
        assert!(tries < 14, "{}", done.err);
        done.failed(1, &["training broke at step "]);
        let command = done.err.trim_end().split("vae ").last().unwrap().to_owned();
        words = command.split_whitespace().map(str::to_owned).collect();
    }
    let records = metrics(&place.path().join(RUN));
    let last = |records: &[Value]| records.last().unwrap()["elbo"].as_f64().unwrap();
    let good = last(&metrics(&place.path().join("runs/good")));
    assert_eq!(records.last().unwrap()["epoch"], 6);
    // The larger rate helped before it broke.
    assert!(last(&records) > good - 1.0, "{} and {good}", last(&records));
    assert!(
        changes(place.path())
            .iter()
            .any(|(_, change)| change["key"] == "train.learning_rate")
    );
}
