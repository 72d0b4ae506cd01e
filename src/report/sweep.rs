//! The table of `vae sweep`: a row for each setting, with the mean over its seeds.

mod results;
mod selection;

use serde_json::{Value, json};

pub use self::results::{RunScore, SweepResults, SweepRun, SweepSetting, TaskState};
use self::selection::Selection;
use super::comparison::{differing_parts, shortened};
use super::{Cell, Report, Table};
use crate::eval::Estimate;
use crate::words::counted;

impl SweepResults {
    pub fn report(&self) -> Report {
        let mut report = Report::new();
        let done: Vec<&SweepRun> = self.settings.iter().flat_map(SweepSetting::done).collect();
        let differ = differing_parts(&done, |run, key| run.protocol[key].clone());
        report.table(self.table(&differ));
        self.add_states(&mut report);
        report.field("protocols_differ_in", differ.clone());
        if done.is_empty() {
            return report;
        }
        report.line(
            "± is the standard error over seeds: how far the mean would move with other seeds",
        );
        if !differ.is_empty() {
            report.line(format!(
                "the settings differ in {}: their numbers are not comparable, so none of them is the best",
                differ.join(", ")
            ));
        }
        Selection::of(self, differ.is_empty()).add(&mut report);
        report
    }

    /// Returns the table, with a column for each part of the protocol in `differ`.
    fn table(&self, differ: &[&str]) -> Table {
        let mut columns = self.keys.clone();
        let named = |[key, title]: [&str; 2]| (key.to_owned(), title.to_owned());
        columns.extend(
            [
                ["tasks_done", "done"],
                ["tasks", ""],
                ["elbo", "test ELBO"],
                ["reconstruction", "test reconstruction"],
                ["best", "best"],
                ["validation_elbo", "validation ELBO"],
                ["validation_reconstruction", "validation reconstruction"],
                ["epochs", "epochs"],
            ]
            .map(named),
        );
        columns.extend(differ.iter().map(|key| named([key, &format!("! {key}")])));
        columns.push(named(["runs", ""]));
        Table {
            key: Some("settings".to_owned()),
            rows: self.settings.iter().map(|row| row.cells(differ)).collect(),
            columns,
            has_titles: true,
            ..Table::default()
        }
    }

    /// Adds how many tasks are done, and what is to be done for the others.
    fn add_states(&self, report: &mut Report) {
        let runs = || self.settings.iter().flat_map(|setting| &setting.runs);
        let count = |wanted: &str| runs().filter(|run| run.state.name() == wanted).count();
        let (all, done) = (runs().count(), count("done"));
        report.field("tasks", all);
        report.field("tasks_done", done);
        if done < all {
            let others = ["running", "begun", "not begun", "unusable"]
                .map(|name| (count(name), name))
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, name)| format!("{count} {name}"));
            let others = others.collect::<Vec<_>>().join(", ");
            let so_far = format!("{done} of {} done, {others}", counted(all, "task"));
            report.line(match done + count("unusable") < all {
                true => format!("{so_far}; go on with: {}", self.command),
                false => so_far,
            });
        }
        for run in runs() {
            if let TaskState::Unusable(reason) = &run.state {
                report.line(format!("! task {}, {}: {reason}", run.task, run.name));
            }
        }
    }
}

impl SweepSetting {
    fn cells(&self, differ: &[&str]) -> Vec<Cell> {
        let mut cells: Vec<Cell> = self
            .values
            .iter()
            .map(|value| setting_cell(value))
            .collect();
        let (done, all) = (self.done().count(), self.runs.len());
        let has_elbo = self
            .done()
            .all(|run| run.test.is_none_or(|test| test.elbo.is_some()));
        let test = |run: &SweepRun| run.test.map(|test| test.reconstruction);
        let validation = |run: &SweepRun| run.validation.map(|found| found.reconstruction);
        let without_elbo = |found: Option<Estimate>| found.filter(|_| !has_elbo);
        let epochs = self.epochs();
        cells.extend([
            Cell::Said(done.into(), format!("{done}/{all}")),
            Cell::Count(all),
            Cell::estimate(self.mean(|run| run.test?.elbo), 2),
            Cell::estimate(without_elbo(self.mean(test)), 2),
            Cell::number(self.best(), 2),
            Cell::estimate(self.mean(|run| run.validation?.elbo), 2),
            Cell::estimate(without_elbo(self.mean(validation)), 2),
            Cell::Said(json!(epochs), range(&epochs)),
        ]);
        let first = self.done().next();
        let part = |key: &&str| first.map_or(Value::Null, |run| run.protocol[*key].clone());
        cells.extend(differ.iter().map(part).map(|value| {
            let text = shortened(&value);
            Cell::Said(value, text)
        }));
        let runs = self.runs.iter().map(SweepRun::json);
        cells.push(Cell::Said(runs.collect(), String::new()));
        cells
    }
}

/// Returns the value of a setting: a number or a list for programs where it is one.
fn setting_cell(value: &str) -> Cell {
    let for_programs = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    let text = if value.is_empty() { "–" } else { value };
    Cell::Said(for_programs, text.to_owned())
}

fn range(epochs: &[usize]) -> String {
    match epochs {
        [] => "–".to_owned(),
        [one] => one.to_string(),
        [first, .., last] => format!("{first} to {last}"),
    }
}
