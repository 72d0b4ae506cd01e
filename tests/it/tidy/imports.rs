//! Finds which file imports which, through `crate::`, chains of `super::` and re-exports.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;

/// For each file of `src/`, the other files that it imports from, by name.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// A path such as `crate::ops::Window`, from the root and without `crate`.
type Path = Vec<String>;

/// The modules of the program by their paths.
struct Modules<'a> {
    files: BTreeMap<Path, &'a Source>,
    /// The re-exports of each file: the public name and the path behind it.
    re_exports: BTreeMap<&'a str, Vec<(String, Path)>>,
}

/// Returns the imports between the files of `sources`.
pub fn imports(sources: &[Source]) -> Graph {
    let module = |source: &Source| -> Path {
        match source.name.as_str() {
            "lib.rs" => Vec::new(),
            _ => source.path().into_iter().map(str::to_owned).collect(),
        }
    };
    let mut modules = Modules {
        files: sources
            .iter()
            .map(|source| (module(source), source))
            .collect(),
        re_exports: BTreeMap::new(),
    };
    let read: Vec<(&Source, Vec<Statement>)> = sources
        .iter()
        .map(|source| (source, statements(&source.code)))
        .collect();
    for (source, statements) in &read {
        let public = statements.iter().filter(|statement| statement.public);
        let found = public
            .flat_map(|statement| &statement.paths)
            .filter_map(|path| {
                Some((
                    path.last()?.clone(),
                    modules.path_from_root(&module(source), path)?,
                ))
            });
        let found = found.collect();
        modules.re_exports.insert(&source.name, found);
    }
    let imported = |source: &Source, statements: &[Statement]| -> BTreeSet<String> {
        let own = module(source);
        statements
            .iter()
            .filter(|statement| !statement.public)
            .flat_map(|statement| &statement.paths)
            .filter_map(|path| modules.path_from_root(&own, path))
            .filter_map(|path| modules.file(&path, 0))
            .filter(|name| *name != source.name)
            .collect()
    };
    read.iter()
        .map(|(source, statements)| (source.name.clone(), imported(source, statements)))
        .collect()
}

/// Returns the groups of files that import each other in a circle.
pub fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reach: BTreeMap<&str, BTreeSet<&str>> = graph
        .keys()
        .map(|file| {
            let mut found = BTreeSet::new();
            let mut next = vec![file.as_str()];
            while let Some(file) = next.pop() {
                let imports = graph.get(file).into_iter().flatten();
                next.extend(
                    imports
                        .map(String::as_str)
                        .filter(|import| found.insert(*import)),
                );
            }
            (file.as_str(), found)
        })
        .collect();
    let circle = |file: &str| -> BTreeSet<String> {
        let back = |other: &&&str| reach.get(**other).is_some_and(|reach| reach.contains(file));
        reach[file]
            .iter()
            .filter(back)
            .map(|other| (*other).to_owned())
            .collect()
    };
    let circles: BTreeSet<BTreeSet<String>> = graph.keys().map(|file| circle(file)).collect();
    circles
        .into_iter()
        .filter(|circle| !circle.is_empty())
        .collect()
}

impl Modules<'_> {
    /// Returns a path from the root, or `None` for one that leads out of the program.
    fn path_from_root(&self, own: &[String], path: &[String]) -> Option<Path> {
        let climbs = path.iter().take_while(|part| *part == "super").count();
        let (start, rest) = match path.first()?.as_str() {
            "crate" | "vae" => (Vec::new(), &path[1..]),
            "self" => (own.to_vec(), &path[1..]),
            "super" => (
                own[..own.len().checked_sub(climbs)?].to_vec(),
                &path[climbs..],
            ),
            child => {
                let child = [own, &[child.to_owned()]].concat();
                self.files
                    .contains_key(&child)
                    .then(|| (own.to_vec(), path))?
            }
        };
        Some([&start, rest].concat())
    }

    /// Returns the file that defines the item of a path, behind re-exports.
    fn file(&self, path: &[String], depth: usize) -> Option<String> {
        let length = (0..=path.len())
            .rev()
            .find(|&length| self.files.contains_key(&path[..length]))?;
        let source = self.files[&path[..length]];
        let re_exported = path.get(length).and_then(|item| {
            let found = self.re_exports.get(source.name.as_str())?;
            found
                .iter()
                .find(|(name, _)| name == item || name == "*" && depth < 8)
        });
        match re_exported {
            Some((name, target)) if depth < 8 => {
                let target = if name == "*" {
                    &target[..target.len() - 1]
                } else {
                    &target[..]
                };
                self.file(&[target, &path[length + 1..]].concat(), depth + 1)
            }
            _ => (length > 0).then(|| source.name.clone()),
        }
    }
}

