//! The kinds of files that a folder of images may hold, by the endings of their names.

/// The kind of a file, as far as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// An image that can be read.
    Image,
    /// An image of a kind that cannot be read, with its name and the program that converts it.
    Foreign(&'static str, &'static str),
    Other,
}

const READABLE: [&str; 17] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "gif", "bmp", "dib", "webp", "tif", "tiff", "pbm", "pgm",
    "ppm", "pnm", "qoi", "tga",
];

/// The formats that can be read, for messages.
pub const FORMATS: &str = "PNG, JPEG, GIF, BMP, WebP, TIFF, PNM, QOI and TGA files can be read";

const MAGICK: &str = "convert it with ImageMagick: magick FILE FILE.png";

impl FileKind {
    /// Returns the kind of the file with this name; the case of its ending does not matter.
    pub fn of(path: &str) -> Self {
        let ending = ending(path);
        if READABLE.contains(&ending.as_str()) {
            return Self::Image;
        }
        match ending.as_str() {
            "heic" | "heif" => Self::Foreign("HEIC", "convert it: heif-convert FILE FILE.png"),
            "avif" => Self::Foreign("AVIF", "convert it: avifdec FILE FILE.png"),
            "jxl" => Self::Foreign("JPEG XL", "convert it: djxl FILE FILE.png"),
            "jp2" | "j2k" => Self::Foreign("JPEG 2000", MAGICK),
            "psd" => Self::Foreign("Photoshop", MAGICK),
            "svg" => Self::Foreign("SVG", "draw it as pixels: rsvg-convert FILE -o FILE.png"),
            "dng" | "cr2" | "nef" | "arw" => Self::Foreign("a camera's raw format", MAGICK),
            "dcm" => Self::Foreign("DICOM", "convert it: dcmj2pnm +on FILE FILE.png"),
            "exr" | "hdr" => Self::Foreign("a high dynamic range format", MAGICK),
            _ => Self::Other,
        }
    }
}

/// Returns the ending of a file's name in small letters, without the dot; empty if it has none.
pub fn ending(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.')
        .map(|(_, ending)| ending.to_lowercase())
        .unwrap_or_default()
}

/// Returns the name of a file without the folders and the ending.
pub fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_of_an_ending_does_not_matter() {
        assert_eq!(FileKind::of("a/IMG_1.JPG"), FileKind::Image);
        assert_eq!(FileKind::of("a.png/notes.txt"), FileKind::Other);
        assert!(matches!(
            FileKind::of("x.HEIC"),
            FileKind::Foreign("HEIC", _)
        ));
        assert_eq!((stem("a/b.c.png"), ending("a.b/c")), ("b.c", String::new()));
    }
}
