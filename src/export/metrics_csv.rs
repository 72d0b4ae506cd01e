//! `metrics.csv`: a line for each epoch, and a column for each number of each split, such as `test/elbo`.
//!
//! pandas and spreadsheets read it, and so does Trackio, which looks for the columns `step` and `timestamp`.

use std::time::{Duration, UNIX_EPOCH};

use super::scalars::scalars;
use crate::error::{Error, Result};
use crate::run::{Record, Utc};

/// Returns the table of records that have steps and times. A number that an epoch lacks, or that is not finite, is empty.
///
/// # Errors
/// Returns an error if the table cannot be written.
pub fn table(records: &[Record]) -> Result<Vec<u8>> {
    let mut columns: Vec<String> = Vec::new();
    let mut lines: Vec<(&Record, Vec<Option<f64>>)> = Vec::new();
    for epoch in records.chunk_by(|one, next| one.epoch == next.epoch) {
        let mut line = vec![None; columns.len()];
        for record in epoch {
            for (name, value) in scalars(record) {
                let name = format!("{}/{name}", record.split);
                let known = columns.iter().position(|column| *column == name);
                let column = known.unwrap_or_else(|| {
                    columns.push(name);
                    line.push(None);
                    columns.len() - 1
                });
                line[column] = Some(value).filter(|value| value.is_finite());
            }
        }
        lines.push((&epoch[0], line));
    }
    let mut csv = csv::Writer::from_writer(Vec::new());
    let head = ["step", "epoch", "timestamp"].map(str::to_owned);
    csv.write_record(head.iter().chain(&columns))
        .map_err(Error::failed)?;
    for (record, mut line) in lines {
        // A column that a later epoch has for the first time.
        line.resize(columns.len(), None);
        let seconds = Duration::try_from_secs_f64(record.timestamp.unwrap_or_default());
        let time = Utc::of(UNIX_EPOCH + seconds.unwrap_or_default()).iso_8601();
        let step = record.step.unwrap_or_default().to_string();
        let head = [step, record.epoch.to_string(), time];
        let values = line
            .into_iter()
            .map(|value| value.map(|value| value.to_string()).unwrap_or_default());
        csv.write_record(head.into_iter().chain(values))
            .map_err(Error::failed)?;
    }
    csv.into_inner().map_err(Error::failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_a_line_and_what_it_lacks_is_empty() {
        let record = |epoch: usize, split: &str, rest: &str| -> Record {
            let text = format!(
                r#"{{"epoch":{epoch},"step":{},"split":"{split}","timestamp":0.5,"loss":null,"elbo":null,"kl":null,"reconstruction":null,"seconds":2,"images_per_second":8{rest}}}"#,
                10 * epoch
            );
            serde_json::from_str(&text).unwrap()
        };
        let records = [
            record(1, "train", ""),
            record(1, "test", ""),
            record(2, "train", r#","gradient_norms":{"a,b":0.25}"#),
        ];
        let text = String::from_utf8(table(&records).unwrap()).unwrap();
        assert_eq!(
            text,
            "step,epoch,timestamp,\
             train/reconstruction,train/seconds,train/images_per_second,train/skipped_steps,\
             test/reconstruction,test/seconds,test/images_per_second,\"train/gradient_norms/a,b\"\n\
             10,1,1970-01-01T00:00:00Z,,2,8,0,,2,8,\n\
             20,2,1970-01-01T00:00:00Z,,2,8,0,,,,0.25\n"
        );
    }
}
