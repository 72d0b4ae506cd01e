//! A small bitmap font, so that a label needs no font file: capitals 5 x 7 pixels, two more rows below the line.

use image::{Rgb, RgbImage};

/// From one character to the next, in pixels at scale 1.
const ADVANCE: u32 = 6;
const GLYPH_WIDTH: u32 = 5;
/// Height of a line, below the baseline included, in pixels at scale 1.
pub const HEIGHT: u32 = 9;
/// Height of a capital, in pixels at scale 1.
pub const CAPITAL: u32 = 7;

/// Characters drawn side by side, `#` is ink.
struct Band {
    characters: &'static str,
    rows: [&'static str; HEIGHT as usize],
}

/// Width of `text` in pixels.
pub fn width(text: &str, scale: u32) -> u32 {
    let characters = text.chars().count() as u32;
    (characters * ADVANCE).saturating_sub(ADVANCE - GLYPH_WIDTH) * scale
}

/// `text`, or its beginning and two dots if it is wider than `room` pixels.
pub fn fit(text: &str, room: u32, scale: u32) -> String {
    if width(text, scale) <= room {
        return text.to_owned();
    }
    let characters = (room / scale + ADVANCE - GLYPH_WIDTH) / ADVANCE;
    let kept = characters.saturating_sub(2) as usize;
    text.chars()
        .take(kept)
        .chain("..".chars())
        .take(characters as usize)
        .collect()
}

/// Draws one line of `text`, its upper left corner at `[x, y]`. What is outside the canvas is cut off; a character
/// that the font lacks is a hollow box.
pub fn draw(canvas: &mut RgbImage, text: &str, [x, y]: [u32; 2], scale: u32, ink: Rgb<u8>) {
    for (place, character) in text.chars().enumerate() {
        let left = x + place as u32 * ADVANCE * scale;
        for (row, column) in ink_of(character) {
            fill(canvas, [left + column * scale, y + row * scale], scale, ink);
        }
    }
}

/// A square of `side` pixels.
fn fill(canvas: &mut RgbImage, [left, top]: [u32; 2], side: u32, ink: Rgb<u8>) {
    for y in top..top + side {
        for x in left..left + side {
            if let Some(pixel) = canvas.get_pixel_mut_checked(x, y) {
                *pixel = ink;
            }
        }
    }
}

/// The `(row, column)` of each pixel of a character.
fn ink_of(character: char) -> impl Iterator<Item = (u32, u32)> {
    let glyph = glyph(character);
    (0..HEIGHT).flat_map(move |row| {
        (0..GLYPH_WIDTH).filter_map(move |column| {
            let inked = match glyph {
                Some((band, start)) => {
                    band.rows[row as usize].as_bytes()[start + column as usize] == b'#'
                }
                None => {
                    row < CAPITAL && (row % (CAPITAL - 1) == 0 || column % (GLYPH_WIDTH - 1) == 0)
                }
            };
            inked.then_some((row, column))
        })
    })
}

/// The band that holds the character, and the first column of its drawing there.
fn glyph(character: char) -> Option<(&'static Band, usize)> {
    BANDS.iter().find_map(|band| {
        let place = band
            .characters
            .chars()
            .position(|candidate| candidate == character)?;
        Some((band, place * ADVANCE as usize))
    })
}

#[rustfmt::skip]
static BANDS: [Band; 5] = [
    Band {
        characters: "ABCDEFGHIJKLMNOP",
        rows: [
            ".###. ####. .###. ####. ##### ##### .###. #...# .###. ..### #...# #.... #...# #...# .###. ####.",
            "#...# #...# #...# #...# #.... #.... #...# #...# ..#.. ...#. #..#. #.... ##.## ##..# #...# #...#",
            "#...# #...# #.... #...# #.... #.... #.... #...# ..#.. ...#. #.#.. #.... #.#.# ##..# #...# #...#",
            "##### ####. #.... #...# ####. ####. #..## ##### ..#.. ...#. ##... #.... #.#.# #.#.# #...# ####.",
            "#...# #...# #.... #...# #.... #.... #...# #...# ..#.. ...#. #.#.. #.... #...# #..## #...# #....",
            "#...# #...# #...# #...# #.... #.... #...# #...# ..#.. #..#. #..#. #.... #...# #..## #...# #....",
            "#...# ####. .###. ####. ##### #.... .#### #...# .###. .##.. #...# ##### #...# #...# .###. #....",
            "..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....",
            "..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....",
        ],
    },
    Band {
        characters: "QRSTUVWXYZ .,:+-",
        rows: [
            ".###. ####. .#### ##### #...# #...# #...# #...# #...# ##### ..... ..... ..... ..... ..... .....",
            "#...# #...# #.... ..#.. #...# #...# #...# #...# #...# ....# ..... ..... ..... ..... ..#.. .....",
            "#...# #...# #.... ..#.. #...# #...# #...# .#.#. .#.#. ...#. ..... ..... ..... .##.. ..#.. .....",
            "#...# ####. .###. ..#.. #...# #...# #.#.# ..#.. ..#.. ..#.. ..... ..... ..... .##.. ##### #####",
            "#.#.# #.#.. ....# ..#.. #...# #...# #.#.# .#.#. ..#.. .#... ..... ..... ..... ..... ..#.. .....",
            "#..#. #..#. ....# ..#.. #...# .#.#. ##.## #...# ..#.. #.... ..... .##.. .##.. .##.. ..#.. .....",
            ".##.# #...# ####. ..#.. .###. ..#.. #...# #...# ..#.. ##### ..... .##.. .##.. .##.. ..... .....",
            "..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..#.. ..... ..... .....",
            "..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .#... ..... ..... .....",
        ],
    },
    Band {
        characters: "abcdefghijklmnop",
        rows: [
            "..... #.... ..... ....# ..... ..##. ..... #.... ..#.. ...#. #.... .##.. ..... ..... ..... .....",
            "..... #.... ..... ....# ..... .#..# ..... #.... ..... ..... #.... ..#.. ..... ..... ..... .....",
            ".###. ####. .#### .#### .###. .#... .#### #.##. .##.. ..##. #..#. ..#.. ##.#. #.##. .###. ####.",
            "....# #...# #.... #...# #...# ###.. #...# ##..# ..#.. ...#. #.#.. ..#.. #.#.# ##..# #...# #...#",
            ".#### #...# #.... #...# ##### .#... #...# #...# ..#.. ...#. ##... ..#.. #.#.# #...# #...# #...#",
            "#...# #...# #.... #...# #.... .#... #...# #...# ..#.. ...#. #.#.. ..#.. #.#.# #...# #...# #...#",
            ".#### ####. .#### .#### .#### .#... .#### #...# .###. ...#. #..#. .###. #.#.# #...# .###. ####.",
            "..... ..... ..... ..... ..... ..... ....# ..... ..... #..#. ..... ..... ..... ..... ..... #....",
            "..... ..... ..... ..... ..... ..... .###. ..... ..... .##.. ..... ..... ..... ..... ..... #....",
        ],
    },
    Band {
        characters: "qrstuvwxyz=%/#()",
        rows: [
            "..... ..... ..... .#... ..... ..... ..... ..... ..... ..... ..... ##... ..... .#.#. ...#. .#...",
            "..... ..... ..... .#... ..... ..... ..... ..... ..... ..... ..... ##..# ....# .#.#. ..#.. ..#..",
            ".#### #.##. .#### ###.. #...# #...# #...# #...# #...# ##### ##### ...#. ...#. ##### .#... ...#.",
            "#...# ##... #.... .#... #...# #...# #...# .#.#. #...# ...#. ..... ..#.. ..#.. .#.#. .#... ...#.",
            "#...# #.... .###. .#... #...# #...# #.#.# ..#.. #...# ..#.. ##### .#... .#... ##### .#... ...#.",
            "#...# #.... ....# .#..# #..## .#.#. #.#.# .#.#. #...# .#... ..... #..## #.... .#.#. ..#.. ..#..",
            ".#### #.... ####. ..##. .##.# ..#.. .#.#. #...# .#### ##### ..... ...## ..... .#.#. ...#. .#...",
            "....# ..... ..... ..... ..... ..... ..... ..... ....# ..... ..... ..... ..... ..... ..... .....",
            "....# ..... ..... ..... ..... ..... ..... ..... .###. ..... ..... ..... ..... ..... ..... .....",
        ],
    },
    Band {
        characters: "0123456789[]_'<>?",
        rows: [
            ".###. ..#.. .###. ##### ...#. ##### ..##. ##### .###. .###. .###. .###. ..... ..#.. ..... ..... .###.",
            "#...# .##.. #...# ...#. ..##. #.... .#... ....# #...# #...# .#... ...#. ..... ..#.. ...#. .#... #...#",
            "#..## ..#.. ....# ..#.. .#.#. ####. #.... ...#. #...# #...# .#... ...#. ..... .#... ..#.. ..#.. ....#",
            "#.#.# ..#.. ...#. ...#. #..#. ....# ####. ..#.. .###. .#### .#... ...#. ..... ..... .#... ...#. ...#.",
            "##..# ..#.. ..#.. ....# ##### ....# #...# .#... #...# ....# .#... ...#. ..... ..... ..#.. ..#.. ..#..",
            "#...# ..#.. .#... #...# ...#. #...# #...# .#... #...# ...#. .#... ...#. ..... ..... ...#. .#... .....",
            ".###. .###. ##### .###. ...#. .###. .###. .#... .###. .##.. .###. .###. ..... ..... ..... ..... ..#..",
            "..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ##### ..... ..... ..... .....",
            "..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....",
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_band_holds_one_glyph_of_five_columns_a_character() {
        for band in &BANDS {
            for row in band.rows {
                assert!(
                    row.split(' ')
                        .all(|glyph| glyph.len() == 5 && glyph.bytes().all(|b| b"#.".contains(&b)))
                );
                assert_eq!(
                    row.split(' ').count(),
                    band.characters.chars().count(),
                    "{}",
                    band.characters
                );
            }
        }
    }

    #[test]
    fn every_promised_character_has_a_drawing_of_its_own() {
        let promised = ('A'..='Z')
            .chain('a'..='z')
            .chain('0'..='9')
            .chain(".,:+-=%/#()[]_'<>?".chars());
        let drawings: std::collections::HashSet<Vec<_>> =
            promised.clone().map(|c| ink_of(c).collect()).collect();
        assert_eq!(drawings.len(), promised.clone().count());
        assert!(promised.into_iter().all(|c| glyph(c).is_some()));
        assert_eq!(ink_of(' ').count(), 0);
    }

    #[test]
    fn text_is_as_wide_as_it_says() {
        let mut canvas = RgbImage::new(200, 30);
        draw(&mut canvas, "MM", [10, 3], 2, Rgb([255; 3]));
        let inked: Vec<_> = canvas
            .enumerate_pixels()
            .filter(|(_, _, pixel)| pixel.0 == [255; 3])
            .collect();
        assert_eq!(inked.iter().map(|(x, ..)| *x).min(), Some(10));
        assert_eq!(
            inked.iter().map(|(x, ..)| *x).max(),
            Some(10 + width("MM", 2) - 1)
        );
        assert_eq!(
            inked.iter().map(|(_, y, _)| *y).max(),
            Some(3 + 2 * CAPITAL - 1)
        );
    }

    #[test]
    fn unknown_characters_and_narrow_canvases_do_not_panic() {
        let mut canvas = RgbImage::new(8, 8);
        draw(
            &mut canvas,
            "\u{3b2}=4 \u{1f600}\n\0",
            [3, 3],
            3,
            Rgb([255; 3]),
        );
        assert!(canvas.pixels().any(|pixel| pixel.0 == [255; 3]));
        assert_eq!(width("", 2), 0);
    }

    #[test]
    fn text_too_wide_is_cut_to_fit() {
        assert_eq!(fit("ankle boot", 59, 1), "ankle boot");
        assert_eq!(fit("ankle boot", 58, 1), "ankle b..");
        for room in 0..80 {
            assert!(width(&fit("a very long label", room, 2), 2) <= room);
        }
    }
}
