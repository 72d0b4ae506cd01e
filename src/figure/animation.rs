//! Animated GIFs.

use std::io;

use gif::{Encoder, EncodingError, Frame, Repeat};
use image::{Rgb, RgbImage};

use crate::error::{Error, Result};

/// The shortest duration of a frame. GIF counts in hundredths of a second, and browsers replace less than two by ten.
const SHORTEST: u32 = 2;

/// The speed of the colour reduction, for frames of more than 256 colours: 1 is the best and slowest, 30 the fastest.
const SPEED: i32 = 10;

/// Returns frames of one size as a GIF file that repeats for ever. Each frame lasts `milliseconds_per_frame`, rounded
/// to 10 and at least 20.
///
/// A frame of at most 256 colours, such as any grey one, is stored exactly. Other frames have their colours reduced one
/// by one, without dithering.
///
/// # Errors
/// Returns an error if there is no frame, if the sizes differ, or if a side is longer than 65535.
pub fn encode_gif(frames: &[RgbImage], milliseconds_per_frame: u32) -> Result<Vec<u8>> {
    let Some(first) = frames.first() else {
        return Err(Error::request("an animation needs at least one frame"));
    };
    let sizes = frames.iter().map(RgbImage::dimensions);
    if let Some(other) = sizes.into_iter().find(|size| *size != first.dimensions()) {
        let first = first.dimensions();
        return Err(Error::request(format!(
            "the frames of an animation differ in size: {first:?} and {other:?}"
        )));
    }
    encode(frames, milliseconds_per_frame)
        .map_err(|error| Error::request(format!("a GIF cannot be made: {error}")))
}

fn encode(frames: &[RgbImage], milliseconds: u32) -> Result<Vec<u8>, EncodingError> {
    let side = |length: u32| {
        u16::try_from(length).map_err(|_| io::Error::other("a side is longer than 65535 pixels"))
    };
    let (width, height) = frames.first().map_or((0, 0), RgbImage::dimensions);
    let (width, height) = (side(width)?, side(height)?);
    let hundredths =
        (milliseconds.saturating_add(5) / 10).clamp(SHORTEST, u32::from(u16::MAX)) as u16;
    // One palette of all greys serves every grey frame. A frame's own palette would do, but Pillow 13 shows a palette
    // of all 256 greys as black.
    let greys: Vec<u8> = (0..=255).flat_map(|level| [level; 3]).collect();
    let mut encoder = Encoder::new(Vec::new(), width, height, &greys)?;
    encoder.set_repeat(Repeat::Infinite)?;
    for image in frames {
        let is_grey = image
            .pixels()
            .all(|Rgb([red, green, blue])| red == green && green == blue);
        let mut frame = if is_grey {
            let levels: Vec<u8> = image.pixels().map(|pixel| pixel[0]).collect();
            Frame::from_indexed_pixels(width, height, levels, None)
        } else {
            Frame::from_rgb_speed(width, height, image, SPEED)
        };
        frame.delay = hundredths;
        encoder.write_frame(&frame)?;
    }
    encoder.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::gif::GifDecoder;
    use image::{AnimationDecoder, DynamicImage};
    use std::io::Cursor;

    fn decoded(bytes: &[u8]) -> Vec<image::Frame> {
        GifDecoder::new(Cursor::new(bytes))
            .unwrap()
            .into_frames()
            .collect_frames()
            .unwrap()
    }

    fn rgb(frame: &image::Frame) -> RgbImage {
        DynamicImage::ImageRgba8(frame.buffer().clone()).into_rgb8()
    }

    /// Returns an image of all 256 greys, shifted from frame to frame.
    fn greys(shift: u32) -> RgbImage {
        RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 4 + y + shift) as u8; 3]))
    }

    #[test]
    fn grey_frames_come_back_exactly() {
        let frames: Vec<_> = (0..5).map(|i| greys(i * 50)).collect();
        let read = decoded(&encode_gif(&frames, 83).unwrap());
        assert_eq!(read.len(), 5);
        for (frame, expected) in read.iter().zip(&frames) {
            assert_eq!(&rgb(frame), expected);
            assert_eq!(frame.delay().numer_denom_ms(), (80, 1));
        }
    }

    #[test]
    fn colours_come_back_nearly() {
        let colours = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 4) as u8, (y * 4) as u8, 128]));
        let read = rgb(&decoded(&encode(std::slice::from_ref(&colours), 100).unwrap())[0]);
        let error: u32 = read
            .iter()
            .zip(colours.iter())
            .map(|(a, b)| u32::from(a.abs_diff(*b)))
            .sum();
        assert!(
            error < 10 * colours.len() as u32,
            "mean error {}",
            f64::from(error) / colours.len() as f64
        );
    }

    #[test]
    fn it_plays_for_ever_and_never_too_fast() {
        let bytes = encode(&[greys(0), greys(1)], 0).unwrap();
        let loop_for_ever = b"NETSCAPE2.0\x03\x01\0\0\0";
        assert!(
            bytes
                .windows(loop_for_ever.len())
                .any(|window| window == loop_for_ever)
        );
        assert_eq!(bytes.last(), Some(&b';'));
        assert!(
            decoded(&bytes)
                .iter()
                .all(|frame| frame.delay().numer_denom_ms() == (20, 1))
        );
        encode(&[greys(0)], u32::MAX).unwrap();
    }

    #[test]
    fn the_same_frames_make_the_same_bytes() {
        assert_eq!(
            encode(&[greys(3)], 50).unwrap(),
            encode(&[greys(3)], 50).unwrap()
        );
    }

    #[test]
    fn frames_that_cannot_be_an_animation_are_refused() {
        assert_eq!(encode_gif(&[], 50).unwrap_err().code(), 2);
        let error = encode_gif(&[RgbImage::new(2, 2), RgbImage::new(3, 2)], 50).unwrap_err();
        assert!(
            error.render().contains("(2, 2) and (3, 2)"),
            "{}",
            error.render()
        );
        let long = RgbImage::new(70_000, 1);
        assert_eq!(encode_gif(&[long], 50).unwrap_err().code(), 2);
    }
}
