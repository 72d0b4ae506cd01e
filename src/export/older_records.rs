//! The steps and times that older versions did not write into their records.

use crate::run::Record;

/// Returns the number of training steps in an epoch, as the records tell it, or `None` if none of them has a step.
pub fn steps_per_epoch(records: &[Record]) -> Option<u64> {
    let known = |record: &Record| Some(record.step? / (record.epoch as u64).max(1));
    records.iter().find_map(known)
}

/// Fills in what the records lack: the step, by the number of steps in an epoch, and the time, in seconds since 1970.
pub fn complete(records: &mut [Record], steps_per_epoch: u64, time: f64) {
    for record in records {
        let step = record.epoch as u64 * steps_per_epoch;
        record.step.get_or_insert(step);
        record.timestamp.get_or_insert(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Record {
        let rest = r#""split":"test","reconstruction":1,"seconds":1,"images_per_second":1"#;
        serde_json::from_str(&format!("{{{text},{rest}}}")).unwrap()
    }

    #[test]
    fn a_run_that_a_newer_version_went_on_with_tells_the_steps_of_its_older_records() {
        let mut records = [
            record(r#""epoch":2"#),
            record(r#""epoch":3,"step":30,"timestamp":9.5"#),
        ];
        assert_eq!(steps_per_epoch(&records[..1]), None);
        let steps = steps_per_epoch(&records).unwrap();
        complete(&mut records, steps, 7.0);
        let known = records.map(|record| (record.step, record.timestamp));
        assert_eq!(known, [(Some(20), Some(7.0)), (Some(30), Some(9.5))]);
    }
}
