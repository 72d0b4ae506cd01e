//! One image made of many small ones, without gaps and in rows: TensorBoard's Embedding Projector and the page of `vae report`
//! cut it up again.

use image::imageops::{FilterType, replace, resize};
use image::{DynamicImage, GrayImage, RgbImage};

use super::Raster;
use crate::error::{Error, Result};

/// The largest width and height, in pixels, that browsers take as a texture.
const LARGEST: usize = 8192;

/// The least width and height of an image that is still worth looking at.
const LEAST: usize = 4;

/// The most images in a sprite.
pub const MOST_IMAGES: usize = (LARGEST / LEAST) * (LARGEST / LEAST);

/// The sprite, the size of each of its images, and their number in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sprite {
    pub image: RgbImage,
    /// Width and height.
    pub cell: [usize; 2],
    pub columns: usize,
}

impl Sprite {
    /// Draws `count` images of one shape, `[C, H, W]`, in a square of rows. They are made smaller if they would not fit
    /// otherwise.
    ///
    /// # Errors
    /// Returns an error if `image` fails, if there are no images or too many.
    pub fn draw(
        count: usize,
        shape: [usize; 3],
        mut image: impl FnMut(usize) -> Result<Raster>,
    ) -> Result<Self> {
        if count == 0 || count > MOST_IMAGES {
            return Err(Error::request(format!(
                "{count} images; expected 1 to {MOST_IMAGES} in a sprite"
            )));
        }
        let [_, height, width] = shape;
        let columns = (count as f64).sqrt().ceil() as usize;
        let rows = count.div_ceil(columns);
        let largest = LARGEST / columns;
        let scale = (largest as f64 / width.max(height) as f64).min(1.0);
        let cell = [width, height].map(|side| ((side as f64 * scale) as usize).max(1));
        let mut sprite = RgbImage::new((columns * cell[0]) as u32, (rows * cell[1]) as u32);
        for index in 0..count {
            let small = shrunk(&image(index)?, cell)?;
            let corner = [index % columns * cell[0], index / columns * cell[1]];
            replace(&mut sprite, &small, corner[0] as i64, corner[1] as i64);
        }
        Ok(Self {
            image: sprite,
            cell,
            columns,
        })
    }
}

/// Returns an image of width and height `cell`, with antialiasing.
fn shrunk(image: &Raster, cell: [usize; 2]) -> Result<RgbImage> {
    let [channels, height, width] = image.shape;
    let [width, height] = [width as u32, height as u32];
    let whole = if channels == 1 {
        GrayImage::from_raw(width, height, image.pixels.clone()).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, image.interleaved()).map(DynamicImage::from)
    };
    let whole = whole.map(DynamicImage::into_rgb8).ok_or_else(|| {
        Error::failed(format!(
            "an image has {} values; expected {:?}",
            image.pixels.len(),
            image.shape
        ))
    })?;
    let [width, height] = cell.map(|side| side as u32);
    Ok(if whole.dimensions() == (width, height) {
        whole
    } else {
        resize(&whole, width, height, FilterType::Triangle)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_in_rows_and_keep_their_pixels() {
        let sprite = Sprite::draw(5, [3, 2, 4], |index| {
            Ok(Raster {
                shape: [3, 2, 4],
                pixels: (0..24).map(|value| (24 * index + value) as u8).collect(),
            })
        })
        .unwrap();
        assert_eq!((sprite.cell, sprite.columns), ([4, 2], 3));
        let image = sprite.image;
        assert_eq!(image.dimensions(), (3 * 4, 2 * 2));
        // Image 4 is the second of the second row; its pixel (3, 1) is the last of each plane.
        assert_eq!(image.get_pixel(4 + 3, 2 + 1).0, [96 + 7, 96 + 15, 96 + 23]);
        assert_eq!(image.get_pixel(8, 2).0, [0, 0, 0]);
    }

    #[test]
    fn many_images_are_made_smaller_until_they_fit() {
        let sprite = Sprite::draw(90_001, [1, 28, 56], |_| {
            Ok(Raster {
                shape: [1, 28, 56],
                pixels: vec![200; 28 * 56],
            })
        })
        .unwrap();
        assert_eq!(sprite.cell, [27, 13]);
        let image = sprite.image;
        assert_eq!(image.dimensions(), (301 * 27, 300 * 13));
        assert_eq!(image.get_pixel(0, 0).0, [200; 3]);
        for count in [0, MOST_IMAGES + 1] {
            let nothing = |_| Err(Error::failed("not read"));
            let error = Sprite::draw(count, [1, 2, 2], nothing).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{count} images")));
        }
    }
}