/// The paths of one `use` statement, or a path in the code.
#[derive(Debug, PartialEq)]
struct Statement {
    /// Whether it is a `pub use`.
    public: bool,
    paths: Vec<Path>,
}

fn statements(code: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut rest = code;
    while !rest.is_empty() {
        let line = rest.lines().next().unwrap_or_default();
        let start = line.trim_start();
        let public = start.starts_with("pub") && start.contains(" use ");
        let is_use = start.starts_with("use ")
            || public && start.find(" use ") < start.find('{').or(Some(usize::MAX));
        if is_use {
            let end = rest.find(';').unwrap_or(rest.len());
            let text = rest[..end].split_once("use ").map_or("", |(_, text)| text);
            let tree: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
            found.push(Statement {
                public,
                paths: flatten(&[], &tree),
            });
            rest = &rest[end..];
            rest = rest.strip_prefix(';').unwrap_or(rest);
        } else {
            let paths = inline_paths(line);
            if !paths.is_empty() {
                found.push(Statement {
                    public: false,
                    paths,
                });
            }
            rest = rest[line.len()..].strip_prefix('\n').unwrap_or("");
        }
    }
    found
}

/// Returns the paths of a use tree: `a::{b, c::{d, self}}` -> `a::b`, `a::c::d`, `a::c`.
fn flatten(prefix: &[String], tree: &str) -> Vec<Path> {
    let tree = tree.trim().trim_start_matches("::");
    let tree = tree
        .split(" as ")
        .next()
        .filter(|_| !tree.contains('{'))
        .unwrap_or(tree);
    if tree.is_empty() {
        return Vec::new();
    }
    let Some((before, group)) = tree.split_once('{') else {
        let parts = tree.split("::").map(|part| part.trim().to_owned());
        let mut path: Path = prefix.iter().cloned().chain(parts).collect();
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        return vec![path];
    };
    let parts = before
        .split("::")
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let prefix: Path = prefix
        .iter()
        .cloned()
        .chain(parts.map(str::to_owned))
        .collect();
    let (mut depth, mut start, mut paths) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                paths.extend(flatten(&prefix, &group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                paths.extend(flatten(&prefix, &group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    paths
}

/// Returns the paths with `::` in a line of code.
fn inline_paths(line: &str) -> Vec<Path> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    line.split(|c: char| !is_part(c))
        .filter(|text| text.contains("::"))
        .map(|text| {
            let parts = text
                .split("::")
                .map(|part| part.trim_matches(':').to_owned());
            parts.filter(|part| !part.is_empty()).collect::<Path>()
        })
        .filter(|path| path.len() > 1)
        .collect()
}

#[test]
fn imports_are_found_behind_super_and_re_exports() {
    let source = |name: &str, code: &str| Source {
        name: name.into(),
        text: String::new(),
        code: code.into(),
    };
    let graph = imports(&[
        source("lib.rs", "pub mod a;"),
        source(
            "a/mod.rs",
            "mod b;\nmod c;\npub use b::{B, d::D as E};\nuse c::C;\npub struct A;",
        ),
        source(
            "a/b.rs",
            "use super::{A, c::{self, C}};\nfn f() { crate::x::g(c::h()) }",
        ),
        source("a/c.rs", "use super::B;\nuse std::fmt::{self, Display};"),
        source("x.rs", "use crate::a::{A,\n    B};"),
    ]);
    let of = |name: &str| graph[name].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(of("a/mod.rs"), ["a/c.rs"]);
    assert_eq!(of("a/b.rs"), ["a/c.rs", "a/mod.rs", "x.rs"]);
    assert_eq!(of("a/c.rs"), ["a/b.rs"]);
    assert_eq!(of("x.rs"), ["a/b.rs", "a/mod.rs"]);
    let circle = ["a/b.rs", "a/c.rs", "a/mod.rs", "x.rs"].map(str::to_owned);
    assert_eq!(circles(&graph), [BTreeSet::from(circle)]);
}
