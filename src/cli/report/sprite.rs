//! The test images of a page as one image, which is much smaller than a file for each.

use super::starting_images::StartingImages;
use crate::error::Result;
use crate::figure::{Raster, encode_small};
use crate::report::page::PageImages;

impl StartingImages {
    /// Returns the images as the page holds them.
    ///
    /// # Errors
    /// Returns an error if the PNG cannot be made.
    pub fn on_page(&self) -> Result<Option<PageImages>> {
        let columns = (1..).find(|columns| columns * columns >= self.images.len());
        let (Some(first), Some(columns @ 1..)) = (self.images.first(), columns) else {
            return Ok(None);
        };
        let [channels, height, width] = first.shape;
        let row_count = self.images.len().div_ceil(columns);
        let shape = [channels, height * row_count, width * columns];
        let mut pixels = vec![0; shape.iter().product()];
        for (index, image) in self.images.iter().enumerate() {
            let (top, left) = (index / columns * height, index % columns * width);
            for (line, values) in image.pixels.chunks_exact(width).enumerate() {
                let (channel, y) = (line / height, line % height);
                let start = (channel * shape[1] + top + y) * shape[2] + left;
                pixels[start..start + width].copy_from_slice(values);
            }
        }
        Ok(Some(PageImages {
            latents: self.latents.clone(),
            labels: self.labels.clone(),
            sprite: encode_small(&Raster { shape, pixels })?,
            columns,
        }))
    }
}
