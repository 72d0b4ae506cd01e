//! A line of text above an image.

use image::{RgbImage, imageops};

use super::font;
use super::sheet::{INK, PAD, PAGE};

/// The size of the text in pixels.
const SIZE: f32 = 15.0;

/// Returns the image with `text` above it, aligned to its left edge. The page grows if the text is wider.
pub fn titled(image: &RgbImage, text: &str) -> RgbImage {
    let above = font::height(SIZE) + 2 * PAD;
    let width = image.width().max(font::width(text, SIZE) + 2 * PAD);
    let mut page = RgbImage::from_pixel(width, image.height() + above, PAGE);
    imageops::replace(&mut page, image, 0, i64::from(above));
    font::draw(&mut page, text, [PAD, PAD], SIZE, INK);
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn the_text_stands_above_the_image_and_is_never_cut() {
        let image = RgbImage::from_pixel(300, 40, Rgb([9; 3]));
        let above = font::height(SIZE) + 2 * PAD;
        let short = titled(&image, "epoch 12");
        assert_eq!(short.dimensions(), (300, 40 + above));
        assert_eq!(
            imageops::crop_imm(&short, 0, above, 300, 40).to_image(),
            image
        );
        assert!(
            short
                .enumerate_pixels()
                .any(|(_, y, pixel)| pixel[0] < 128 && y < above)
        );
        let long = titled(
            &image,
            "a line that is a good deal longer than the image is wide",
        );
        let ink: Vec<u32> = long
            .enumerate_pixels()
            .filter(|(_, y, pixel)| *y < above && pixel[0] < 128)
            .map(|(x, ..)| x)
            .collect();
        assert!(long.width() > 300 && ink.iter().all(|&x| x >= PAD && x + PAD <= long.width()));
    }
}
