//! Images as PNG files.

use std::path::Path;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, Rgb, RgbImage};

use super::Raster;
use crate::error::{Error, Result};
use crate::files;

/// Returns the image as a PNG file. A grey image is stored with one channel, which takes a third of the space.
///
/// # Errors
/// Returns an error if the image cannot be encoded, for instance because it has no pixels.
pub fn encode_png(image: &RgbImage) -> Result<Vec<u8>> {
    let (pixels, colour) = pixels(image);
    encode(&pixels, [image.width(), image.height()], colour)
}

/// Does the same as [`encode_png`], and takes more time to make the file small.
///
/// # Errors
/// Returns an error in the same cases.
pub fn encode_small(image: &RgbImage) -> Result<Vec<u8>> {
    let (pixels, colour) = pixels(image);
    let mut bytes = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::Adaptive);
    encode_with(encoder, &pixels, [image.width(), image.height()], colour)?;
    Ok(bytes)
}

/// Returns the values of an image with one channel if it is grey, else with three.
fn pixels(image: &RgbImage) -> (Vec<u8>, ExtendedColorType) {
    let is_grey = image
        .pixels()
        .all(|Rgb([red, green, blue])| red == green && green == blue);
    if is_grey {
        let levels = image.pixels().map(|pixel| pixel[0]).collect();
        (levels, ExtendedColorType::L8)
    } else {
        (image.to_vec(), ExtendedColorType::Rgb8)
    }
}

/// Returns one image of a model as a PNG file, with as many channels as the model's images have.
///
/// # Errors
/// Returns an error if the image cannot be encoded, for instance because it has no pixels.
pub fn encode_raster(image: &Raster) -> Result<Vec<u8>> {
    let [channels, height, width] = image.shape;
    let colour = if channels == 1 {
        ExtendedColorType::L8
    } else {
        ExtendedColorType::Rgb8
    };
    encode(&image.interleaved(), [width as u32, height as u32], colour)
}

fn encode(pixels: &[u8], size: [u32; 2], colour: ExtendedColorType) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    encode_with(PngEncoder::new(&mut bytes), pixels, size, colour)?;
    Ok(bytes)
}

fn encode_with(
    encoder: PngEncoder<&mut Vec<u8>>,
    pixels: &[u8],
    [width, height]: [u32; 2],
    colour: ExtendedColorType,
) -> Result<()> {
    encoder
        .write_image(pixels, width, height, colour)
        .map_err(|error| Error::failed(format!("a PNG cannot be made: {error}")))
}

/// Reads an image that [`encode_png`] wrote.
pub fn read_png(path: &Path) -> Result<RgbImage> {
    let image = image::load_from_memory_with_format(&files::read(path)?, ImageFormat::Png);
    image
        .map(DynamicImage::into_rgb8)
        .map_err(|error| Error::file(path, format!("a broken image: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_file_holds_the_image_and_a_grey_one_has_one_channel() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.png");
        let grey = RgbImage::from_fn(8, 5, |x, y| Rgb([(20 * x + y) as u8; 3]));
        let coloured = RgbImage::from_pixel(2, 2, Rgb([1, 2, 3]));
        for (image, channels) in [(&coloured, 3), (&grey, 1)] {
            files::write(&path, &encode_png(image).unwrap()).unwrap();
            let color = image::open(&path).unwrap().color();
            assert_eq!(color.channel_count(), channels);
            assert_eq!(&read_png(&path).unwrap(), image);
        }
    }

    #[test]
    fn an_image_of_a_model_keeps_its_channels_even_if_it_is_grey() {
        for channels in [1, 3] {
            let image = Raster {
                shape: [channels, 2, 3],
                pixels: vec![7; 6 * channels],
            };
            let bytes = encode_raster(&image).unwrap();
            let read = image::load_from_memory(&bytes).unwrap();
            assert_eq!(usize::from(read.color().channel_count()), channels);
            assert_eq!(read.into_rgb8(), RgbImage::from_pixel(3, 2, Rgb([7; 3])));
        }
    }
}
