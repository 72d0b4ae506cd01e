//! Checks how the code is written: short files, one meaning for each name, and plain sentences.

use std::collections::BTreeMap;
use std::fs;

use super::hold;
use super::source::{files_below, root, sources, words};

/// The largest number of lines of a file in `src/` and in `tests/it/`.
const LONGEST_FILES: [(&str, usize); 2] = [("src", 400), ("tests/it", 800)];

/// The largest median number of lines of the files in `src/`, without their unit tests.
const LONGEST_MEDIAN: usize = 100;

fn is_doc(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("///") || line.starts_with("//!")
}

#[test]
fn files_are_short() {
    let (mut long, mut lengths) = (Vec::new(), Vec::new());
    for (folder, longest) in LONGEST_FILES {
        let mut paths = Vec::new();
        files_below(&root().join(folder), &mut paths);
        for path in paths
            .iter()
            .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        {
            let text = fs::read_to_string(path).unwrap();
            let lines = text.lines().count();
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
            if folder == "src" {
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                lengths.push(code.lines().count());
            }
            if lines > longest {
                long.push(format!("{name}: {lines} lines; at most {longest}"));
            }
        }
    }
    hold("files that are too long", long);
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(
        median <= LONGEST_MEDIAN,
        "the median file of src/ has {median} lines; at most {LONGEST_MEDIAN}"
    );
}

#[test]
fn a_type_has_a_name_of_its_own() {
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources() {
        for line in source.code.lines() {
            let item = line
                .trim_start_matches("pub(crate) ")
                .trim_start_matches("pub(super) ");
            let item = item.trim_start_matches("pub ");
            let Some((kind, rest)) = item.split_once(' ') else {
                continue;
            };
            if !line.starts_with(' ')
                && ["struct", "enum", "trait", "union", "type"].contains(&kind)
            {
                let (_, name) = words(rest).next().unwrap();
                files
                    .entry(name.to_owned())
                    .or_default()
                    .push(source.name.clone());
            }
        }
    }
    let shared = files.into_iter().filter(|(_, files)| files.len() > 1);
    hold(
        "names that several types have",
        shared
            .map(|(name, files)| format!("{name}: {}", files.join(", ")))
            .collect(),
    );
}

#[test]
fn an_image_is_called_an_image() {
    let mut wrong = Vec::new();
    for source in sources() {
        let named = words(&source.text)
            .filter(|(_, word)| ["picture", "pictures"].contains(&&*word.to_lowercase()));
        wrong.extend(named.map(|(line, word)| format!("src/{}:{line}: {word}", source.name)));
    }
    hold("`picture` for `image`", wrong);
}

/// A doc comment starts with a verb or a noun; sentences that start with "Of" or "What" are
/// inverted.
#[test]
fn doc_comments_start_with_a_verb_or_a_noun() {
    let mut wrong = Vec::new();
    for source in sources() {
        let mut before = "";
        for (number, line) in source.text.lines().enumerate() {
            let text = line
                .trim_start()
                .trim_start_matches(['/', '!'])
                .trim_start();
            if is_doc(line)
                && !is_doc(before)
                && ["Of ", "What "].iter().any(|start| text.starts_with(start))
            {
                wrong.push(format!("src/{}:{}: {text}", source.name, number + 1));
            }
            before = line;
        }
    }
    hold("doc comments that start with `Of` or `What`", wrong);
}

#[test]
fn every_file_says_what_it_is() {
    let silent = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//!"));
    hold(
        "files whose first line is not `//!`",
        silent.map(|source| source.name).collect(),
    );
}
