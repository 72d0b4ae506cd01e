//! A table of images: a CSV, TSV or JSONL file with a column of file names, and columns of classes and splits if there are
//! any.

use std::collections::HashMap;
use std::path::Path;

use super::arrangement::{Arrangement, Found, Layout};
use super::folder_names::split_of;
use crate::data::image_file::{ending, stem};
use crate::data::images::file_tree::FileTree;
use crate::data::images::fitting::SkippedImage;
use crate::data::images::image_source::ImageEntry;
use crate::error::{Error, Result};
use crate::words::counted;

const FILE_COLUMNS: [&str; 9] = [
    "file_name",
    "filename",
    "file",
    "image",
    "image_id",
    "path",
    "filepath",
    "image_path",
    "id",
];
const CLASS_COLUMNS: [&str; 6] = [
    "label",
    "class",
    "class_name",
    "target",
    "category",
    "labels",
];
const SPLIT_COLUMNS: [&str; 4] = ["split", "partition", "subset", "set"];

/// The row of an image.
struct TableRow {
    line: u64,
    file: String,
    class: Option<String>,
    split: Option<String>,
}

/// A table that was read.
pub struct ImageTable {
    /// The number of its file in the tree.
    file: usize,
    rows: Vec<TableRow>,
}

/// Returns the tables in the tree's uppermost folder that have a column of file names. Others hold something else.
///
/// # Errors
/// Returns an error if such a table cannot be read.
pub fn candidates(tree: &dyn FileTree) -> Result<Vec<ImageTable>> {
    let mut tables = Vec::new();
    for (file, entry) in tree.files().iter().enumerate() {
        let kind = ending(&entry.path);
        // A table in a single folder within an archive counts as well.
        if entry.path.matches('/').count() > 1
            || !["csv", "tsv", "jsonl"].contains(&kind.as_str())
            || entry.length > 256 << 20
        {
            continue;
        }
        let path = tree.full_path(file);
        let bytes = tree.read(file)?;
        let rows = match kind.as_str() {
            "jsonl" => json_rows(&path, &bytes)?,
            "tsv" => csv_rows(&path, &bytes, b'\t')?,
            _ => csv_rows(&path, &bytes, delimiter(&bytes))?,
        };
        tables.extend(rows.map(|rows| ImageTable { file, rows }));
    }
    Ok(tables)
}

/// Returns what separates the cells of a CSV file: spreadsheets of some countries write semicolons.
fn delimiter(bytes: &[u8]) -> u8 {
    let head = bytes
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    if head.contains(&b';') && !head.contains(&b',') {
        b';'
    } else {
        b','
    }
}

/// Returns a note about the tables in the uppermost folder of a tree whose images are not read from a table.
pub fn unused(tree: &dyn FileTree) -> Option<String> {
    let names: Vec<&str> = tree
        .files()
        .iter()
        .map(|entry| entry.path.as_str())
        .filter(|path| {
            path.matches('/').count() <= 1
                && ["csv", "tsv", "jsonl"].contains(&ending(path).as_str())
        })
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "{}: not used, for it has no column of file names called one of {}",
            names.join(", "),
            FILE_COLUMNS.join(", ")
        )
    })
}

fn column(names: &[String], wanted: &[&str]) -> Option<usize> {
    wanted.iter().find_map(|wanted| {
        names
            .iter()
            .position(|name| name.trim().to_lowercase() == *wanted)
    })
}

fn csv_rows(path: &Path, bytes: &[u8], delimiter: u8) -> Result<Option<Vec<TableRow>>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(bytes);
    let broken = |error: csv::Error| Error::file(path, format!("cannot be read as CSV: {error}"));
    let names: Vec<String> = match reader.headers() {
        Ok(names) => names.iter().map(str::to_owned).collect(),
        // Without a head it is no table of ours.
        Err(_) => return Ok(None),
    };
    let Some(file) = column(&names, &FILE_COLUMNS) else {
        return Ok(None);
    };
    let (class, split) = (
        column(&names, &CLASS_COLUMNS),
        column(&names, &SPLIT_COLUMNS),
    );
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let cell = |column: Option<usize>| {
            column
                .and_then(|column| record.get(column))
                .map(|cell| cell.trim().to_owned())
                .filter(|cell| !cell.is_empty())
        };
        rows.push(TableRow {
            line: record.position().map_or(0, csv::Position::line),
            file: cell(Some(file)).unwrap_or_default(),
            class: cell(class),
            split: cell(split),
        });
    }
    Ok(Some(rows))
}

