//! Images that are decoded a few at a time, so that memory does not grow with their number.

use std::ops::Range;
use std::path::PathBuf;

use crate::cli::images::{AT_A_TIME, rasters_of};
use crate::cli::interrupt;
use crate::cli::loaded_model::LoadedModel;
use crate::error::{Error, Result};
use crate::figure::Raster;
use crate::model::decode_each;
use crate::words::counted;
use crate::{parallel, ui};

/// Images that each depend on their index alone.
#[derive(Clone, Copy)]
pub struct DecodedImages<'a> {
    pub model: &'a LoadedModel,
    pub count: usize,
    /// The latents of the images in a range.
    pub latents: &'a dyn Fn(Range<usize>) -> Vec<Vec<f32>>,
    /// The class that an image is decoded as, for a conditional model.
    pub class: Option<&'a dyn Fn(usize) -> u32>,
}

impl DecodedImages<'_> {
    /// Returns the images of a range.
    ///
    /// # Errors
    /// Returns an error if a decoded value is not finite.
    pub fn rasters(&self, range: Range<usize>) -> Result<Vec<Raster>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let of = |index| self.class.map_or(0, |class| class(index));
        let classes: Vec<u32> = range.clone().map(of).collect();
        let latents = (self.latents)(range);
        rasters_of(
            self.model,
            &decode_each(&self.model.vae, &latents, &classes),
        )
    }

    /// Returns the name of the class of an image, or `None` for a model that is not conditional.
    pub fn class_name(&self, index: usize) -> Option<&str> {
        let class = self.class?(index);
        let name = self.model.card.classes.get(class as usize)?;
        Some(name)
    }

    /// Decodes all images in order, a few at a time, and shows a bar. `keep` receives the index of the first of these
    /// images, and the images. Returns how many were kept: fewer than all after an interrupt. Several processes divide the
    /// images, and the first one keeps them.
    ///
    /// # Errors
    /// Returns an error if a decoded value is not finite, or the error of `keep`.
    pub fn for_each(&self, mut keep: impl FnMut(usize, &[Raster]) -> Result<()>) -> Result<usize> {
        interrupt::watch()?;
        let bar = ui::image_bar("decoding", self.count);
        let [rank, processes] = parallel::place();
        for first in (0..self.count).step_by(AT_A_TIME * processes) {
            if interrupt::asked_anywhere()? {
                bar.finish_and_clear();
                return Ok(first);
            }
            let place = |rank: usize| (first + rank * AT_A_TIME).min(self.count);
            let images = gathered(self.rasters(place(rank)..place(rank + 1))?)?;
            let end = place(processes);
            if parallel::is_first() {
                keep(first, &images)?;
            }
            bar.set_position(end as u64);
        }
        bar.finish_and_clear();
        Ok(self.count)
    }

    /// Does the part of another process than the first, which keeps the images.
    ///
    /// # Errors
    /// Returns an error if a decoded value is not finite, or the error of a process that has failed.
    pub fn help(&self) -> Result<Vec<PathBuf>> {
        self.for_each(|_, _| Ok(())).map(|_| Vec::new())
    }

    /// Returns the error for an interrupt after `done` images. `kept` says what became of them.
    pub fn interrupted(&self, done: usize, kept: &str) -> Error {
        Error::interrupted(format!(
            "stopped after {done} of {}; {kept}",
            counted(self.count, "image")
        ))
    }
}

/// Returns the images of all processes, in order. Only the first process needs them.
fn gathered(own: Vec<Raster>) -> Result<Vec<Raster>> {
    if parallel::count() == 1 {
        return Ok(own);
    }
    // The first process, which needs the images, has some of its own whenever there are any.
    let shape = own.first().map_or([0; 3], |image| image.shape);
    let pixels: Vec<u8> = own
        .iter()
        .flat_map(|image| &image.pixels)
        .copied()
        .collect();
    let all = parallel::gather_bytes(&pixels)?.concat();
    if !parallel::is_first() {
        return Ok(Vec::new());
    }
    let values: usize = shape.iter().product();
    let images = all.chunks(values.max(1));
    Ok(images
        .map(|pixels| Raster {
            shape,
            pixels: pixels.to_vec(),
        })
        .collect())
}
