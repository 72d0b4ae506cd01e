//! Reads the source as text, and separates code from comments, strings and tests.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of `src/`.
pub struct Source {
    /// The path below `src/`, with `/`.
    pub name: String,
    pub text: String,
    /// The text without comments, the contents of strings, and test modules; it has as many lines
    /// as `text`.
    pub code: String,
}

impl Source {
    /// Returns the path of the module: `["train", "step"]` of `train/step.rs`, `["train"]` of `train/mod.rs`.
    pub fn path(&self) -> Vec<&str> {
        self.name
            .trim_end_matches(".rs")
            .trim_end_matches("/mod")
            .split('/')
            .collect()
    }

    /// Returns the name of the module directly below `src/` that the file belongs to.
    pub fn module(&self) -> &str {
        self.path()[0]
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found)
        } else {
            found.push(path)
        }
    }
}

/// Returns the files of the program, except files named `tests.rs`, which are test modules.
pub fn sources() -> Vec<Source> {
    let folder = root().join("src");
    let mut paths = Vec::new();
    files_below(&folder, &mut paths);
    paths.sort();
    let source = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let parts: Vec<_> = path
            .strip_prefix(&folder)
            .unwrap()
            .iter()
            .map(|part| part.to_str().unwrap())
            .collect();
        Source {
            name: parts.join("/"),
            code: without_tests(&without_words(&text)),
            text,
        }
    };
    paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .filter(|path| path.file_name().is_some_and(|name| name != "tests.rs"))
        .map(source)
        .collect()
}

/// Returns `text` without comments and without the contents of strings and characters.
fn without_words(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let raw = rest
            .strip_prefix('r')
            .map(|after| after.trim_start_matches('#'));
        let in_word = code.ends_with(|last: char| last.is_alphanumeric() && last != 'b');
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(after) = raw.filter(|after| after.starts_with('"') && !in_word) {
            let hashes = rest.len() - after.len() - 1;
            let end = format!("\"{}", "#".repeat(hashes));
            let start = rest.len() - after.len() + 1;
            rest[start..]
                .find(&end)
                .map_or(rest.len(), |found| start + found + end.len())
        } else if c == '"' {
            closing(rest, '"')
        } else if c == '\'' && (rest.starts_with("'\\") || rest.chars().nth(2) == Some('\'')) {
            closing(rest, '\'')
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        let (skipped, after) = rest.split_at(length);
        if c != '/' {
            code.push_str("\"\"");
        }
        code.extend(skipped.matches('\n'));
        rest = after;
    }
    code
}

/// Returns the length of the literal that `text` starts with, including its quotes.
fn closing(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Returns `code` with each item under `#[cfg(test)]` left empty.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        let (before, item) = rest.split_at(at);
        kept.push_str(before);
        let mut depth = 0;
        let end = item.char_indices().find_map(|(at, c)| {
            depth += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            (depth == 0 && matches!(c, '}' | ';')).then_some(at + 1)
        });
        let (item, after) = item.split_at(end.unwrap_or(item.len()));
        kept.extend(item.matches('\n'));
        rest = after;
    }
    kept + rest
}

/// Returns the words of `code` with their line numbers.
pub fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = |(number, line)| (number + 1, line);
    code.lines()
        .enumerate()
        .map(numbered)
        .flat_map(|(number, line): (usize, &str)| {
            let between = |c: char| !c.is_alphanumeric() && c != '_';
            line.split(between)
                .filter(|word| !word.is_empty())
                .map(move |word| (number, word))
        })
}

#[test]
fn the_reader_of_source_sees_code_only() {
    let code = without_words(
        "a // crate::x\nb \"crate::y \\\" }\" c /* { \n */ 'd' '\\'' <'e> r#\"f\"g\"# bar\"h\"",
    );
    assert_eq!(code, "a \nb \"\" c \n \"\" \"\" <'e> \"\" bar\"\"");
    assert_eq!(
        without_tests("a;\n#[cfg(test)]\nmod tests {\n    fn f() {}\n}\nb"),
        "a;\n\n\n\n\nb"
    );
}
