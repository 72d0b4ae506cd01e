//! Checks the Markdown files against the program: commands and configs in them are accepted, lists
//! are complete, and links lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::Parser;
use tempfile::TempDir;
use vae::cli::Cli;
use vae::config::PRESETS;

use crate::program::{metrics, run, with_smoke_run};
use crate::tidy::{ROWS, sources};

const PAGES: [&str; 5] = [
    "README.md",
    "CHANGELOG.md",
    "benches/README.md",
    "configs/README.md",
    "data/README.md",
];

/// The largest size of the README, a page to be read in one sitting. Longer texts belong on the
/// other pages.
const LONGEST: usize = 16_000;

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Returns the texts between "```language" and "```".
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let after = page.split(&fence).skip(1);
    after
        .map(|text| text.split("```").next().unwrap().to_owned())
        .collect()
}

/// Returns the block with the tables that every config must have.
fn completed(block: &str) -> String {
    let missing = |table: &str| !block.contains(&format!("[{table}."));
    let mut text = String::new();
    if missing("data") {
        text += "[data.mnist]\n";
    }
    if missing("model") {
        text += "[model.mlp]\n";
    }
    text + block
}

#[test]
fn readme_is_short() {
    let length = page("README.md").len();
    assert!(
        length <= LONGEST,
        "README.md has {length} bytes; at most {LONGEST}"
    );
}

#[test]
fn every_config_in_the_pages_is_accepted() {
    let folder = TempDir::new().unwrap();
    let blocks: Vec<String> = PAGES
        .iter()
        .flat_map(|name| blocks(&page(name), "toml"))
        .collect();
    assert!(blocks.len() > 2, "{} configs", blocks.len());
    for block in blocks {
        let text = completed(&block);
        fs::write(folder.path().join("mine.toml"), &text).unwrap();
        let done = run(folder.path(), &["config", "mine.toml"]);
        assert_eq!(done.code, Some(0), "{text}\n{}", done.err);
        // A network that does not fit the images only causes a note.
        assert!(!done.err.contains("note:"), "{text}\n{}", done.err);
    }
}

#[test]
fn every_command_in_the_pages_is_accepted() {
    let mut count = 0;
    for name in PAGES {
        for line in blocks(&page(name), "console")
            .iter()
            .flat_map(|block| block.lines())
        {
            let launched = ["$ mpirun ", "$ srun "]
                .iter()
                .any(|launcher| line.starts_with(launcher));
            let command = match line.strip_prefix("$ vae ") {
                Some(command) => command,
                None if launched => line.split_once(" vae ").unwrap().1,
                None => continue,
            };
            // A shell drops the comment, the redirection and the quotes.
            let command = command.split("  #").next().unwrap();
            let command = command.split('>').next().unwrap();
            let words = command
                .split_whitespace()
                .map(|word| word.trim_matches('\''));
            if let Err(error) = Cli::try_parse_from(std::iter::once("vae").chain(words)) {
                panic!("{name}: {line}\n{error}");
            }
            count += 1;
        }
    }
    assert!(count > 15, "{count} commands");
}

/// Returns the anchors of a page's headings: lower case, words joined by hyphens, without
/// punctuation.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
            let title = line.trim_start_matches('#').trim().to_lowercase();
            title
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    for name in PAGES {
        let text = page(name);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let markdown = text
            .split("](")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap());
        let html = text
            .split("src=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap());
        for link in markdown
            .chain(html)
            .filter(|link| !link.starts_with("http"))
        {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => file.clone(),
                _ => file.parent().unwrap().join(path),
            };
            assert!(target.exists(), "{name}: no such file: {link}");
            if !anchor.is_empty() {
                let headings = anchors(&fs::read_to_string(&target).unwrap());
                assert!(headings.contains(anchor), "{name}: no such heading: {link}");
            }
        }
    }
}

