//! `metrics.jsonl`: one record for each epoch and split.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use super::{Change, RunFolder};
use crate::check::is_default;
use crate::error::{Error, Result, shell_word};
use crate::files::{self, unreadable, unwritable};
use crate::words::counted;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    /// "train" (running means while the weights change), "test" or "validation".
    pub split: String,
    /// The number of training steps since the start; `None` in records that older versions wrote, as `timestamp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// The time of the measurement, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<f64>,
    /// The minimised loss, with the weights of the terms at the end of the epoch (for "train": of each step). `None` if
    /// it is not a function of a split's means.
    pub loss: Option<f64>,
    /// The ELBO, -(reconstruction + KL), in nats per image; `None` for an autoencoder.
    pub elbo: Option<f64>,
    /// The standard error of `elbo` over images; `None` for "train", whose weights change meanwhile, and for a single
    /// image, which has no standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elbo_se: Option<f64>,
    #[serde(deserialize_with = "number")]
    pub reconstruction: f64,
    pub kl: Option<f64>,
    /// The seconds of training or measuring, without figures and saving.
    #[serde(deserialize_with = "number")]
    pub seconds: f64,
    #[serde(deserialize_with = "number")]
    pub images_per_second: f64,
    /// The learning rate of the epoch's last step, for "train"; `None` in records that older versions wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// The Euclidean norm of each layer's gradient before it is clipped, for "train": the mean over the epoch's first
    /// step and every 50th after it. Empty in records that older versions wrote.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gradient_norms: BTreeMap<String, f64>,
    /// The steps of the epoch that were skipped because of their gradient's norm, for "train".
    #[serde(default, skip_serializing_if = "is_default")]
    pub skipped_steps: u64,
    /// The values that were changed in this epoch or right before it, for "train"; see `vae train --help`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

impl Record {
    /// Returns the number that is larger for the better of two models: the ELBO, or the negative reconstruction term of
    /// an autoencoder.
    pub fn score(&self) -> f64 {
        self.elbo.unwrap_or(-self.reconstruction)
    }
}

/// Returns the validation record with the best score, the first one of equals; `None` if there is none.
pub fn best_validation(records: &[Record]) -> Option<&Record> {
    records
        .iter()
        .filter(|record| record.split == "validation")
        .reduce(|best, record| {
            if record.score() > best.score() {
                record
            } else {
                best
            }
        })
}

/// Reads null as NaN: JSON has no infinity and no NaN, so both are written as null.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(from)?.unwrap_or(f64::NAN))
}

/// The open file of a run in training, and all its records.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    file: File,
    /// The length of the file in bytes.
    length: u64,
    records: Vec<Record>,
}

impl Metrics {
    /// Opens the file and truncates it to the first `length` bytes, which removes the records that a killed run wrote
    /// after its last saved state, of `epochs` finished epochs. If the file is missing or empty, a new one is begun.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written to, or in the cases of [`kept_records`]; it is unchanged then.
    pub fn open(path: &Path, length: u64, epochs: usize) -> Result<Self> {
        let records = kept_records(path, length, epochs)?;
        let length = if records.is_empty() { 0 } else { length };
        let fail = |error| unwritable(path, &error);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(fail)?;
        file.set_len(length).map_err(fail)?;
        file.seek(SeekFrom::End(0)).map_err(fail)?;
        Ok(Self {
            path: path.to_path_buf(),
            file,
            length,
            records,
        })
    }

    /// Returns the length of the file in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns the records of all epochs so far.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    pub fn into_records(self) -> Vec<Record> {
        self.records
    }

    /// Checks that the file, and with it the run's folder, is still where it was opened. What is written to a file that
    /// was removed is lost.
    ///
    /// # Errors
    /// Returns an error if the file was removed, moved or replaced.
    pub fn check_there(&self) -> Result<()> {
        if files::is_at(&self.file, &self.path) {
            return Ok(());
        }
        let folder = RunFolder::of_file(&self.path);
        if !folder.is_there() {
            return Err(folder.removed());
        }
        let path = self.path.display();
        Err(Error::failed(format!(
            "{path}: this file was removed or replaced while the run was trained"
        ))
        .with_hint(format!(
            "go on from the last saved state: vae train --resume {}",
            shell_word(&folder.path)
        )))
    }

    /// Appends a line for each record, and returns the new length of the file in bytes.
    pub fn append(&mut self, records: Vec<Record>) -> Result<u64> {
        let mut lines = String::new();
        for record in &records {
            lines += &serde_json::to_string(record).map_err(Error::failed)?;
            lines.push('\n');
        }
        let written = (|| {
            self.file.write_all(lines.as_bytes())?;
            self.file.sync_data()?;
            self.file.stream_position()
        })();
        self.length = written.map_err(|error| unwritable(&self.path, &error))?;
        self.records.extend(records);
        Ok(self.length)
    }
}

