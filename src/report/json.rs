//! The JSON of a report.

use serde_json::{Map, Value};

use super::{Entry, Report, Table};

impl Report {
    /// Returns the report as one JSON object.
    pub fn json(&self) -> Value {
        let mut object = Map::new();
        for entry in &self.entries {
            match entry {
                Entry::Row(row) => {
                    if let Some(key) = &row.key {
                        row.cell.fields(key, &mut |key, value| {
                            object.insert(key, value);
                        });
                    }
                }
                Entry::Table(table) => {
                    if let Some(key) = &table.key {
                        object.insert(key.clone(), table.json());
                    }
                }
                Entry::Field(key, value) => {
                    object.insert(key.clone(), value.clone());
                }
                Entry::Line(_) => {}
            }
        }
        object.into()
    }
}

impl Table {
    /// Returns the rows as a list of objects.
    fn json(&self) -> Value {
        let object = |row: &Vec<super::Cell>| {
            let mut object = Map::new();
            for (cell, (key, _)) in row.iter().zip(&self.columns) {
                cell.fields(key, &mut |key, value| {
                    object.insert(key, value);
                });
            }
            Value::from(object)
        };
        self.rows.iter().map(object).collect()
    }
}
