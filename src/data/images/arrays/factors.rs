//! The factors that images were made from, as dSprites stores them (Matthey, Higgins, Hassabis, Lerchner 2017).

use super::labels::SAME_SET;
use super::stored_array::StoredArray;
use crate::data::GenerativeFactors;
use crate::error::Result;
use crate::files;

/// The names of dSprites's factors.
const DSPRITES: [&str; 6] = ["color", "shape", "scale", "orientation", "posX", "posY"];
/// Those of them whose values have no order.
const NOMINAL: [&str; 2] = ["color", "shape"];

/// Reads the factors of `count` images from `array`, `[N, F]`, the number of the value of each factor. Factors with one value are
/// left out. `Err` inside gives the reason why there are none.
///
/// # Errors
/// They are of another number of images, or cannot be read.
pub fn factors(
    array: &StoredArray,
    count: usize,
) -> Result<std::result::Result<GenerativeFactors, String>> {
    let &[found, columns] = &array.shape[..] else {
        return Ok(Err(format!("{}: it is no table", array.name)));
    };
    if found != count {
        let what = format!("expected the factors of {count} images, found those of {found}");
        return Err(array.error(what, SAME_SET));
    }
    let bytes = array.values.clone().into_vec();
    let bytes = bytes.map_err(|error| files::unreadable(&array.path, &error))?;
    let dtype = array.dtype;
    let mut values = Vec::with_capacity(bytes.len() / dtype.size);
    for bytes in bytes.chunks_exact(dtype.size) {
        let value = dtype.number(bytes);
        if !dtype.is_number() || value.fract() != 0.0 || !(0.0..256.0).contains(&value) {
            return Ok(Err(format!(
                "{}: expected whole numbers from 0 to 255",
                array.name
            )));
        }
        values.push(value as u8);
    }
    let column = |f: usize| values.iter().skip(f).step_by(columns);
    let kept: Vec<usize> = (0..columns)
        .filter(|&f| column(f).min() != column(f).max())
        .collect();
    let name = |&f: &usize| match columns {
        6 => DSPRITES[f].to_owned(),
        _ => format!("factor {}", f + 1),
    };
    let names: Vec<String> = kept.iter().map(name).collect();
    if names.is_empty() {
        return Ok(Err(format!("{}: no factor varies", array.name)));
    }
    let sizes: Vec<usize> = kept
        .iter()
        .map(|&f| column(f).max().map_or(0, |most| usize::from(*most) + 1))
        .collect();
    let rows = values.chunks_exact(columns);
    let kept_values = rows.flat_map(|row| kept.iter().map(|&f| row[f])).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(Ok(GenerativeFactors::new(
        &names,
        &sizes,
        &NOMINAL,
        kept_values,
    )))
}
