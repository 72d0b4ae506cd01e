//! A table of a report. This is the only module that aligns columns of text.

use super::Cell;

/// The gap between two columns.
const GAP: &str = "  ";

/// A column of a table whose rows are made from values of type `T`.
pub struct Column<T: ?Sized> {
    /// The key of the column in the JSON. The key of an estimate's standard error ends in `_se`.
    pub key: &'static str,
    /// The title; if it is empty, only the JSON has the column.
    pub title: &'static str,
    pub cell: fn(&T) -> Cell,
}

/// A table with titles and rows of cells.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The key of the list of objects in the JSON; `None` if only the text has the table.
    pub key: Option<String>,
    /// A line above the table. The table below it is indented.
    pub heading: Option<String>,
    /// The key and the title of each column.
    pub columns: Vec<(String, String)>,
    pub rows: Vec<Vec<Cell>>,
    /// The order of the rows in the text; `None` for the order of `rows`.
    pub order: Option<Vec<usize>>,
    /// The most rows in the text; `None` for all.
    pub most: Option<usize>,
    /// Whether the titles stand above the columns.
    pub has_titles: bool,
}

impl Table {
    /// Builds a table with a row for each of `items`.
    pub fn of<'a, T: 'a>(
        key: &str,
        items: impl IntoIterator<Item = &'a T>,
        columns: &[Column<T>],
    ) -> Self {
        let rows = items
            .into_iter()
            .map(|item| columns.iter().map(|column| (column.cell)(item)).collect());
        Self {
            key: Some(key.to_owned()),
            rows: rows.collect(),
            columns: columns
                .iter()
                .map(|column| (column.key.to_owned(), column.title.to_owned()))
                .collect(),
            has_titles: true,
            ..Self::default()
        }
    }

    /// Builds a list of names and descriptions. Its heading is `key` with spaces and a colon.
    pub fn names<N: Into<String>, A: Into<String>>(
        key: &str,
        names: impl IntoIterator<Item = (N, A)>,
    ) -> Self {
        Self {
            key: Some(key.to_owned()),
            heading: Some(format!("{}:", key.replace('_', " "))),
            columns: ["name", "about"]
                .map(|title| (title.to_owned(), title.to_owned()))
                .into(),
            rows: names
                .into_iter()
                .map(|(name, about)| vec![Cell::text(name), Cell::text(about)])
                .collect(),
            ..Self::default()
        }
    }

    /// Returns the text of the table. A column without any value is left out.
    pub(super) fn text(&self) -> String {
        let shown = self.shown_columns();
        let mut lines = Vec::new();
        if self.has_titles {
            let titles = shown
                .iter()
                .map(|&column| self.columns[column].1.trim().to_owned());
            lines.push(titles.collect::<Vec<_>>());
        }
        for row in self.shown_rows() {
            let cell = |&column: &usize| self.rows[row][column].render();
            lines.push(shown.iter().map(cell).collect());
        }
        let to_the_right: Vec<bool> = shown
            .iter()
            .map(|&column| self.has_numbers(column))
            .collect();
        let indent = if self.heading.is_some() { GAP } else { "" };
        let mut text = self
            .heading
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>();
        text += &aligned(&lines, &to_the_right, indent);
        match self.left_out() {
            0 => text,
            count => text + &format!("and {count} more: `--json` has all\n"),
        }
    }

    /// Returns the columns that readers see: those with a title and a value.
    pub(super) fn shown_columns(&self) -> Vec<usize> {
        let has_value = |column: &usize| {
            let mut cells = self.rows.iter().map(|row| &row[*column]);
            !self.columns[*column].1.is_empty() && !cells.all(Cell::is_missing)
        };
        (0..self.columns.len()).filter(has_value).collect()
    }

    /// Returns the rows that readers see, in their order.
    pub(super) fn shown_rows(&self) -> impl Iterator<Item = usize> {
        let order = self.order.clone();
        let order = order.unwrap_or_else(|| (0..self.rows.len()).collect());
        order.into_iter().take(self.most.unwrap_or(usize::MAX))
    }

    /// Returns the number of rows that readers do not see.
    pub(super) fn left_out(&self) -> usize {
        let most = self.most.unwrap_or(usize::MAX);
        self.rows.len().saturating_sub(most)
    }

    /// Returns whether a column is aligned to the right, as numbers are.
    pub(super) fn has_numbers(&self, column: usize) -> bool {
        self.rows.iter().any(|row| row[column].is_number())
    }
}

/// Returns `lines` with their cells aligned in columns, each as wide as its widest cell. Numbers are aligned to the
/// right.
pub(super) fn aligned(lines: &[Vec<String>], to_the_right: &[bool], indent: &str) -> String {
    let widths: Vec<usize> = (0..to_the_right.len())
        .map(|column| {
            let cells = lines.iter().map(|line| line[column].chars().count());
            cells.max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).zip(to_the_right);
        let cells = cells.map(|((cell, width), right)| {
            if *right {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        let line = cells.collect::<Vec<_>>().join(GAP);
        text += &format!("{indent}{}\n", line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::Report;
    use super::*;
    use crate::eval::Estimate;
    use serde_json::json;

    const COLUMNS: &[Column<f64>] = &[
        Column {
            key: "name",
            title: "name",
            cell: |value| Cell::Text(format!("row {value}")),
        },
        Column {
            key: "value",
            title: "value",
            cell: |value| Cell::number(*value, 1),
        },
        // A new column takes one entry, and both the text and the JSON show it.
        Column {
            key: "half",
            title: "half of it",
            cell: |value| {
                Cell::estimate(
                    Some(Estimate {
                        mean: value / 2.0,
                        se: Some(0.25),
                    }),
                    2,
                )
            },
        },
        Column {
            key: "for_programs",
            title: "",
            cell: |value| Cell::Flag(*value > 5.0),
        },
        Column {
            key: "absent",
            title: "absent",
            cell: |_| Cell::number(None, 3),
        },
    ];

    fn report(table: Table) -> Report {
        let mut report = Report::new();
        report.table(table);
        report
    }

    #[test]
    fn a_column_is_in_the_text_and_in_the_json() {
        let report = report(Table::of("rows", &[1.0, 10.0], COLUMNS));
        assert_eq!(
            report.text(),
            "name    value   half of it\nrow 1     1.0  0.50 ± 0.25\nrow 10   10.0  5.00 ± 0.25"
        );
        assert_eq!(
            report.json()["rows"][1],
            json!({
                "name": "row 10", "value": 10.0, "half": 5.0, "half_se": 0.25, "for_programs": true, "absent": null,
            })
        );
    }

    #[test]
    fn people_see_the_first_rows_in_their_order_and_programs_see_all() {
        let report = report(Table {
            most: Some(1),
            order: Some(vec![2, 0, 1]),
            ..Table::of("rows", &[1.0, 2.0, 3.0], COLUMNS)
        });
        let text = report.text();
        assert!(text.contains("row 3") && !text.contains("row 1"), "{text}");
        assert!(text.ends_with("and 2 more: `--json` has all"), "{text}");
        assert_eq!(report.json()["rows"].as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn a_list_of_names_has_a_heading_and_no_titles() {
        let table = Table::names("built_in", [("cpu", "the processor"), ("wgpu", "a GPU")]);
        let report = report(table);
        assert_eq!(
            report.text(),
            "built in:\n  cpu   the processor\n  wgpu  a GPU"
        );
        assert_eq!(report.json()["built_in"][1]["name"], "wgpu");
    }
}
