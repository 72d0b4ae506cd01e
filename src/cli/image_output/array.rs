//! Images as one NumPy array of bytes: `[N, H, W]` if they are grey, `[N, H, W, 3]` if they have colours.

use std::path::{Path, PathBuf};

use super::DecodedImages;
use crate::cli::table::{quoted, write_npy_header};
use crate::error::Result;
use crate::files;

/// Writes the images, completely or not at all, and beside them, for a conditional model, a table of their classes. Returns
/// the paths.
pub fn write(images: &DecodedImages, path: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| files::unwritable(path, &error);
    let [channels, height, width] = images.model.card.image_shape;
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
    if images.class.is_some() {
        let table = path.with_extension("csv");
        files::write_with(&table, |out| {
            writeln!(out, "index,label")?;
            (0..images.count).try_for_each(|index| {
                let label = images.class_name(index).unwrap_or_default();
                writeln!(out, "{index},{}", quoted(label))
            })
        })?;
        paths.push(table);
    }
    Ok(paths)
}