#[test]
fn config_reference_has_every_preset_and_every_key() {
    let reference = page("configs/README.md");
    let folder = TempDir::new().unwrap();
    let mut missing = BTreeSet::new();
    let mut expect = |word: &str| {
        if !reference.contains(&format!("`{word}`")) {
            missing.insert(word.to_owned());
        }
    };
    for preset in PRESETS {
        expect(preset.name);
        let done = run(folder.path(), &["config", preset.name]);
        // The keys of figures are options of their commands.
        let config = done.out.split("[[figures]]").next().unwrap();
        let keys = config.lines().filter_map(|line| line.split_once(" = "));
        keys.for_each(|(key, _)| expect(key));
    }
    for list in [
        "data",
        "priors",
        "likelihoods",
        "objectives",
        "optimizers",
        "schedules",
    ] {
        let listed = run(folder.path(), &["list", list]).out;
        let names = listed
            .lines()
            .filter_map(|line| line.split_whitespace().next());
        names
            .filter(|name| !name.ends_with(':'))
            .for_each(&mut expect);
    }
    assert!(missing.is_empty(), "configs/README.md lacks {missing:?}");
}

#[test]
fn every_key_of_a_report_is_explained() {
    let explained = page("configs/README.md");
    let folder = with_smoke_run();
    let commands: [&[&str]; 3] = [
        &["eval", "--importance-samples", "1,2", "--json", "-q"],
        &["doctor", "--json", "-q"],
        &["disentangle", "--json", "-q"],
    ];
    let mut missing = BTreeSet::new();
    for command in commands {
        let report: serde_json::Value =
            serde_json::from_str(run(folder.path(), command).line()).unwrap();
        for key in report.as_object().unwrap().keys() {
            let key = key.trim_end_matches("_se").trim_end_matches("_chance");
            if !explained.contains(&format!("`{key}`")) {
                missing.insert(key.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "configs/README.md lacks {missing:?}");
}

#[test]
fn architecture_table_has_the_rows_of_modules() {
    let readme = page("README.md");
    let row_in_readme = |module: &str| {
        readme.lines().find_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            let row: usize = cells.next()?.parse().ok()?;
            let mut names = cells.next()?.split('`').skip(1).step_by(2);
            names.any(|name| name == module).then_some(row)
        })
    };
    for source in sources() {
        let module = source.module();
        assert!(
            module == "lib" || row_in_readme(module).is_some(),
            "README.md: the table of rows lacks `{module}`"
        );
    }
    // The README's rows must be in the order of tests/it/tidy.rs, with each of its rows in a single
    // row.
    let rows: Vec<BTreeSet<usize>> = ROWS
        .iter()
        .map(|row| {
            row.iter()
                .filter_map(|module| row_in_readme(module))
                .collect()
        })
        .collect();
    assert!(
        rows.iter().all(|row| row.len() == 1) && rows.is_sorted_by(|above, below| above >= below),
        "README.md has these rows for those of tests/it/tidy.rs: {rows:?}"
    );
}

/// Tests the first command in the README. Its number varies by about a nat with the seed and with
/// how the processor rounds.
#[test]
fn first_command_reaches_its_number() {
    let folder = TempDir::new().unwrap();
    assert_eq!(run(folder.path(), &["train", "-q"]).line(), "runs/digits-1");
    let records = metrics(&folder.path().join("runs/digits-1"));
    let last = records
        .iter()
        .rfind(|record| record["split"] == "test")
        .unwrap();
    let elbo = last["elbo"].as_f64().unwrap();
    assert!((-95.5..-90.5).contains(&elbo), "test ELBO {elbo}");
    let doctor = run(folder.path(), &["doctor", "--json", "-q"]);
    let found: serde_json::Value = serde_json::from_str(doctor.line()).unwrap();
    assert_eq!(found["verdict"], "healthy", "{found}");
    for shown in [
        "| `digits` | built in | -92.4",
        "cargo run --release -- train",
        "cargo test --release",
    ] {
        assert!(page("README.md").contains(shown), "README.md lacks {shown}");
    }
}
