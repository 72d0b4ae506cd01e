//! Images as one NumPy array of bytes: `[N, H, W]` if they are grey, `[N, H, W, 3]` if they have colours.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::DecodedImages;
use crate::cli::table::{quoted, write_npy_header};
use crate::error::{Error, Result};
use crate::{files, parallel};

/// The first line of the table of classes.
const HEADER: &str = "index,label\n";

/// Writes the images, completely or not at all, and beside them, for a conditional model, a table of their classes. Returns
/// the paths.
///
/// # Errors
/// Returns an error if a decoded value is not finite, if a file cannot be written, or if another file is in the table's place.
pub fn write(images: &DecodedImages, path: &Path) -> Result<Vec<PathBuf>> {
    if !parallel::is_first() {
        return images.help();
    }
    let failed = |error: std::io::Error| files::unwritable(path, &error);
    let [channels, height, width] = images.model.card.image_shape;
    let table = images.class.is_some().then(|| table_of(path));
    if let Some(table) = &table {
        check_table(table)?;
    }
    let mut sizes = vec![images.count, height, width];
    sizes.extend((channels > 1).then_some(channels));
    files::write_streamed(path, |out| {
        write_npy_header(out, "|u1", &sizes).map_err(failed)?;
        let done = images.for_each(|_, rasters| {
            let mut bytes = rasters.iter().map(|raster| raster.interleaved());
            bytes.try_for_each(|bytes| out.write_all(&bytes).map_err(failed))
        })?;
        if done < images.count {
            return Err(images.interrupted(done, "nothing is written"));
        }
        Ok(())
    })?;
    let mut paths = vec![path.to_path_buf()];
    if let Some(table) = table {
        files::write_with(&table, |out| {
            out.write_all(HEADER.as_bytes())?;
            (0..images.count).try_for_each(|index| {
                let label = images.class_name(index).unwrap_or_default();
                writeln!(out, "{index},{}", quoted(label))
            })
        })?;
        paths.push(table);
    }
    Ok(paths)
}

/// Returns the path of the table of classes beside the array `path`. The name is unlike that of a table of latents.
fn table_of(path: &Path) -> PathBuf {
    path.with_extension("labels.csv")
}

/// Checks that no other file would be replaced by the table.
///
/// # Errors
/// Returns an error if a file is there that does not begin as the table does.
fn check_table(path: &Path) -> Result<()> {
    let unreadable = |error: std::io::Error| files::unreadable(path, &error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut first = Vec::new();
    let read = file.take(HEADER.len() as u64).read_to_end(&mut first);
    read.map_err(unreadable)?;
    if first == HEADER.as_bytes() {
        return Ok(());
    }
    let what = "the classes of the images are written here, and this file is another table";
    Err(Error::file(path, what).with_hint("move it away, or name another array by `--out`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_table_of_classes_is_replaced() {
        let folder = tempfile::TempDir::new().unwrap();
        let table = table_of(&folder.path().join("latents.npy"));
        assert!(table.ends_with("latents.labels.csv"));
        check_table(&table).unwrap();
        std::fs::write(&table, "index,label\n0,cat\n").unwrap();
        check_table(&table).unwrap();
        for other in ["", "index,label,z0\n0,cat,1\n"] {
            std::fs::write(&table, other).unwrap();
            let error = check_table(&table).unwrap_err();
            assert!(error.code() == 2 && error.hint().is_some(), "{error}");
        }
    }
}
