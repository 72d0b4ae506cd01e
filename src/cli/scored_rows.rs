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
}

impl ScoredRow {
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "path": self.path,
            "score": self.score,
            "p": self.p,
            "flagged": self.flagged,
        })
    }
}

/// Returns rows as CSV without the last line end, then those of skipped images: without a score, but with the reason.
///
/// # Errors
/// None in practice: the text is in memory.
pub fn csv(rows: &[ScoredRow], skipped: &[SkippedImage], header: bool) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |record: [&str; 5]| writer.write_record(record).map_err(Error::failed);
    if header {
        write(["path", "score", "p", "flagged", "unreadable"])?;
    }
    for row in rows {
        // The noise of single precision would only lengthen the lines.
        let (score, p) = ((row.score as f32).to_string(), format!("{:.6}", row.p));
        let flagged = if row.flagged { "1" } else { "0" };
        write([&row.path, &score, &p, flagged, ""])?;
    }
    for image in skipped {
        write([&image.name, "", "", "", &image.reason])?;
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
        }];
        let skipped = [SkippedImage {
            name: "c.png".to_owned(),
            reason: "cut short".to_owned(),
        }];
        assert_eq!(
            csv(&rows, &skipped, true).unwrap(),
            "path,score,p,flagged,unreadable\n\"a, b.png\",1.5,0.015385,1,\nc.png,,,,cut short"
        );
        assert_eq!(csv(&[], &[], false).unwrap(), "");
    }
}
