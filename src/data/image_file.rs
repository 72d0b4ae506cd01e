//! An image file of any size -> the bytes of an image of the shape that a model takes.

use std::io::Cursor;
use std::path::Path;

use crate::error::{Error, Result};

mod decode;
mod decoded;
mod file_kind;
mod fit;

pub use decode::{decode, decode_from, decoded_size};
pub use decoded::{Decoded, ImageFacts};
pub use file_kind::{FORMATS, FileKind, ending, stem};
pub use fit::{ALL_LEVELS, Background, Fit, FitMode, luma_of};

/// Reads an image file as the bytes that `fit` makes of it.
///
/// # Errors
/// Exit code 2 if the file is missing, is no image, is broken or cut short, or is larger than 16384 pixels a side or
/// 256 MiB.
pub fn read(path: impl AsRef<Path>, fit: &Fit) -> Result<Vec<u8>> {
    check(fit.shape)?;
    Ok(fit.bytes(decode(path.as_ref())?.image))
}

/// Does what [`read`] does with the bytes of a file; `path` is only used in messages.
///
/// # Errors
/// Returns an error in the same cases as [`read`].
pub fn parse(path: &Path, bytes: &[u8], fit: &Fit) -> Result<Vec<u8>> {
    check(fit.shape)?;
    Ok(fit.bytes(decode_from(path, Cursor::new(bytes))?.image))
}

fn check(shape: [usize; 3]) -> Result<()> {
    let [channels, height, width] = shape;
    if matches!(channels, 1 | 3) && height > 0 && width > 0 {
        return Ok(());
    }
    let what =
        format!("an image file cannot be given the shape {shape:?}: 1 or 3 channels are expected");
    Err(Error::request(what))
}

#[cfg(test)]
mod tests {
    use super::fit::planes;
    use super::*;
    use image::{Rgb, RgbImage, Rgba, RgbaImage};
    use proptest::prelude::*;
    use std::path::PathBuf;

