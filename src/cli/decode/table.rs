//! Reads latents from a table such as `latents.csv`: a header, and a line for each latent.

use std::path::Path;

use crate::error::{Error, Result};

/// Latents with their labels, if they have any.
#[derive(Debug, PartialEq)]
pub struct LatentTable {
    /// `[N][D]`.
    pub latents: Vec<Vec<f32>>,
    /// `[N]`: the column `label`.
    pub labels: Option<Vec<String>>,
}

/// Reads the columns `z0`, `z1`, ... and `label`, in any order.
///
/// # Errors
/// Returns an error if the bytes are not such a table, or if a latent is no number.
pub fn parse(bytes: &[u8], path: &Path) -> Result<LatentTable> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::Reader::from_reader(bytes);
    let broken = |error: csv::Error| {
        Error::file(path, format!("not a table of latents: {error}"))
            .with_hint("expected a .npy array, or a .csv with the columns z0, z1, ...")
    };
    let header = reader.headers().map_err(broken)?.clone();
    let column = |name: &str| header.iter().position(|found| found.trim() == name);
    let columns: Vec<usize> = (0..).map_while(|d| column(&format!("z{d}"))).collect();
    if columns.is_empty() {
        let found: Vec<&str> = header.iter().take(4).collect();
        let found = found.join(", ");
        let found: String = found.chars().filter(|c| !c.is_control()).take(60).collect();
        let what = format!("has no columns z0, z1, ...; its first line is: {found}");
        return Err(Error::file(path, what)
            .with_hint("expected latents as `vae embed` writes them: latents.npy or latents.csv"));
    }
    let label = column("label");
    let (mut latents, mut labels) = (Vec::new(), Vec::new());
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(broken)?;
        let number = |&column: &usize| {
            let text = record.get(column).unwrap_or_default().trim();
            text.parse::<f32>().map_err(|_| {
                let name = header.get(column).unwrap_or_default();
                let row = index + 1;
                let what = format!("row {row}: {name} is {text:?}; expected a number");
                Error::file(path, what)
            })
        };
        latents.push(columns.iter().map(number).collect::<Result<_>>()?);
        labels.extend(
            label
                .and_then(|column| record.get(column))
                .map(str::to_owned),
        );
    }
    Ok(LatentTable {
        latents,
        labels: label.is_some().then_some(labels),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<LatentTable> {
        parse(text.as_bytes(), Path::new("z.csv"))
    }

    #[test]
    fn columns_are_found_by_name_and_others_are_ignored() {
        let table =
            read("\u{feff}path,z1,label,z0,z3\na.png,2,\"x, y\",1e-3,9\nb.png,4,,-3,9\n").unwrap();
        assert_eq!(table.latents, [[0.001, 2.0], [-3.0, 4.0]]);
        assert_eq!(table.labels.unwrap(), ["x, y", ""]);
        assert_eq!(read("z0\n1\n").unwrap().labels, None);
    }

    #[test]
    fn what_is_no_table_of_latents_is_refused_with_its_place() {
        for (text, part) in [
            (
                "1,2\n3,4\n",
                "has no columns z0, z1, ...; its first line is: 1, 2",
            ),
            ("z0,z1\n1,2\n3,x\n", "row 2: z1 is \"x\"; expected a number"),
            ("z0,z1\n1,2,3\n", "not a table of latents"),
            ("", "has no columns"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(parse(b"z0\n\xff\n", Path::new("z.csv")).is_err());
    }
}
