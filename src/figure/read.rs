//! A person's image file -> an image of the shape that a model takes.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits, RgbImage};

use super::Raster;
use crate::error::{Error, Result};
use crate::files::unreadable;

/// Beyond these a file is taken for a decompression bomb: a few bytes that claim gigabytes of pixels.
const LARGEST_SIDE: u32 = 16_384;
const LARGEST_BYTES: u64 = 256 << 20;

const FORMATS: &str = "PNG, JPEG, GIF and BMP files can be read";

/// Reads a PNG, JPEG, GIF (its first frame) or BMP file as an image of `shape`, `[C, H, W]`.
///
/// The whole image is kept: it is scaled (triangle filter) to the largest size that fits with its aspect, centred,
/// and padded with black. One that already has the size keeps its pixels. Transparent parts become black; 16 bits
/// become 8; the orientation that a camera notes is applied.
///
/// # Errors
/// Exit latent 2 where the file is missing, is no image, is broken, or is larger than 16384 pixels a side or 256 MiB.
pub fn read(path: impl AsRef<Path>, shape: [usize; 3]) -> Result<Raster> {
    let path = path.as_ref();
    let [channels, height, width] = shape;
    if !matches!(channels, 1 | 3) || height == 0 || width == 0 {
        let what = format!(
            "an image file cannot be given the shape {shape:?}: 1 or 3 channels are expected"
        );
        return Err(Error::request(what));
    }
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let image = decode(BufReader::new(file)).map_err(|error| undecodable(path, error))?;
    let fitted = fit(&over_black(image), width as u32, height as u32);
    Ok(Raster::from_rgb(&fitted, channels))
}

/// The format is told from the file's first bytes: a name may lie.
fn decode(file: BufReader<File>) -> Result<DynamicImage, ImageError> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(LARGEST_BYTES);
    let mut reader = ImageReader::new(file).with_guessed_format()?;
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    // The decoder's own limits do not count the image that it fills.
    limits.reserve(decoder.total_bytes())?;
    decoder.set_limits(limits)?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn undecodable(path: &Path, error: ImageError) -> Error {
    match error {
        ImageError::IoError(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            unreadable(path, &error)
        }
        ImageError::Unsupported(_) => {
            Error::file(path, "not an image of a known kind").with_hint(FORMATS)
        }
        ImageError::Limits(_) => {
            let most = LARGEST_BYTES >> 20;
            Error::file(
                path,
                format!("too large: at most {LARGEST_SIDE} pixels a side and {most} MiB are read"),
            )
            .with_hint("make it smaller first; it is scaled down to the model's size anyway")
        }
        error => Error::file(path, format!("a broken image: {error}")),
    }
}

/// Transparent parts become black, as the padding is: what is stored under them was never meant to be seen.
fn over_black(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let image = image.into_rgba8();
    let dim = |value: u8, alpha: u8| ((u32::from(value) * u32::from(alpha) + 127) / 255) as u8;
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [red, green, blue, alpha] = image.get_pixel(x, y).0;
        image::Rgb([red, green, blue].map(|value| dim(value, alpha)))
    })
}

/// The image within `width` x `height`, its aspect kept, black around it.
fn fit(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let [from_width, from_height] = [image.width().max(1), image.height().max(1)];
    let scale = f64::min(
        f64::from(width) / f64::from(from_width),
        f64::from(height) / f64::from(from_height),
    );
    let side = |from: u32, most: u32| ((f64::from(from) * scale).round() as u32).clamp(1, most);
    let [to_width, to_height] = [side(from_width, width), side(from_height, height)];
    let scaled = imageops::resize(image, to_width, to_height, FilterType::Triangle);
    let mut fitted = RgbImage::new(width, height);
    imageops::replace(
        &mut fitted,
        &scaled,
        i64::from((width - to_width) / 2),
        i64::from((height - to_height) / 2),
    );
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, Rgba, RgbaImage};
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
                read(&path, [3, 10, 12]).unwrap().to_rgb(),
                gradient(12, 10),
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
        assert_eq!(read(&path, [3, 40, 40]).unwrap().to_rgb(), gradient(40, 40));
    }

    #[test]
    fn a_wide_image_is_centred_between_black_bands() {
        let white = RgbImage::from_pixel(100, 50, Rgb([255; 3]));
        let (_folder, path) = written("a.jpeg", |path| white.save(path).unwrap());
        let image = read(&path, [1, 28, 28]).unwrap();
        assert_eq!(image.shape, [1, 28, 28]);
        let rows: Vec<u8> = image.pixels.chunks(28).map(|row| row[0]).collect();
        assert_eq!(rows[..7], [0; 7]);
        assert_eq!(rows[7..21], [255; 14]);
        assert_eq!(rows[21..], [0; 7]);
    }

    #[test]
    fn a_sliver_still_has_a_pixel() {
        let white = RgbImage::from_pixel(1, 3000, Rgb([255; 3]));
        assert_eq!(
            fit(&white, 28, 28)
                .pixels()
                .filter(|pixel| pixel.0 == [255; 3])
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
        assert_eq!(read(&path, [1, 1, 2]).unwrap().pixels, [0, 255]);
    }

    #[test]
    fn errors_say_what_is_wrong_with_the_file() {
        let message = |path: &Path| {
            let error = read(path, [1, 28, 28]).unwrap_err();
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
    fn a_decompression_bomb_is_not_unpacked() {
        // A BMP header that claims 16000 x 16000 pixels of 24 bits, and one that claims too long a side.
        for [width, height] in [[16_000_u32, 16_000_u32], [1_000_000, 1]] {
            let mut bytes = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
            bytes.extend(width.to_le_bytes());
            bytes.extend(height.to_le_bytes());
            bytes.extend([1, 0, 24, 0]);
            bytes.extend([0; 24]);
            let (_folder, path) = written("a.bmp", |path| std::fs::write(path, bytes).unwrap());
            let message = read(&path, [1, 28, 28]).unwrap_err().render();
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
            let _ = read(&path, [3, 8, 8]);
        }
    }
}
