//! The images that a command goes through block by block, so that a folder of any size needs little memory, and so that
//! the result of each image follows soon after the image arrives.

use std::borrow::Cow;
use std::io::{self, BufRead, IsTerminal, stdin};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use super::interrupt;
use super::loaded_model::LoadedModel;
use super::model_data::{find_images, note_known};
use crate::data::images::{FoundImages, NewImages};
use crate::data::{SkippedImage, Split};
use crate::error::{Error, Result};
use crate::{files, os, parallel, ui};

/// The most images of a block, for each of the processes that divide it.
const AT_A_TIME: usize = 250;

fn at_a_time() -> usize {
    AT_A_TIME * parallel::count()
}

/// The pause after which a signal is noticed while the next line of stdin is awaited.
const PAUSE: Duration = Duration::from_millis(100);

/// The name that reads the paths of images from stdin, one a line.
const STDIN: &str = "-";

/// Images of one of three origins, in their order.
pub enum ImageBlocks<'a> {
    /// Those of a data set.
    Split { images: &'a Split, next: usize },
    /// Those that were named.
    Paths(FoundBlocks),
    /// Those whose paths arrive on stdin: as many together as have arrived. Each is a file, a folder or an archive.
    Lines {
        lines: Receiver<io::Result<Vec<u8>>>,
        model: &'a LoadedModel,
        found: Option<FoundBlocks>,
    },
}

/// The images of a [`FoundImages`], block by block.
pub struct FoundBlocks {
    images: FoundImages,
    next: usize,
}

impl FoundBlocks {
    fn new(images: FoundImages) -> Self {
        Self { images, next: 0 }
    }

    fn next(&mut self) -> Result<Option<NewImages>> {
        if self.next == self.images.len() {
            return Ok(None);
        }
        let end = self.images.len().min(self.next + at_a_time());
        let read = self.images.read(self.next..end)?;
        self.next = end;
        Ok(Some(read))
    }
}

/// The images of a split that belong to a block, and those that cannot be read.
pub struct ImageBlock<'a> {
    pub images: Cow<'a, Split>,
    pub ids: Vec<u32>,
    pub skipped: Vec<SkippedImage>,
}

impl ImageBlock<'_> {
    /// Returns a block of images that cannot be read.
    fn unread(skipped: Vec<SkippedImage>) -> Self {
        Self {
            images: Cow::Owned(Split::in_memory(Vec::new(), [1, 1, 1])),
            ids: Vec::new(),
            skipped,
        }
    }
}

impl From<NewImages> for ImageBlock<'_> {
    fn from(NewImages { images, skipped }: NewImages) -> Self {
        Self {
            ids: images.first_ids(images.len()),
            images: Cow::Owned(images),
            skipped,
        }
    }
}

impl<'a> ImageBlocks<'a> {
    /// Returns the images of a data set.
    pub fn of_split(images: &'a Split) -> Self {
        Self::Split { images, next: 0 }
    }

    /// Returns the images that `paths` name, or those whose paths arrive on stdin if that is `-`.
    ///
    /// # Errors
    /// Returns an error if a path names nothing that can hold an image, or if a conditional model is not told the class of
    /// each image.
    pub fn of_paths(paths: &'a [PathBuf], model: &'a LoadedModel) -> Result<Self> {
        if paths.iter().any(|path| path.as_os_str() == STDIN) {
            if paths.len() > 1 {
                return Err(Error::request(
                    "`-` reads the paths of images from stdin, and stands alone",
                )
                .with_hint("leave the other paths out, or write them to stdin"));
            }
            if parallel::count() > 1 {
                return Err(Error::request(
                    "`-` reads the paths of images from stdin, which only the first of several processes has",
                )
                .with_hint("name the images or their folder, or start one process"));
            }
            return Ok(Self::Lines {
                lines: lines()?,
                model,
                found: None,
            });
        }
        note_known(paths, &model.path);
        let found = find_images(&model.config, &model.card, paths)?;
        Ok(Self::Paths(FoundBlocks::new(found)))
    }

