//! The rows of `vae score`.

use crate::data::SkippedImage;
use crate::error::{Error, Result};

/// An image with its score.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredRow {
    pub path: String,
    pub score: f64,
    pub p: f64,
    pub flagged: bool,
    /// The p-value of the map's maximum, if there are maps.
    pub map_p: Option<f64>,
}

impl ScoredRow {
    pub fn json(&self) -> serde_json::Value {
        let mut row = serde_json::json!({
            "path": self.path,
            "score": self.score,
            "p": self.p,
            "flagged": self.flagged,
        });
        if let Some(p) = self.map_p {
            row["map_p"] = p.into();
        }
        row
    }
}

/// The form of the rows as CSV.
#[derive(Clone, Copy, Debug)]
pub struct RowFormat {
    /// Whether the names of the columns stand above the rows.
    pub header: bool,
    /// Whether there is a column for the p-values of maps.
    pub maps: bool,
}

/// Returns rows as CSV without the last line end, then those of skipped images: without a score, but with the reason.
///
/// # Errors
/// None in practice: the text is in memory.
pub fn csv(rows: &[ScoredRow], skipped: &[SkippedImage], format: RowFormat) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |[path, score, p, flagged, map_p, reason]: [&str; 6]| {
        let map_p = format.maps.then_some(map_p);
        let record = [path, score, p, flagged].into_iter().chain(map_p);
        writer
            .write_record(record.chain([reason]))
            .map_err(Error::failed)
    };
    if format.header {
        write(["path", "score", "p", "flagged", "map_p", "unreadable"])?;
    }
    for row in rows {
        // The noise of single precision would only lengthen the lines.
        let (score, p) = ((row.score as f32).to_string(), format!("{:.6}", row.p));
        let flagged = if row.flagged { "1" } else { "0" };
        let map_p = row.map_p.map_or_else(String::new, |p| format!("{p:.6}"));
        write([&row.path, &score, &p, flagged, &map_p, ""])?;
    }
    for image in skipped {
        write([&image.name, "", "", "", "", &image.reason])?;
    }
    let bytes = writer.into_inner().map_err(Error::failed)?;
    let text = String::from_utf8(bytes).map_err(Error::failed)?;
    Ok(text.trim_end_matches('\n').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_comma_is_quoted_and_a_skipped_image_has_a_reason_and_no_score() {
        let rows = [ScoredRow {
            path: "a, b.png".to_owned(),
            score: 1.5,
            p: 1.0 / 65.0,
            flagged: true,
            map_p: Some(0.5),
        }];
        let skipped = [SkippedImage {
            name: "c.png".to_owned(),
            reason: "cut short".to_owned(),
        }];
        let text = |header, maps| csv(&rows, &skipped, RowFormat { header, maps }).unwrap();
        assert_eq!(
            text(true, false),
            "path,score,p,flagged,unreadable\n\"a, b.png\",1.5,0.015385,1,\nc.png,,,,cut short"
        );
        assert_eq!(
            text(false, true),
            "\"a, b.png\",1.5,0.015385,1,0.500000,\nc.png,,,,,cut short"
        );
        let format = RowFormat {
            header: false,
            maps: true,
        };
        assert_eq!(csv(&[], &[], format).unwrap(), "");
    }
}
