//! Results as values. A [`Report`] holds numbers with their errors, tables, fields and sentences. [`Report::text`]
//! renders it for readers, [`Report::json`] renders it for programs, and [`Report::html`] renders it for a page.
//!
//! The content of a report is listed once: another number is another [`Measure`], another column of a table is another
//! [`Column`], and all renderers show it.

pub mod anomalies;
pub mod architecture;
mod cell;
pub mod comparison;
pub mod diagnosis;
pub mod disentanglement;
pub mod evaluation;
mod html;
mod json;
pub mod page;
mod provenance;
pub mod runs;
pub mod sample_quality;
mod short_number;
pub mod sweep;
mod table;
mod text;

use serde_json::Value;

use crate::eval::Estimate;

pub use cell::Cell;
pub use provenance::{KNOWN_IMAGES, NEW_IMAGES, Provenance};
pub use short_number::{byte_size, short_count};
pub use table::{Column, Table};

/// The findings of a command, in reading order.
#[derive(Clone, Debug, Default)]
pub struct Report {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
enum Entry {
    /// A number on a line of its own.
    Row(Row),
    Table(Table),
    /// A value in the JSON alone. The text states it in a sentence, or leaves it out.
    Field(String, Value),
    /// A sentence in the text alone. The JSON has fields instead.
    Line(String),
}

/// A part of a report for readers. Numbers that follow each other are one part, so that they stand in columns.
enum ReportBlock<'a> {
    Rows(Vec<&'a Row>),
    Table(&'a Table),
    Line(&'a str),
}

#[derive(Clone, Debug)]
struct Row {
    /// The key in the JSON; `None` if the number has its place in a table or a field.
    key: Option<String>,
    title: String,
    cell: Cell,
    /// The unit and the meaning of the number.
    remark: String,
}

/// A number that every report on a `T` states.
pub struct Measure<T: ?Sized> {
    /// The key in the JSON. The key of the standard error ends in `_se`.
    pub key: &'static str,
    pub title: &'static str,
    /// The number of digits after the point in the text.
    pub digits: usize,
    /// The number, or `None` if it is not defined or was not asked for.
    pub value: fn(&T) -> Option<Estimate>,
    /// The unit and the meaning of the number.
    pub remark: fn(&T) -> String,
    /// Whether the text shows the number even if it is `None`.
    pub always: bool,
}

impl Report {
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns what readers see, in reading order.
    fn blocks(&self) -> Vec<ReportBlock<'_>> {
        let mut blocks = Vec::new();
        for entry in &self.entries {
            match entry {
                Entry::Row(row) => match blocks.last_mut() {
                    Some(ReportBlock::Rows(rows)) => rows.push(row),
                    _ => blocks.push(ReportBlock::Rows(vec![row])),
                },
                Entry::Field(..) => {}
                Entry::Table(table) => blocks.push(ReportBlock::Table(table)),
                Entry::Line(line) => blocks.push(ReportBlock::Line(line)),
            }
        }
        blocks
    }

    /// Appends each of the `measures` of `subject`.
    pub fn measures<T: ?Sized>(&mut self, measures: &[Measure<T>], subject: &T) {
        for measure in measures {
            let cell = Cell::estimate((measure.value)(subject), measure.digits);
            if !cell.is_missing() {
                let remark = (measure.remark)(subject);
                self.row(measure.key, measure.title, cell, remark);
            } else if measure.always {
                self.row(measure.key, measure.title, cell, "");
            } else {
                cell.fields(measure.key, &mut |key, value| self.field(key, value));
            }
        }
    }

    /// Appends a number, or another value, on a line of its own.
    pub fn row(&mut self, key: &str, title: &str, cell: Cell, remark: impl Into<String>) {
        self.push_row(Some(key), title, cell, remark.into());
    }

    /// Appends a line to the text alone. The JSON has its content under other keys.
    pub fn text_row(&mut self, title: &str, cell: Cell, remark: impl Into<String>) {
        self.push_row(None, title, cell, remark.into());
    }

    fn push_row(&mut self, key: Option<&str>, title: &str, cell: Cell, remark: String) {
        self.entries.push(Entry::Row(Row {
            key: key.map(str::to_owned),
            title: title.to_owned(),
            cell,
            remark,
        }));
    }

    pub fn table(&mut self, table: Table) {
        self.entries.push(Entry::Table(table));
    }

    /// Appends a value to the JSON alone.
    pub fn field(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        self.entries.push(Entry::Field(key.into(), value.into()));
    }

    /// Appends a sentence to the text alone.
    pub fn line(&mut self, text: impl Into<String>) {
        self.entries.push(Entry::Line(text.into()));
    }
}