/// Reads the records that belong to a saved state of `epochs` finished epochs: the first `length` bytes of the file.
/// There are none if the file is missing or empty.
///
/// # Errors
/// Returns an error if the file and the state are not of one moment of one run: if the file is shorter, holds anything
/// other than records of these epochs, or goes on for more than the one epoch that a killed run may not have saved.
pub fn kept_records(path: &Path, length: u64, epochs: usize) -> Result<Vec<Record>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(unreadable(path, &error)),
    };
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let fail = |what: String| {
        Error::file(path, what).with_hint(format!(
            "copy this file and state.safetensors of one moment of the run again, or move this file away to go on without these records: mv {} {}",
            shell_word(path),
            shell_word(path.with_extension("old"))
        ))
    };
    let Some((kept, later)) = bytes.split_at_checked(length as usize) else {
        return Err(fail(format!(
            "has {} bytes; the saved state was written after {length}",
            bytes.len()
        )));
    };
    let records = parse(kept).map_err(&fail)?;
    if let Some(last) = records.last().filter(|record| record.epoch != epochs) {
        return Err(fail(format!(
            "its first {length} bytes are the records of {}; the saved state has done {epochs}",
            counted(last.epoch, "epoch")
        )));
    }
    // A killed run may have left half a line at the end.
    let later = String::from_utf8_lossy(later).into_owned();
    let later = later
        .lines()
        .filter_map(|line| serde_json::from_str::<Record>(line).ok());
    match later.map(|record| record.epoch).max() {
        Some(newest) if newest > epochs + 1 => Err(fail(format!(
            "has records of {}; the saved state is older, and has done {epochs}",
            counted(newest, "epoch")
        ))),
        _ => Ok(records),
    }
}

/// Reads the records of a run, in order.
pub fn read_metrics(path: &Path) -> Result<Vec<Record>> {
    parse_metrics(path, &files::read(path)?)
}

/// Reads the records of a run that may be in training, or was killed: a line without an end does not count.
///
/// # Errors
/// Returns an error if the file cannot be read, or if a whole line is not a record.
pub fn read_whole_records(path: &Path) -> Result<Vec<Record>> {
    let bytes = files::read(path)?;
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    parse_metrics(path, &bytes[..end.map_or(0, |end| end + 1)])
}

/// Returns the record of a split for the epoch of a run's model: the last one or, if `is_best`, the one with the best
/// validation score.
pub fn record_of_model<'a>(
    records: &'a [Record],
    split: &str,
    is_best: bool,
) -> Option<&'a Record> {
    let best = best_validation(records).filter(|_| is_best);
    let mut of_split = records.iter().filter(|record| record.split == split);
    match best {
        Some(best) => of_split.find(|record| record.epoch == best.epoch),
        None => of_split.next_back(),
    }
}

/// Reads the records of a run from the bytes of its file; `path` is only used in messages.
pub fn parse_metrics(path: &Path, bytes: &[u8]) -> Result<Vec<Record>> {
    parse(bytes).map_err(|what| Error::file(path, what))
}

/// Reads the records of the last epoch alone; none if the file is missing. A line that a killed run left without an end
/// does not count.
///
/// # Errors
/// Returns an error if the file cannot be read, or if one of these lines is not a record.
pub fn last_records(path: &Path) -> Result<Vec<Record>> {
    let name = Path::new(path.file_name().unwrap_or_default());
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(name, &error)),
    };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
    let text = String::from_utf8_lossy(&bytes[..whole.unwrap_or(0)]);
    let mut records: Vec<Record> = Vec::new();
    for line in text.lines().rev() {
        let record: Record = serde_json::from_str(line)
            .map_err(|error| Error::file(name, format!("its last records: {error}")))?;
        if records
            .first()
            .is_some_and(|last| last.epoch != record.epoch)
        {
            break;
        }
        records.push(record);
    }
    records.reverse();
    Ok(records)
}

fn parse(bytes: &[u8]) -> Result<Vec<Record>, String> {
    let text = String::from_utf8_lossy(bytes);
    let parse = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| format!("line {}: {error}", number + 1))
    };
    text.lines().enumerate().map(parse).collect()
}
