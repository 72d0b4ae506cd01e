//! Bytes of an image file -> an image, strictly: a file that is cut short is an error and not half an image.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{
    DynamicImage, ExtendedColorType, GrayImage, ImageDecoder, ImageError, ImageFormat, ImageReader,
    Limits, RgbImage,
};
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::decoded::{Decoded, ImageFacts};
use super::file_kind::{FORMATS, FileKind, ending};
use crate::error::{Error, Result, shell_word};
use crate::files::unreadable;
use crate::panics::contained;

/// Beyond these a file is taken for a decompression bomb: a few bytes that claim gigabytes of pixels.
const LARGEST_SIDE: u32 = 16_384;
const LARGEST_BYTES: u64 = 256 << 20;

/// Decodes an image file, an animation's first frame, turned as the camera noted.
///
/// # Errors
/// Exit code 2 if the file is missing, is no image, is broken or cut short, or is larger than 16384 pixels a side or
/// 256 MiB. A panic in a decoder is such an error as well.
pub fn decode(path: &Path) -> Result<Decoded> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    decode_from(path, BufReader::new(file))
}

/// Does what [`decode`] does with a file that is open; `path` is only used in messages.
pub fn decode_from(path: &Path, mut input: impl BufRead + Seek) -> Result<Decoded> {
    if input.fill_buf().is_ok_and(<[u8]>::is_empty) {
        return Err(Error::file(path, "an empty file"));
    }
    match contained(|| decoded(path, input)) {
        Ok(image) => image.map_err(|fault| fault.at(path)),
        Err(why) => Err(Error::file(
            path,
            format!("a broken image: its decoder failed: {why}"),
        )),
    }
}

/// Reads the width and the height that [`decode_from`] would give, from the head of a file.
///
/// # Errors
/// Those of [`decode_from`] that the head shows.
pub fn decoded_size(path: &Path, input: impl BufRead + Seek) -> Result<[u32; 2]> {
    let size = || {
        let mut reader = ImageReader::new(input).with_guessed_format()?;
        if reader.format().is_none() && ending(&path.to_string_lossy()) == "tga" {
            reader.set_format(ImageFormat::Tga);
        }
        reader.limits(limits());
        let mut decoder = reader.into_decoder()?;
        let (width, height) = decoder.dimensions();
        let is_turned = matches!(
            decoder.orientation()?,
            Orientation::Rotate90
                | Orientation::Rotate270
                | Orientation::Rotate90FlipH
                | Orientation::Rotate270FlipH
        );
        Ok(if is_turned {
            [height, width]
        } else {
            [width, height]
        })
    };
    match contained(size) {
        Ok(size) => size.map_err(|fault: DecodeFault| fault.at(path)),
        Err(why) => Err(Error::file(
            path,
            format!("a broken image: its decoder failed: {why}"),
        )),
    }
}

/// Why a file is no image.
enum DecodeFault {
    Decoder(ImageError),
    Jpeg(String),
}

impl From<ImageError> for DecodeFault {
    fn from(error: ImageError) -> Self {
        Self::Decoder(error)
    }
}

impl From<std::io::Error> for DecodeFault {
    fn from(error: std::io::Error) -> Self {
        Self::Decoder(error.into())
    }
}

impl DecodeFault {
    fn at(self, path: &Path) -> Error {
        match self {
            Self::Decoder(ImageError::IoError(error))
                if error.kind() != std::io::ErrorKind::UnexpectedEof =>
            {
                unreadable(path, &error)
            }
            Self::Decoder(ImageError::Unsupported(_)) => unknown(path),
            Self::Decoder(ImageError::Limits(_)) => {
                let most = LARGEST_BYTES >> 20;
                let what = format!(
                    "too large: at most {LARGEST_SIDE} pixels a side and {most} MiB are read"
                );
                Error::file(path, what).with_hint(
                    "make it smaller first; it is scaled down to the model's size anyway",
                )
            }
            Self::Decoder(error) => Error::file(path, format!("a broken image: {error}")),
            Self::Jpeg(error) => Error::file(path, format!("a broken image: {error}"))
                .with_hint("the file was cut short or damaged on its way: get it again"),
        }
    }
}