    /// Returns the number of images, or `None` if it is not known yet.
    pub fn count(&self) -> Option<usize> {
        match self {
            Self::Split { images, .. } => Some(images.len()),
            Self::Paths(found) => Some(found.images.len()),
            Self::Lines { .. } => None,
        }
    }

    /// Returns the next images, or `None` behind the last ones or after an interrupt.
    ///
    /// # Errors
    /// Returns an error if stdin cannot be read.
    pub fn next(&mut self) -> Result<Option<ImageBlock<'a>>> {
        if interrupt::asked_anywhere()? {
            return Ok(None);
        }
        match self {
            Self::Split { images, next } => {
                let end = images.len().min(*next + at_a_time());
                let ids: Vec<u32> = (*next as u32..end as u32).collect();
                *next = end;
                Ok((!ids.is_empty()).then_some(ImageBlock {
                    images: Cow::Borrowed(*images),
                    ids,
                    skipped: Vec::new(),
                }))
            }
            Self::Paths(found) => Ok(found.next()?.map(ImageBlock::from)),
            Self::Lines {
                lines,
                model,
                found,
            } => loop {
                if let Some(read) = found.as_mut().map_or(Ok(None), FoundBlocks::next)? {
                    return Ok(Some(read.into()));
                }
                let Some(paths) = next_lines(lines)? else {
                    return Ok(None);
                };
                let (images, skipped) = find_each(paths, model);
                *found = images.map(FoundBlocks::new);
                if !skipped.is_empty() {
                    return Ok(Some(ImageBlock::unread(skipped)));
                }
            },
        }
    }
}

/// Starts a thread that reads the lines of stdin.
fn lines() -> Result<Receiver<io::Result<Vec<u8>>>> {
    if stdin().is_terminal() {
        ui::note("type the paths of images, one a line; Ctrl-D ends");
    }
    let (sender, receiver) = sync_channel(AT_A_TIME);
    let read = move || {
        for line in stdin().lock().split(b'\n') {
            if sender.send(line).is_err() {
                return;
            }
        }
    };
    os::start("stdin", None, read)
        .map_err(|error| files::unopenable("stdin cannot be read", &error))?;
    Ok(receiver)
}

/// Waits for a path, and returns it with those that have arrived by then; `None` if there are no more.
fn next_lines(lines: &Receiver<io::Result<Vec<u8>>>) -> Result<Option<Vec<PathBuf>>> {
    let mut paths = Vec::new();
    while paths.is_empty() {
        let first = match lines.recv_timeout(PAUSE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) if !interrupt::asked() => continue,
            Err(_) => return Ok(None),
        };
        for line in std::iter::once(first).chain(lines.try_iter().take(AT_A_TIME - 1)) {
            let line =
                line.map_err(|error| Error::failed(format!("stdin cannot be read: {error}")))?;
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if !line.trim_ascii().is_empty() {
                paths.push(os::path(line));
            }
        }
    }
    Ok(Some(paths))
}

/// Finds the images at these paths. A path that cannot hold an image counts as an image that cannot be read.
fn find_each(
    mut paths: Vec<PathBuf>,
    model: &LoadedModel,
) -> (Option<FoundImages>, Vec<SkippedImage>) {
    let find = |paths: &[PathBuf]| find_images(&model.config, &model.card, paths);
    let mut skipped = Vec::new();
    loop {
        match find(&paths) {
            Ok(found) => return (Some(found), skipped),
            Err(_) => paths.retain(|path| match find(std::slice::from_ref(path)) {
                Ok(_) => true,
                Err(error) => {
                    skipped.push(SkippedImage::new(path.to_string_lossy(), &error));
                    false
                }
            }),
        }
        if paths.is_empty() {
            return (None, skipped);
        }
    }
}
