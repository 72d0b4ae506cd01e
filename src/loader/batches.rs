//! Batch after batch, read ahead if reading may block.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use super::augmentation::Augmentation;
use super::placement::Loader;
use crate::data::{Batch, Example, Split};
use crate::error::{Error, Result};

/// Batches that wait to be used while the next one is read.
const AHEAD: usize = 2;

/// The batches of some examples of a split, in order. Made by [`Loader::batches`].
pub struct Batches<'a> {
    loader: &'a Loader,
    split: &'a Split,
    /// The examples that are left.
    ids: &'a [u32],
    size: usize,
    /// The training step of the next batch; `None` if all batches share their random numbers.
    step: Option<u64>,
    read_ahead: Option<Receiver<Read>>,
}

/// The examples of one batch.
type Read = Result<Vec<Example<'static>>>;

impl Loader {
    /// Iterates over the examples `ids`, `size` at a time, in order.
    ///
    /// A source whose reading may block is read ahead on another thread; the batches are the same.
    pub fn batches<'a>(&'a self, split: &'a Split, ids: &'a [u32], size: usize) -> Batches<'a> {
        Batches::new(self, split, ids, size)
    }
}

impl<'a> Batches<'a> {
    fn new(loader: &'a Loader, split: &'a Split, ids: &'a [u32], size: usize) -> Self {
        Self {
            loader,
            split,
            ids,
            size,
            step: None,
            read_ahead: None,
        }
    }

    /// Gives every batch random numbers of its own: the first those of training step `step` (from 0).
    #[must_use]
    pub fn from_step(self, step: u64) -> Self {
        Self {
            step: Some(step),
            ..self
        }
    }

    fn start_reading(&self) -> Receiver<Read> {
        let augmentation = self.loader.augmentation.clone();
        let reader = Reader {
            split: self.split.clone(),
            augmentation,
            step: self.step,
        };
        read_ahead(reader, self.ids.to_vec(), self.size)
    }

    fn batch(&mut self, ids: &[u32]) -> Result<Batch> {
        let at_step = self.step.map(|step| self.loader.at_step(step));
        let loader = at_step.as_ref().unwrap_or(self.loader);
        self.step = self.step.map(|step| step + 1);
        match &self.read_ahead {
            None => loader.batch(self.split, ids),
            Some(batches) => {
                let examples = batches
                    .recv()
                    .map_err(|_| Error::failed("the thread that reads the data ended early"))?;
                loader.assemble(self.split, ids, &examples?)
            }
        }
    }
}

impl<'a> Iterator for Batches<'a> {
    /// The ids of the examples, and the batch.
    type Item = Result<(&'a [u32], Batch)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ids.is_empty() {
            return None;
        }
        if self.read_ahead.is_none() && self.split.may_block() {
            self.read_ahead = Some(self.start_reading());
        }
        let (ids, rest) = self.ids.split_at(self.size.min(self.ids.len()));
        self.ids = rest;
        Some(self.batch(ids).map(|batch| (ids, batch)))
    }
}

/// A reader of the examples of batch after batch.
struct Reader {
    split: Split,
    augmentation: Option<Augmentation>,
    /// The training step of the next batch; `None` if all batches share their random numbers.
    step: Option<u64>,
}

impl Reader {
    fn read(&mut self, ids: &[u32]) -> Read {
        let augmentation = match (&self.augmentation, self.step) {
            (Some(augmentation), Some(step)) => Some(augmentation.at_step(step)),
            (augmentation, _) => augmentation.clone(),
        };
        self.step = self.step.map(|step| step + 1);
        let examples = ids.iter().map(|&id| {
            let example = self.split.example(id as usize)?;
            Ok(match &augmentation {
                Some(augment) => augment.apply(&example, self.split.shape, id),
                None => example.into_owned(),
            })
        });
        examples.collect()
    }
}

/// Starts a thread that reads batch after batch. It ends after the last one, after an error, or when the receiver is
/// dropped.
fn read_ahead(mut reader: Reader, ids: Vec<u32>, size: usize) -> Receiver<Read> {
    let (send, receive) = sync_channel(AHEAD);
    let not_started = send.clone();
    let read = move || {
        for ids in ids.chunks(size) {
            let examples = reader.read(ids);
            let failed = examples.is_err();
            if send.send(examples).is_err() || failed {
                return;
            }
        }
    };
    if let Err(error) = thread::Builder::new().name("loader".into()).spawn(read) {
        let error = Error::failed(format!(
            "the thread that reads the data cannot be started: {error}"
        ));
        // The receiver exists, so the first batch is this error.
        let _ = not_started.send(Err(error));
    }
    receive
}
