//! Tests that no text and no override makes the config parser panic, and that an accepted config
//! survives the conversion to TOML and back.

use std::path::Path;

use proptest::prelude::*;
use vae::config::{Config, PRESETS, find_preset, set};
use vae::error::Error;

/// Returns values of the wrong type or range.
fn odd_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_map(|value| format!("{value:?}")),
        prop::sample::select(vec![
            "",
            "0",
            "-1",
            "nan",
            "-inf",
            "1e400",
            "[]",
            "{}",
            "[[1]]",
            "true",
            "\"\"",
            "\"same\"",
            "0x10",
            "1_000",
            "=",
            "9223372036854775807",
            "1979-05-27",
            "{ a = 1 }",
            "'''",
            "\u{0}",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,12}",
    ]
}

/// Returns a key of the config, or something similar.
fn odd_key() -> impl Strategy<Value = String> {
    let known = vec![
        "seed",
        "data",
        "data.digits",
        "data.digits.train",
        "data.mnist.pixels",
        "model",
        "model.mlp",
        "model.mlp.latent",
        "model.mlp.hidden",
        "model.conv",
        "model.conv.encoder",
        "model.conv.decoder.0.dense",
        "likelihood.bernoulli",
        "likelihood.gaussian.sigma",
        "likelihood.laplace.scale",
        "likelihood.discretised-logistic.components",
        "objective.elbo.beta",
        "optimizer.sgd.momentum",
        "schedule.step.every",
        "train.batch",
        "train",
        "train.clip",
        "",
        ".",
        "..",
        "model.",
        ".mlp",
        "model..mlp",
        "train.batch.size",
        "objective.elbo.beta.x",
    ];
    prop_oneof![3 => prop::sample::select(known).prop_map(str::to_owned), 1 => "[a-z.\\PC]{0,14}"]
}

/// Checks that a config is either refused, or can be written to TOML and read back unchanged.
fn check(config: &Config) -> std::result::Result<(), TestCaseError> {
    if let Ok(network) = config.network([1, 28, 28], 10) {
        let toml = config
            .to_toml()
            .map_err(|error| TestCaseError::fail(error.render()))?;
        let read = Config::parse(&toml, Path::new("config.toml"))
            .map_err(|error| TestCaseError::fail(error.render()))?;
        prop_assert_eq!(&read, config);
        // An accepted config has a reasonable size, so no product has overflowed.
        prop_assert!(network.parameter_count() <= 1_000_000_000);
    }
    Ok(())
}

fn says_something(error: &Error) -> std::result::Result<(), TestCaseError> {
    prop_assert_eq!(error.code(), 2);
    prop_assert!(!error.to_string().trim().is_empty());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_override_makes_the_parser_panic(
        preset in prop::sample::select(PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>()),
        key in odd_key(),
        value in odd_value(),
    ) {
        let config = find_preset(preset).unwrap().config().unwrap();
        match set(&config, &format!("{key}={value}")) {
            Ok(config) => check(&config)?,
            Err(error) => {
                says_something(&error)?;
                prop_assert!(error.to_string().starts_with("--set "), "{}", error);
            }
        }
    }

    #[test]
    fn no_assignment_makes_the_parser_panic(text in "\\PC{0,40}") {
        let config = find_preset("smoke").unwrap().config().unwrap();
        if let Err(error) = set(&config, &text) {
            says_something(&error)?;
        }
    }

    #[test]
    fn no_text_makes_the_config_parser_panic(text in "[\\PC\\n\\t\\[\\]={}\"'#.]{0,80}") {
        if let Err(error) = Config::parse(&text, Path::new("c.toml")) {
            says_something(&error)?;
        }
    }

    /// Replaces one value, or any piece of a preset's text, by something else.
    #[test]
    fn no_changed_preset_makes_the_config_parser_panic(
        preset in prop::sample::select(PRESETS.iter().map(|preset| preset.text).collect::<Vec<_>>()),
        place in any::<prop::sample::Index>(),
        length in 0_usize..12,
        value in odd_value(),
        whole in any::<bool>(),
    ) {
        let mut text = preset.to_owned();
        if whole {
            let values: Vec<usize> = text.match_indices("= ").map(|(at, _)| at + 2).collect();
            let from = values[place.index(values.len())];
            let end = text[from..].find(['\n', ',', ' ']).map_or(text.len(), |end| from + end);
            text.replace_range(from..end, &value);
        } else {
            let mut from = place.index(text.len());
            let mut end = (from + length).min(text.len());
            while !text.is_char_boundary(from) { from -= 1; }
            while !text.is_char_boundary(end) { end += 1; }
            text.replace_range(from..end, &value);
        }
        match Config::parse(&text, Path::new("c.toml")) {
            Ok(config) => check(&config)?,
            Err(error) => says_something(&error)?,
        }
    }

    #[test]
    fn numbers_survive_the_config_bit_for_bit(
        seed in 0..=i64::MAX as u64,
        rate in prop::num::f64::POSITIVE | prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL,
        beta in 0.0..1e300_f64,
    ) {
        let mut config = find_preset("smoke").unwrap().config().unwrap();
        config.seed = seed;
        config.train.learning_rate = rate;
        config = set(&config, &format!("objective.elbo.beta={beta:?}")).unwrap();
        config.check().unwrap();
        let read = Config::parse(&config.to_toml().unwrap(), Path::new("c.toml")).unwrap();
        prop_assert_eq!(read.train.learning_rate.to_bits(), rate.to_bits());
        prop_assert_eq!(read, config);
    }
}

/// Setting one way of corrupting images replaces the other one.
#[test]
fn an_override_replaces_the_other_choice_of_an_enum() {
    let config = find_preset("ae-denoise").unwrap().config().unwrap();
    for corruption in ["mask", "gaussian", "mask"] {
        let assignment = format!("objective.autoencoder.corrupt.{corruption}=0.25");
        let config = set(&config, &assignment).unwrap();
        assert!(
            config
                .to_toml()
                .unwrap()
                .contains(&format!("{corruption} = 0.25"))
        );
    }
}

#[test]
fn an_old_key_is_named_with_its_new_name() {
    let text = "[data.digits]\n[model.mlp]\nlatent = 2\n[train]\nrate = 0.1\n";
    let error = Config::parse(text, Path::new("old.toml")).unwrap_err();
    assert_eq!(
        error.hint(),
        Some("`train.rate` is called `train.learning_rate` now")
    );
    let config = find_preset("smoke").unwrap().config().unwrap();
    let error = set(&config, "train.rate=0.1").unwrap_err();
    assert_eq!(
        error.hint(),
        Some("`train.rate` is called `train.learning_rate` now")
    );
}
