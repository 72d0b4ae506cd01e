//! Latents as files for other programs.

use std::io::{Result, Write};

/// Writes rows of equal length as a NumPy array file: little-endian float32, row after row.
pub fn write_npy(out: &mut dyn Write, rows: &[Vec<f32>]) -> Result<()> {
    write_npy_header(out, "<f4", &[rows.len(), rows.first().map_or(0, Vec::len)])?;
    rows.iter()
        .flatten()
        .try_for_each(|value| out.write_all(&value.to_le_bytes()))
}

/// Writes the beginning of a NumPy array file, version 1.0, of the type `descr` in row-major order. The values follow.
/// <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>
pub fn write_npy_header(out: &mut dyn Write, descr: &str, sizes: &[usize]) -> Result<()> {
    let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    let shape = format!("({})", sizes.join(", "));
    let about = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // The header, with the ten bytes in front of it, fills a multiple of 64 bytes and ends with a newline.
    let length = (10 + about.len() + 1).next_multiple_of(64) - 10;
    out.write_all(b"\x93NUMPY\x01\x00")?;
    out.write_all(&(length as u16).to_le_bytes())?;
    writeln!(out, "{about:<width$}", width = length - 1)
}

/// Writes a line for each row: its index, the name of its label (empty if there is none), the path of its image if images
/// have `paths`, and its values. Each value has enough digits to distinguish it from every other float32.
pub fn write_csv(
    out: &mut dyn Write,
    rows: &[Vec<f32>],
    indices: &[u32],
    paths: Option<&[String]>,
    label: impl Fn(u32) -> String,
) -> Result<()> {
    write!(out, "index,label")?;
    if paths.is_some() {
        write!(out, ",path")?;
    }
    (0..rows.first().map_or(0, Vec::len)).try_for_each(|d| write!(out, ",z{d}"))?;
    writeln!(out)?;
    for (row, &index) in rows.iter().zip(indices) {
        write!(out, "{index},{}", quoted(&label(index)))?;
        if let Some(paths) = paths {
            let path = paths.get(index as usize).map_or("", String::as_str);
            write!(out, ",{}", quoted(path))?;
        }
        row.iter().try_for_each(|value| write!(out, ",{value}"))?;
        writeln!(out)?;
    }
    Ok(())
}

/// Returns the text quoted by the rules of RFC 4180 if it contains a comma, a quote or a line break.
pub fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_file_is_what_numpy_writes() {
        let mut bytes = Vec::new();
        write_npy(
            &mut bytes,
            &[vec![1.0, -2.5, 0.0], vec![3.0, 0.1, f32::MAX]],
        )
        .unwrap();
        let mut expected =
            b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
                .to_vec();
        expected.resize(127, b' ');
        expected.push(b'\n');
        expected.extend(
            [1.0, -2.5, 0.0, 3.0, 0.1, f32::MAX]
                .map(f32::to_le_bytes)
                .concat(),
        );
        assert_eq!(bytes, expected);
        for count in [0, 1, 99_999, 1_234_567] {
            bytes.clear();
            write_npy(&mut bytes, &vec![vec![0.0]; count]).unwrap();
            assert_eq!((bytes.len() - 4 * count) % 64, 0);
        }
    }

    #[test]
    fn a_table_has_a_line_a_row_and_quotes_what_needs_it() {
        let mut bytes = Vec::new();
        let names = ["plain", "a \"b\", c"];
        let rows = [vec![0.1, -1e-20], vec![f32::NAN, 16_777_216.0]];
        write_csv(&mut bytes, &rows, &[0, 7], None, |index| {
            names[usize::from(index > 0)].to_owned()
        })
        .unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(
            text,
            "index,label,z0,z1\n0,plain,0.1,-0.00000000000000000001\n7,\"a \"\"b\"\", c\",NaN,16777216\n"
        );
    }
}