/// Returns the error for a file of an unknown kind: its name may say which one it is.
fn unknown(path: &Path) -> Error {
    match FileKind::of(&path.to_string_lossy()) {
        FileKind::Foreign(kind, hint) => {
            let file = shell_word(path);
            Error::file(path, format!("{kind} is not supported"))
                .with_hint(hint.replace("FILE", &file))
        }
        _ => Error::file(path, "not an image of a known kind").with_hint(FORMATS),
    }
}

/// The format is told from the file's first bytes, because a name may lie. TGA files begin with nothing of their own.
fn decoded(path: &Path, file: impl BufRead + Seek) -> Result<Decoded, DecodeFault> {
    let mut reader = ImageReader::new(file).with_guessed_format()?;
    if reader.format().is_none() && ending(&path.to_string_lossy()) == "tga" {
        reader.set_format(ImageFormat::Tga);
    }
    let mut facts = ImageFacts::default();
    match reader.format() {
        Some(ImageFormat::Jpeg) => return jpeg(reader.into_inner()),
        Some(format @ (ImageFormat::Gif | ImageFormat::WebP | ImageFormat::Png)) => {
            let mut file = reader.into_inner();
            facts.animated = is_animated(format, &mut file);
            file.rewind()?;
            reader = ImageReader::with_format(file, format);
        }
        _ => {}
    }
    reader.limits(limits());
    let mut decoder = reader.into_decoder()?;
    let mut limits = limits();
    // The decoder's own limits do not count the image that it fills.
    limits.reserve(decoder.total_bytes())?;
    decoder.set_limits(limits)?;
    let orientation = decoder.orientation()?;
    facts.rotated = orientation != Orientation::NoTransforms;
    facts.cmyk = decoder.original_color_type() == ExtendedColorType::Cmyk8;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(Decoded { image, facts })
}

/// Returns whether a file has more than one frame; a broken file has none that count.
fn is_animated(format: ImageFormat, file: &mut (impl BufRead + Seek)) -> bool {
    match format {
        ImageFormat::Gif => {
            let mut options = gif::DecodeOptions::new();
            options.skip_frame_decoding(true);
            options.read_info(file).is_ok_and(|mut frames| {
                (0..2).all(|_| matches!(frames.next_frame_info(), Ok(Some(_))))
            })
        }
        ImageFormat::WebP => WebPDecoder::new(file).is_ok_and(|decoder| decoder.has_animation()),
        _ => PngDecoder::with_limits(file, limits())
            .and_then(|decoder| decoder.is_apng())
            .unwrap_or(false),
    }
}

/// Decodes a JPEG by `zune-jpeg` in its strict mode. `image` uses the same decoder, but fills what is missing with grey.
fn jpeg(mut file: impl BufRead) -> Result<Decoded, DecodeFault> {
    let mut bytes = Vec::new();
    file.by_ref()
        .take(LARGEST_BYTES + 1)
        .read_to_end(&mut bytes)?;
    let mut header = JpegDecoder::new(Cursor::new(&bytes))?;
    let mut limits = limits();
    limits.reserve(header.total_bytes())?;
    limits.reserve(bytes.len() as u64)?;
    header.set_limits(limits)?;
    let orientation = header.orientation()?;
    let (width, height) = header.dimensions();
    let is_grey = !header.color_type().has_color();
    let colours = if is_grey {
        ColorSpace::Luma
    } else {
        ColorSpace::RGB
    };
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(LARGEST_SIDE as usize)
        .set_max_height(LARGEST_SIDE as usize)
        .jpeg_set_out_colorspace(colours);
    let mut strict = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(&bytes), options);
    let pixels = strict
        .decode()
        .map_err(|error| DecodeFault::Jpeg(error.to_string()))?;
    let image = if is_grey {
        GrayImage::from_raw(width, height, pixels).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
    };
    let mut image =
        image.ok_or_else(|| DecodeFault::Jpeg("its size is not what it says".into()))?;
    image.apply_orientation(orientation);
    let facts = ImageFacts {
        rotated: orientation != Orientation::NoTransforms,
        cmyk: matches!(
            strict.input_colorspace(),
            Some(ColorSpace::CMYK | ColorSpace::YCCK)
        ),
        animated: false,
    };
    Ok(Decoded { image, facts })
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(LARGEST_BYTES);
    limits
}
