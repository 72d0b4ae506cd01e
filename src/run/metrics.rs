//! `metrics.jsonl`: one record for each epoch and split.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, Result};
use crate::files::{self, unwritable};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    /// "train" (running means while the weights change), "test" or "validation".
    pub split: String,
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
    /// The Euclidean norm of each layer's gradient before it is clipped, for "train": the mean over the epoch's first
    /// step and every 50th after it. Empty in records that older versions wrote.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gradient_norms: BTreeMap<String, f64>,
}

impl Record {
    /// Returns the number that is larger for the better of two models: the ELBO, or the negative reconstruction term of
    /// an autoencoder.
    pub fn score(&self) -> f64 {
        self.elbo.unwrap_or(-self.reconstruction)
    }
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
    records: Vec<Record>,
}

impl Metrics {
    /// Opens the file and truncates it to `length` bytes, which removes the records that a killed run wrote after its
    /// last saved state.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written to, is shorter than that, or holds anything other than records.
    pub fn open(path: &Path, length: u64) -> Result<Self> {
        let fail = |error| unwritable(path, &error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(fail)?;
        let found = file.metadata().map_err(fail)?.len();
        if found < length {
            return Err(Error::file(
                path,
                format!("has {found} bytes; the saved state was written after {length}"),
            )
            .with_hint("this file and the state are not of one run; start a new one"));
        }
        file.set_len(length).map_err(fail)?;
        file.seek(SeekFrom::End(0)).map_err(fail)?;
        let records = if length > 0 {
            read_metrics(path)?
        } else {
            Vec::new()
        };
        Ok(Self {
            path: path.to_path_buf(),
            file,
            records,
        })
    }

    /// Returns the records of all epochs so far.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    pub fn into_records(self) -> Vec<Record> {
        self.records
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
        let length = written.map_err(|error| unwritable(&self.path, &error))?;
        self.records.extend(records);
        Ok(length)
    }
}

/// Reads the records of a run, in order.
pub fn read_metrics(path: &Path) -> Result<Vec<Record>> {
    let text = String::from_utf8_lossy(&files::read(path)?).into_owned();
    let parse = |(number, line): (usize, &str)| {
        serde_json::from_str(line)
            .map_err(|error| Error::file(path, format!("line {}: {error}", number + 1)))
    };
    text.lines().enumerate().map(parse).collect()
}