fn json_rows(path: &Path, bytes: &[u8]) -> Result<Option<Vec<TableRow>>> {
    let mut rows = Vec::new();
    let lines = bytes.split(|&byte| byte == b'\n');
    for (line, text) in (1_u64..).zip(lines) {
        if text.trim_ascii().is_empty() {
            continue;
        }
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(text)
            .map_err(|error| {
                Error::file(
                    path,
                    format!("line {line}: expected a JSON object: {error}"),
                )
            })?;
        let names: Vec<String> = object.keys().cloned().collect();
        let cell = |wanted: &[&str]| {
            let value = &object[&names[column(&names, wanted)?]];
            match value {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            }
        };
        let Some(file) = cell(&FILE_COLUMNS) else {
            if rows.is_empty() {
                return Ok(None);
            }
            return Err(Error::file(path, format!("line {line}: it names no file")));
        };
        rows.push(TableRow {
            line,
            file,
            class: cell(&CLASS_COLUMNS),
            split: cell(&SPLIT_COLUMNS),
        });
    }
    Ok((!rows.is_empty()).then_some(rows))
}

/// Returns the images that the one table of a tree names, in its order.
///
/// # Errors
/// Returns an error if there is no table or more than one, or if a row names no image of the tree; the message has the
/// line.
pub fn arrange(
    tree: &dyn FileTree,
    tables: &[ImageTable],
    images: &[Found],
    skips_missing: bool,
) -> Result<Arrangement> {
    let [table] = tables else {
        let names: Vec<&str> = tables
            .iter()
            .map(|table| tree.files()[table.file].path.as_str())
            .collect();
        let columns = FILE_COLUMNS.join(", ");
        return Err(match names.is_empty() {
            true => Error::file(
                tree.root(),
                "layout is \"table\", and there is no CSV or JSONL file with a column of file names",
            )
            .with_hint(format!("such a column is called one of {columns}")),
            false => Error::file(tree.root(), format!("more than one table of images: {}", names.join(", ")))
                .with_hint("join them to one, with a column `split`; or set `layout = \"flat\"` to read none of them"),
        });
    };
    let path = tree.full_path(table.file);
    let table_name = &tree.files()[table.file].path;
    let base = table_name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let places = Places::new(tree, images);
    let mut entries = Vec::new();
    let (mut files, mut missing) = (Vec::new(), Vec::new());
    for row in &table.rows {
        let at = |what: String| Error::file(&path, format!("line {}: {what}", row.line));
        let file = match places.find(base, &row.file) {
            Ok(file) => file,
            Err(what) if skips_missing => {
                missing.push(SkippedImage {
                    name: row.file.clone(),
                    reason: format!("{table_name}, line {}: {what}", row.line),
                });
                continue;
            }
            Err(what) => {
                return Err(at(what).with_hint(
                    "a row names an image below the table's own folder: cats/1.png, 1.png or 1; `--set data.images.broken=skip` leaves such rows out",
                ));
            }
        };
        let split = match &row.split {
            None => None,
            Some(cell) => Some(split_of(cell).ok_or_else(|| {
                at(format!(
                    "the split is `{cell}`; expected train, validation or test"
                ))
            })?),
        };
        files.push(file);
        entries.push(ImageEntry {
            name: tree.files()[file].path.clone(),
            split,
            class: row.class.clone(),
        });
    }
    let unnamed = images.len() - {
        let mut named = files.clone();
        named.sort_unstable();
        named.dedup();
        if named.len() < files.len() {
            return Err(Error::file(&path, "an image is named by two rows")
                .with_hint("leave one row for each image"));
        }
        named.len()
    };
    let mut notes = Vec::new();
    if unnamed > 0 {
        notes.push(format!(
            "{} left out, for {table_name} does not name them",
            counted(unnamed, "image")
        ));
    }
    Ok(Arrangement {
        layout: Layout::Table,
        entries,
        files,
        has_defects: false,
        missing,
        notes,
    })
}

/// The images of a tree by their paths, their names, and their names without an ending.
struct Places<'a> {
    by_path: HashMap<&'a str, usize>,
    /// `None` for a name that several images have.
    by_name: HashMap<&'a str, Option<usize>>,
}

impl<'a> Places<'a> {
    fn new(tree: &'a dyn FileTree, images: &[Found<'a>]) -> Self {
        let mut by_path = HashMap::new();
        let mut by_name: HashMap<&str, Option<usize>> = HashMap::new();
        for found in images {
            let path = tree.files()[found.file].path.as_str();
            by_path.insert(path, found.file);
            let name = path.rsplit('/').next().unwrap_or(path);
            for name in [name, stem(path)] {
                by_name
                    .entry(name)
                    .and_modify(|file| {
                        if *file != Some(found.file) {
                            *file = None;
                        }
                    })
                    .or_insert(Some(found.file));
            }
        }
        Self { by_path, by_name }
    }

    fn find(&self, base: &str, name: &str) -> Result<usize, String> {
        let name = name.replace('\\', "/");
        let name = name.trim_start_matches("./");
        let below = if base.is_empty() {
            name.to_owned()
        } else {
            format!("{base}/{name}")
        };
        if let Some(&file) = self.by_path.get(below.as_str()) {
            return Ok(file);
        }
        match self.by_name.get(name) {
            Some(Some(file)) => Ok(*file),
            Some(None) => Err(format!("`{name}` is the name of several images")),
            None => Err(format!("there is no image `{name}`")),
        }
    }
}