    fn written(name: &str, fill: impl FnOnce(&Path)) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fill(&path);
        (folder, path)
    }

    fn gradient(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            Rgb([(x * 7) as u8, (y * 9) as u8, 200])
        })
    }

    #[test]
    fn an_image_of_the_right_size_keeps_its_pixels() {
        for extension in ["png", "bmp", "gif"] {
            let name = format!("a.{extension}");
            let (_folder, path) = written(&name, |path| gradient(12, 10).save(path).unwrap());
            assert_eq!(
                read(&path, &Fit::whole([3, 10, 12])).unwrap(),
                planes(&gradient(12, 10), 3),
                "{extension}"
            );
        }
    }

    #[test]
    fn the_format_is_told_from_the_bytes_and_not_from_the_name() {
        let (_folder, path) = written("a.jpg", |path| {
            gradient(40, 40)
                .save_with_format(path, image::ImageFormat::Png)
                .unwrap();
        });
        assert_eq!(
            read(&path, &Fit::whole([3, 40, 40])).unwrap(),
            planes(&gradient(40, 40), 3)
        );
    }

    #[test]
    fn a_wide_image_is_centred_between_black_bands() {
        let white = RgbImage::from_pixel(100, 50, Rgb([255; 3]));
        let (_folder, path) = written("a.jpeg", |path| white.save(path).unwrap());
        let image = read(&path, &Fit::whole([1, 28, 28])).unwrap();
        let rows: Vec<u8> = image.chunks(28).map(|row| row[0]).collect();
        assert_eq!(rows[..7], [0; 7]);
        assert_eq!(rows[7..21], [255; 14]);
        assert_eq!(rows[21..], [0; 7]);
    }

    #[test]
    fn a_sliver_still_has_a_pixel() {
        let white = RgbImage::from_pixel(1, 3000, Rgb([255; 3]));
        assert_eq!(
            Fit::whole([1, 28, 28])
                .bytes(white.into())
                .iter()
                .filter(|level| **level == 255)
                .count(),
            28
        );
    }

    #[test]
    fn transparent_parts_become_black() {
        let clear = RgbaImage::from_fn(2, 1, |x, _| {
            Rgba([255, 255, 255, if x == 0 { 0 } else { 255 }])
        });
        let (_folder, path) = written("a.png", |path| clear.save(path).unwrap());
        assert_eq!(read(&path, &Fit::whole([1, 1, 2])).unwrap(), [0, 255]);
    }

    #[test]
    fn errors_say_what_is_wrong_with_the_file() {
        let message = |path: &Path| {
            let error = read(path, &Fit::whole([1, 28, 28])).unwrap_err();
            assert_eq!(error.code(), 2);
            error.render()
        };
        assert!(message(Path::new("nowhere/a.png")).contains("nowhere/a.png: no such file"));

        let (_folder, path) = written("a.png", |path| std::fs::write(path, "Dear diary").unwrap());
        assert!(
            message(&path).contains("not an image"),
            "{}",
            message(&path)
        );

        let (folder, path) = written("a.png", |path| gradient(50, 50).save(path).unwrap());
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(
            message(&path).contains("a broken image"),
            "{}",
            message(&path)
        );

        assert!(
            message(folder.path()).contains("cannot be read"),
            "{}",
            message(folder.path())
        );
    }

    #[test]
    fn a_jpeg_that_is_cut_short_is_an_error() {
        let photo = RgbImage::from_fn(120, 90, |x, y| Rgb([(x * y) as u8, (x * 2) as u8, y as u8]));
        let (_folder, path) = written("a.jpeg", |path| photo.save(path).unwrap());
        assert_eq!(
            read(&path, &Fit::whole([3, 9, 12])).unwrap().len(),
            3 * 9 * 12
        );
        let bytes = std::fs::read(&path).unwrap();
        for part in [bytes.len() / 3, bytes.len() / 2, bytes.len() * 9 / 10] {
            std::fs::write(&path, &bytes[..part]).unwrap();
            let error = read(&path, &Fit::whole([3, 9, 12])).unwrap_err();
            assert_eq!(error.code(), 2);
            let message = error.render();
            assert!(
                message.contains("a.jpeg: a broken image"),
                "{part}: {message}"
            );
        }
    }

    #[test]
    fn a_grey_jpeg_stays_grey() {
        let grey = image::GrayImage::from_pixel(16, 16, image::Luma([130]));
        let (_folder, path) = written("a.jpeg", |path| grey.save(path).unwrap());
        let found = read(&path, &Fit::whole([1, 16, 16])).unwrap();
        assert!(
            found.iter().all(|&level| level.abs_diff(130) <= 1),
            "{found:?}"
        );
    }

    #[test]
    fn channels_are_planes_and_not_interleaved() {
        let image = RgbImage::from_fn(2, 1, |x, _| Rgb([1 + x as u8, 3 + x as u8, 5 + x as u8]));
        assert_eq!(planes(&image, 3), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn grey_stays_grey() {
        for level in 0..=255 {
            assert_eq!(luma_of(&[level; 3]), [level]);
        }
    }

    #[test]
    fn a_decompression_bomb_is_not_unpacked() {
        // A BMP header that claims 16000 x 16000 pixels of 24 bits, and one that claims too long a side.
        for [width, height] in [[16_000_u32, 16_000_u32], [1_000_000, 1]] {
            let mut bytes = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
            bytes.extend(width.to_le_bytes());
            bytes.extend(height.to_le_bytes());
            bytes.extend([1, 0, 24, 0]);
            bytes.extend([0; 24]);
            let (_folder, path) = written("a.bmp", |path| std::fs::write(path, bytes).unwrap());
            let message = read(&path, &Fit::whole([1, 28, 28])).unwrap_err().render();
            assert!(message.contains("too large"), "{message}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn no_bytes_make_it_panic(
            start in prop::sample::select(vec![&b"\x89PNG\r\n\x1a\n"[..], b"GIF89a", b"BM", b"\xff\xd8\xff", b""]),
            rest in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let (_folder, path) = written("a", |path| std::fs::write(path, [start, &rest].concat()).unwrap());
            let _ = read(&path, &Fit::whole([3, 8, 8]));
        }
    }
}
