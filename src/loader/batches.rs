//! Batch after batch, read ahead if reading may block.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use super::augmentation::Augmentation;
use super::placement::Loader;
use crate::data::{Batch, Example, Split};
use crate::error::{Error, Result};
use crate::parallel::Shards;

/// Batches that wait to be used while the next one is read.
const AHEAD: usize = 2;

/// The batches of some examples of a split, in order. Made by [`Loader::batches`].
pub struct Batches<'a> {
    loader: &'a Loader,
    split: &'a Split,
    ids: &'a [u32],
    size: usize,
    /// The batches that are left, or the shards of each.
    left: VecDeque<Cut>,
    /// The training step of the first batch; `None` if all batches share their random numbers.
    step: Option<u64>,
    read_ahead: Option<Receiver<Read>>,
}

/// A batch or a shard of one: the number of the batch, from 0, and its places among the ids.
#[derive(Clone, Debug)]
struct Cut {
    batch: u64,
    places: Range<usize>,
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
        let batches = (0..ids.len()).step_by(size).zip(0..);
        let cut = |(start, batch)| Cut {
            batch,
            places: start..(start + size).min(ids.len()),
        };
        Self {
            loader,
            split,
            ids,
            size,
            left: batches.map(cut).collect(),
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

    /// Cuts every batch into this process's shards of it, without the empty ones.
    #[must_use]
    pub fn in_shards(mut self, shards: &Shards) -> Self {
        let of_batch = |Cut { batch, places }| {
            let own = shards.own(places.len());
            own.filter(|shard| !shard.is_empty()).map(move |shard| Cut {
                batch,
                places: places.start + shard.start..places.start + shard.end,
            })
        };
        self.left = self.left.into_iter().flat_map(of_batch).collect();
        self
    }

    /// Returns the next `count` batches or shards.
    ///
    /// # Errors
    /// An example cannot be read.
    pub fn take_next(&mut self, count: usize) -> Result<Vec<(&'a [u32], Batch)>> {
        self.take(count).collect()
    }

    fn start_reading(&self) -> Receiver<Read> {
        let reader = Reader {
            split: self.split.clone(),
            augmentation: self.loader.augmentation.clone(),
            step: self.step,
        };
        // As many images wait, however small the parts are.
        let first = self.left.front().map_or(1, |cut| cut.places.len().max(1));
        let ahead = AHEAD * (self.size / first).max(1);
        read_ahead(reader, self.ids.to_vec(), self.left.clone(), ahead)
    }

    fn batch(&self, cut: &Cut) -> Result<(&'a [u32], Batch)> {
        let ids = &self.ids[cut.places.clone()];
        let at_step = self.step.map(|step| self.loader.at_step(step + cut.batch));
        let loader = at_step.as_ref().unwrap_or(self.loader);
        let batch = match &self.read_ahead {
            None => loader.batch(self.split, ids)?,
            Some(batches) => {
                let examples = batches
                    .recv()
                    .map_err(|_| Error::failed("the thread that reads the data ended early"))?;
                loader.assemble(self.split, ids, &examples?)?
            }
        };
        Ok((ids, batch))
    }
}

impl<'a> Iterator for Batches<'a> {
    /// The ids of the examples, and the batch.
    type Item = Result<(&'a [u32], Batch)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.read_ahead.is_none() && !self.left.is_empty() && self.split.may_block() {
            self.read_ahead = Some(self.start_reading());
        }
        let cut = self.left.pop_front()?;
        Some(self.batch(&cut))
    }
}

/// A reader of the examples of batch after batch.
struct Reader {
    split: Split,
    augmentation: Option<Augmentation>,
    /// The training step of the first batch; `None` if all batches share their random numbers.
    step: Option<u64>,
}

impl Reader {
    /// Reads the examples `ids` of the batch with this number.
    fn read(&self, ids: &[u32], batch: u64) -> Read {
        let augmentation = match (&self.augmentation, self.step) {
            (Some(augmentation), Some(step)) => Some(augmentation.at_step(step + batch)),
            (augmentation, _) => augmentation.clone(),
        };
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
fn read_ahead(
    reader: Reader,
    ids: Vec<u32>,
    batches: VecDeque<Cut>,
    ahead: usize,
) -> Receiver<Read> {
    let (send, receive) = sync_channel(ahead);
    let not_started = send.clone();
    let read = move || {
        for Cut { batch, places } in batches {
            let examples = reader.read(&ids[places], batch);
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
