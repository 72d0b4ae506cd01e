//! A line of text above an image.

use image::{RgbImage, imageops};

use super::font;
use super::sheet::{INK, PAD, PAGE};

/// Text is drawn this many times larger than the font has it.
const SCALE: u32 = 2;

/// The image with `text` above it, from its left edge on; the page becomes wider where the text is.
pub fn titled(image: &RgbImage, text: &str) -> RgbImage {
    let above = font::HEIGHT * SCALE + 2 * PAD;
    let width = image.width().max(font::width(text, SCALE) + 2 * PAD);
    let mut page = RgbImage::from_pixel(width, image.height() + above, PAGE);
    imageops::replace(&mut page, image, 0, i64::from(above));
    font::draw(&mut page, text, [PAD, PAD], SCALE, INK);
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn the_text_stands_above_the_image_and_is_never_cut() {
        let image = RgbImage::from_pixel(300, 40, Rgb([9; 3]));
        let short = titled(&image, "epoch 12");
        assert_eq!(short.dimensions(), (300, 68));
        assert_eq!(imageops::crop_imm(&short, 0, 28, 300, 40).to_image(), image);
        assert!(
            short
                .enumerate_pixels()
                .any(|(_, y, pixel)| *pixel == INK && y < 28)
        );
        let long = titled(&image, "a line that is longer than the image is wide");
        let ink: Vec<u32> = long
            .enumerate_pixels()
            .filter(|(.., p)| **p == INK)
            .map(|(x, ..)| x)
            .collect();
        assert!(long.width() > 300 && ink.iter().all(|&x| x >= PAD && x + PAD < long.width()));
    }
}
