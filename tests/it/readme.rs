//! What the README shows can be typed: its config plans, its command lines parse, its first preset gives its number.

use std::fs;
use std::path::Path;

use clap::Parser;
use tempfile::TempDir;
use vae::cli::Cli;
use vae::config::Config;

use crate::program::{metrics, run};

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The texts between "```language" and "```".
fn blocks(language: &str) -> Vec<String> {
    let (readme, fence) = (readme(), format!("```{language}\n"));
    let after = readme.split(&fence).skip(1);
    after
        .map(|text| text.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn its_config_is_one() {
    let configs = blocks("toml");
    assert!(!configs.is_empty());
    for text in configs {
        let config = Config::parse(&text, Path::new("README.md"))
            .unwrap_or_else(|error| panic!("{}", error.render()));
        config
            .plan(
                config.data.kind().usual_shape(),
                config.data.kind().usual_classes(),
            )
            .unwrap_or_else(|error| panic!("{}", error.render()));
    }
}

#[test]
fn the_figures_that_its_config_asks_for_exist() {
    let place = TempDir::new().unwrap();
    for text in blocks("toml") {
        fs::write(place.path().join("mine.toml"), text).unwrap();
        let done = run(place.path(), &["config", "mine.toml"]);
        assert_eq!(done.code, Some(0), "{}", done.err);
    }
}

#[test]
fn its_command_lines_are_understood() {
    let mut count = 0;
    for line in blocks("console").iter().flat_map(|block| block.lines()) {
        let Some(command) = line.strip_prefix("$ vae ") else {
            continue;
        };
        // As a shell would: without the remark, the redirection and the quotes.
        let command = command
            .split("  #")
            .next()
            .unwrap()
            .split('>')
            .next()
            .unwrap();
        let words = command
            .split_whitespace()
            .map(|word| word.trim_matches('\''));
        if let Err(error) = Cli::try_parse_from(std::iter::once("vae").chain(words)) {
            panic!("{line}\n{error}");
        }
        count += 1;
    }
    assert!(count > 5, "{count} commands");
}

/// The first thing that anybody sees. Seeds, and processors that round otherwise, spread it by about a nat.
#[test]
fn its_first_command_reaches_its_number() {
    let place = TempDir::new().unwrap();
    assert_eq!(run(place.path(), &["train", "-q"]).line(), "runs/digits-1");
    let records = metrics(&place.path().join("runs/digits-1"));
    let last = records
        .iter()
        .rfind(|record| record["split"] == "test")
        .unwrap();
    let elbo = last["elbo"].as_f64().unwrap();
    assert!((-95.5..-90.5).contains(&elbo), "test ELBO {elbo}");
    let doctor = run(place.path(), &["doctor", "--json", "-q"]);
    let found: serde_json::Value = serde_json::from_str(doctor.line()).unwrap();
    assert_eq!(found["verdict"], "healthy", "{found}");
    assert!(
        readme().contains("| `digits` | built in | -92.4"),
        "the number in README.md has changed"
    );
}
