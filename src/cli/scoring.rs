//! Scores images block by block, and writes their rows as they become known.

use super::calibration::CalibrationFile;
use super::image_blocks::{ImageBlock, ImageBlocks};
use super::interrupt;
use super::loaded_model::LoadedModel;
use super::map_folder::MapFolder;
use super::scored_rows::{RowFormat, ScoredRow, csv};
use crate::data::SkippedImage;
use crate::error::{Error, Result};
use crate::eval::anomaly::{Calibration, FlaggingRule, Scorer, map_score};
use crate::ui;

/// How images are scored and flagged.
pub struct Scoring<'a> {
    pub model: &'a LoadedModel,
    pub scorer: &'a Scorer<'a>,
    pub calibration: &'a Calibration,
    /// `None` flags nothing.
    pub rule: Option<&'a FlaggingRule>,
    /// The images of `vae calibrate`, which are not new to it.
    pub kept: Option<&'a CalibrationFile>,
    /// The folder that the maps of the scorer go to.
    pub maps: Option<&'a MapFolder>,
}

/// The images that were scored.
#[derive(Debug, Default)]
pub struct Scored {
    /// All scores, in the order of the images.
    pub scores: Vec<f64>,
    pub flagged: usize,
    pub unreadable: usize,
    /// The number of images that are among those of `vae calibrate`.
    pub calibrate: usize,
    /// The rows and the images that cannot be read, unless they were written at once.
    pub rows: Vec<ScoredRow>,
    pub skipped: Vec<SkippedImage>,
}

impl Scoring<'_> {
    /// Scores the images, and writes each row as soon as it is known if `streams`, or else returns it. Also returns the error of
    /// an interruption if there was one.
    ///
    /// # Errors
    /// Returns an error if a score is NaN.
    pub fn score(&self, blocks: &mut ImageBlocks, streams: bool) -> Result<(Scored, Result<()>)> {
        interrupt::watch()?;
        let count = blocks.count();
        let bar = match count {
            Some(count) => ui::image_bar("scoring", count),
            None => ui::uncounted_image_bar("scoring"),
        };
        let mut scored = Scored::default();
        if streams {
            ui::data(csv(&[], &[], self.format(true))?)?;
        }
        while let Some(block) = blocks.next()? {
            for image in &block.skipped {
                ui::line_above(
                    &bar,
                    format_args!("cannot read {}: {}", image.name, image.reason),
                );
            }
            let rows = self.rows(&block)?;
            if let Some(kept) = self.kept {
                scored.calibrate += kept.known(&block.images)?.len();
            }
            scored.scores.extend(rows.iter().map(|row| row.score));
            scored.flagged += rows.iter().filter(|row| row.flagged).count();
            scored.unreadable += block.skipped.len();
            if streams {
                bar.suspend(|| ui::data(csv(&rows, &block.skipped, self.format(false))?))?;
            } else {
                scored.rows.extend(rows);
                scored.skipped.extend(block.skipped);
            }
            bar.set_position((scored.scores.len() + scored.unreadable) as u64);
        }
        bar.finish_and_clear();
        let seen = scored.scores.len() + scored.unreadable;
        let ended = if interrupt::asked_anywhere()? && count != Some(seen) {
            let of = count.map_or_else(String::new, |count| format!(" of {count}"));
            let what = format!(
                "stopped; {}{of} {} scored",
                scored.scores.len(),
                if scored.scores.len() == 1 {
                    "image was"
                } else {
                    "images were"
                }
            );
            Err(Error::interrupted(what))
        } else {
            Ok(())
        };
        Ok((scored, ended))
    }

    /// Returns the form of the rows as CSV.
    pub fn format(&self, header: bool) -> RowFormat {
        RowFormat {
            header,
            maps: self.maps.is_some(),
        }
    }

    /// Returns the rows of the images of a block, when their maps are written.
    fn rows(&self, block: &ImageBlock) -> Result<Vec<ScoredRow>> {
        let (mut rows, mut maps) = (Vec::new(), Vec::new());
        let mut ids = block.ids.iter();
        self.scorer.each(&block.images, &block.ids, &mut |image| {
            let name = ids
                .next()
                .map(|&id| block.images.name(id))
                .unwrap_or_default();
            // The score of a very strange image may be infinite, and then it is the strangest.
            let Some(&score) = image.scores.first().filter(|score| !score.is_nan()) else {
                let what = format!("score of {name} is NaN");
                return Err(self.model.broken(&what));
            };
            let highest = image.map.as_ref().map(|map| map_score(map));
            if highest.is_some_and(f64::is_nan) {
                return Err(self.model.broken(&format!("map of {name} is NaN")));
            }
            let folder = self.maps.zip(highest);
            rows.push(ScoredRow {
                path: name,
                score,
                p: self.calibration.p_value(score),
                flagged: self.rule.is_some_and(|rule| rule.flags(score)),
                map_p: folder.map(|(folder, most)| folder.calibration.p_value(most)),
            });
            maps.extend(image.map.filter(|_| self.maps.is_some()));
            Ok(())
        })?;
        if let Some(folder) = self.maps {
            folder.write(block, &maps)?;
        }
        Ok(rows)
    }
}
