//! Text in the font of all figures. The font is embedded in the program, so no system font is used.
//!
//! The font is DejaVu Sans; `font/README.md` lists the characters it contains here, and `font/LICENSE` has its licence.

use std::sync::{Once, OnceLock};

use ab_glyph::{Font, FontRef, PxScale, PxScaleFont, ScaleFont, point};
use image::{Rgb, RgbImage};
use plotters::style::{FontStyle, register_font};

const BYTES: &[u8] = include_bytes!("font/DejaVuSans.ttf");

/// The font's name in an SVG, and similar fonts for viewers that do not have it.
pub const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// Registers the font with the charts.
pub fn register() {
    static REGISTERED: Once = Once::new();
    // The result can be ignored: the font is embedded, and a test reads it.
    REGISTERED.call_once(|| drop(register_font(FAMILY, FontStyle::Normal, BYTES)));
}

fn font() -> Option<&'static FontRef<'static>> {
    static FONT: OnceLock<Option<FontRef>> = OnceLock::new();
    FONT.get_or_init(|| FontRef::try_from_slice(BYTES).ok())
        .as_ref()
}

/// Returns the font with an em of `size` pixels.
fn scaled(size: f32) -> Option<PxScaleFont<&'static FontRef<'static>>> {
    let font = font()?;
    let em = font.units_per_em()?;
    Some(font.as_scaled(PxScale::from(size * font.height_unscaled() / em)))
}

/// Returns the height of a line in pixels.
pub fn height(size: f32) -> u32 {
    (1.17 * size).ceil() as u32
}

/// Returns the width of `text` in pixels.
pub fn width(text: &str, size: f32) -> u32 {
    let Some(font) = scaled(size) else { return 0 };
    let advances = text
        .chars()
        .map(|letter| font.h_advance(font.glyph_id(letter)));
    advances.sum::<f32>().ceil() as u32
}

/// Returns `text`, or its beginning with an ellipsis if it is wider than `room` pixels.
pub fn fit(text: &str, room: u32, size: f32) -> String {
    let mut text = text.to_owned();
    if width(&text, size) <= room {
        return text;
    }
    while !text.is_empty() {
        text.pop();
        let shortened = format!("{}…", text.trim_end());
        if width(&shortened, size) <= room {
            return shortened;
        }
    }
    text
}

/// Draws one line of `text` with its upper left corner at `[x, y]`. Text outside the canvas is cut off.
pub fn draw(canvas: &mut RgbImage, text: &str, [x, y]: [u32; 2], size: f32, ink: Rgb<u8>) {
    let Some(font) = scaled(size) else { return };
    let mut right = x as f32;
    for letter in text.chars() {
        let id = font.glyph_id(letter);
        let glyph =
            id.with_scale_and_position(font.scale(), point(right, y as f32 + font.ascent()));
        right += font.h_advance(id);
        let Some(outline) = font.outline_glyph(glyph) else {
            continue;
        };
        let corner = outline.px_bounds().min;
        outline.draw(|column, row, share| {
            let (x, y) = (corner.x + column as f32, corner.y + row as f32);
            if x < 0.0 || y < 0.0 {
                return;
            }
            if let Some(pixel) = canvas.get_pixel_mut_checked(x as u32, y as u32) {
                let share = share.clamp(0.0, 1.0);
                let mixed = |below: u8, above: u8| {
                    f32::from(below) + share * (f32::from(above) - f32::from(below))
                };
                *pixel = Rgb([0, 1, 2].map(|i| mixed(pixel[i], ink[i]).round() as u8));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INK: Rgb<u8> = Rgb([34; 3]);

    fn drawn(text: &str) -> RgbImage {
        let mut canvas = RgbImage::from_pixel(200, 30, Rgb([255; 3]));
        draw(&mut canvas, text, [5, 5], 14.0, INK);
        canvas
    }

    #[test]
    fn the_font_can_be_read_and_has_the_letters_of_labels() {
        let font = font().unwrap();
        for letter in ('!'..='~').chain("äéßøłžñβγμσ±−↑↓…×·–".chars()) {
            assert_ne!(font.glyph_id(letter).0, 0, "{letter}");
        }
    }

    #[test]
    fn text_is_as_wide_as_its_width_says_and_lies_where_it_should() {
        for text in ["0", "T-shirt/top", "z12  3.45 nats", "-1.64"] {
            let canvas = drawn(text);
            let inked: Vec<(u32, u32)> = canvas
                .enumerate_pixels()
                .filter(|(.., pixel)| pixel[0] < 128)
                .map(|(x, y, _)| (x, y))
                .collect();
            let right = inked.iter().map(|(x, _)| *x).max().unwrap();
            assert!(
                right < 5 + width(text, 14.0) && right + 5 > 5 + width(text, 14.0),
                "{text}"
            );
            assert!(
                inked
                    .iter()
                    .all(|&(x, y)| x >= 5 && (5..5 + height(14.0)).contains(&y))
            );
        }
    }

    #[test]
    fn grey_ink_on_white_gives_greys() {
        assert!(
            drawn("grey")
                .pixels()
                .all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2])
        );
    }

    #[test]
    fn a_text_that_is_too_wide_is_cut() {
        assert_eq!(fit("short", 100, 14.0), "short");
        let cut = fit("a text that is too long", 80, 14.0);
        assert!(cut.ends_with('…') && width(&cut, 14.0) <= 80, "{cut}");
        assert_eq!(fit("none", 3, 14.0), "");
    }

    #[test]
    fn what_lies_outside_the_canvas_is_cut_off() {
        let mut canvas = RgbImage::from_pixel(4, 4, Rgb([255; 3]));
        draw(&mut canvas, "\u{0}wide\u{10ffff}", [2, 2], 40.0, INK);
    }
}
