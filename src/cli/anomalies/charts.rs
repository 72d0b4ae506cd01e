//! The figures of `vae anomalies`, and its table.

use super::labelled::{LabelledImages, LabelledPart};
use super::measuring::Measuring;
use super::thresholds::Thresholds;
use crate::cli::images::rasters_of;
use crate::cli::loaded_model::LoadedModel;
use crate::cli::table::quoted;
use crate::error::{Error, Result};
use crate::eval::anomaly::{
    AnomalyScore, CHANCE_AUROC, FalseAlarmPromise, FlaggingRule, roc_points,
};
use crate::figure::chart::Chart;
use crate::figure::curves::{CurvePanel, Curves, Series};
use crate::figure::histogram::{HistogramGroup, Histograms, MOST_GROUPS};
use crate::figure::sheet::Sheet;
use crate::figure::{Figure, NamedFile, Raster, overlay, titled};
use crate::model::rows;
use crate::report::anomalies::MeasuredScore;
use crate::words::percent;

/// The images of each sort that the sheet shows.
const WORST: usize = 10;
/// The least length of the longer side of an image on the sheet, in pixels: a flaw is to be seen.
const LEAST_SIDE: usize = 112;
/// The most points of a ROC curve; more cannot be seen.
const MOST_POINTS: usize = 1000;

/// Everything that the figures show.
pub struct AnomalyCharts<'a> {
    pub model: &'a LoadedModel,
    pub labelled: &'a LabelledImages,
    pub measuring: &'a Measuring<'a>,
    pub thresholds: &'a Thresholds,
    /// `[scores][images]`: the scores of the model, then those that need none.
    pub columns: &'a [Vec<f64>],
    /// The scores of the model; the first one is looked at more closely.
    pub scores: &'a [AnomalyScore],
    pub rules: &'a [Option<FlaggingRule>],
    pub promise: FalseAlarmPromise,
    /// The scores that the report shows.
    pub measured: &'a [MeasuredScore],
}

/// The way in which pixels of maps are coloured.
struct MapThreshold {
    threshold: f64,
    words: String,
}

impl AnomalyCharts<'_> {
    /// Returns all files, the histograms first.
    ///
    /// # Errors
    /// Returns an error if an image cannot be read.
    pub fn figure(&self) -> Result<Figure> {
        let mut figure = self.histograms().figure("anomaly-scores")?;
        let roc = self.roc().figure("anomaly-roc")?;
        figure.beside.push(roc.image);
        figure.beside.extend(roc.beside);
        figure.beside.push(self.worst()?.image);
        let table = NamedFile::new("anomalies.csv", self.csv().into_bytes());
        figure.beside.push(table);
        Ok(figure)
    }

    fn histograms(&self) -> Histograms {
        let (normal, _) = self.labelled.divided(&self.columns[0], None);
        let group = |name: &str, values: Vec<f64>| HistogramGroup {
            name: format!("{name} ({})", values.len()),
            values,
        };
        let mut kinds: Vec<HistogramGroup> = Vec::new();
        for (kind, name) in self.labelled.kinds.iter().enumerate() {
            kinds.push(group(
                name,
                self.labelled.divided(&self.columns[0], Some(kind)).1,
            ));
        }
        if kinds.len() + 1 > MOST_GROUPS {
            kinds.sort_by_key(|kind| std::cmp::Reverse(kind.values.len()));
            let rest = kinds.split_off(MOST_GROUPS - 2);
            let values = rest.into_iter().flat_map(|kind| kind.values).collect();
            kinds.push(group("other kinds", values));
        }
        let name = self.scores[0].name();
        let threshold = self.rules[0].map(|rule| {
            let rate = percent(self.promise.rate);
            let words = format!("flagged to the right: at most {rate} of normal images");
            (rule.threshold, words)
        });
        Histograms {
            title: format!("{name} of normal and abnormal images"),
            x_label: format!("{name}, the higher, the stranger"),
            groups: [vec![group("normal", normal)], kinds].concat(),
            threshold,
        }
    }

    fn roc(&self) -> Curves {
        let count = self.scores.len();
        let place = |score: &MeasuredScore| match score.name.as_str() {
            "pca" => count,
            "png_size" => count + 1,
            name => {
                let mut scores = self.scores.iter();
                scores.position(|score| score.name() == name).unwrap_or(0)
            }
        };
        let mut series: Vec<Series> = Vec::new();
        for score in self.measured {
            let (normal, abnormal) = self.labelled.divided(&self.columns[place(score)], None);
            let points = roc_points(&normal, &abnormal);
            let step = points.len().div_ceil(MOST_POINTS);
            let last = points.len() - 1;
            let kept = points.iter().enumerate();
            let kept = kept.filter(|(i, _)| i % step == 0 || *i == last);
            series.push(Series {
                name: format!("{} {:.2}", score.title, score.detection.auroc.mean),
                points: kept.map(|(_, p)| (p.false_alarms, p.found)).collect(),
            });
        }
        let diagonal = (0..=100).map(|i| (f64::from(i) / 100.0, f64::from(i) / 100.0));
        series.push(Series {
            name: format!("chance {CHANCE_AUROC:.2}"),
            points: diagonal.collect(),
        });
        Curves {
            panels: vec![CurvePanel {
                title: "ROC curves, with the areas below them".to_owned(),
                y_label: "share of abnormal images found".to_owned(),
                series,
            }],
            x_label: "share of normal images flagged".to_owned(),
        }
    }

    /// Draws the abnormal images with the lowest scores and the normal ones with the highest, each above what the model makes of
    /// it and its map.
    fn worst(&self) -> Result<Figure> {
        let column = &self.columns[0];
        let kinds: Vec<Option<usize>> = self.labelled.images().map(|image| image.kind).collect();
        let of_sort = |abnormal: bool| {
            let mut places: Vec<usize> = (0..kinds.len())
                .filter(|&place| kinds[place].is_some() == abnormal)
                .collect();
            places.sort_by(|&a, &b| column[a].total_cmp(&column[b]));
            if !abnormal {
                places.reverse();
            }
            places.truncate(WORST);
            places
        };
        let MapThreshold { threshold, words } = self.map_threshold();
        let (mut cells, mut captions, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        let [_, height, width] = self.model.card.image_shape;
        let blank = enlarged(&Raster {
            shape: [1, height, width],
            pixels: vec![255; height * width],
        });
        for (abnormal, title) in [(true, "abnormal, lowest"), (false, "normal, highest")] {
            let places = of_sort(abnormal);
            let mut found = [Vec::new(), Vec::new(), Vec::new()];
            let mut below = [Vec::new(), Vec::new(), Vec::new()];
            for &place in &places {
                let [image, decoded, map] = self.shown(place, threshold)?;
                found[0].push(image);
                found[1].push(decoded);
                found[2].push(map);
                let kind = kinds[place].map_or("normal", |kind| &self.labelled.kinds[kind]);
                below[0].push(kind.to_owned());
                below[1].push(self.said(0, place));
                below[2].push(format!("map {}", self.said(self.map_place(), place)));
            }
            for (row, label) in [title, "decoded", "map"].into_iter().enumerate() {
                found[row].resize(WORST, blank.clone());
                below[row].resize(WORST, String::new());
                cells.append(&mut found[row]);
                captions.append(&mut below[row]);
                labels.push(label.to_owned());
            }
        }
        let sheet = Sheet {
            images: &cells,
            columns: WORST,
            row_labels: Some(&labels),
            column_labels: None,
        };
        let said = if self.thresholds.of(0).is_some() {
            "p"
        } else {
            "value"
        };
        let name = self.scores[0].name();
        let title = format!("the worst by {name}, whose {said} is in the middle; {words}");
        let image = titled(&sheet.draw_captioned(&captions), &title);
        Figure::png("anomaly-worst.png", &image)
    }

    /// Returns the p-value of an image by one of the scores, or the score without calibration.
    fn said(&self, score: usize, place: usize) -> String {
        let calibration = self.thresholds.of(score);
        let score = self.columns[score][place];
        match calibration {
            Some(calibration) => format!("p {:.3}", calibration.p_value(score)),
            None => format!("{score:.1}"),
        }
    }

    /// Returns the place of the score `map`.
    fn map_place(&self) -> usize {
        let mut scores = self.scores.iter();
        let place = scores.position(|&score| score == AnomalyScore::Map);
        place.unwrap_or_default()
    }

    /// Returns the value above which the pixels of maps are coloured: the calibrated one, or that of the normal images here.
    fn map_threshold(&self) -> MapThreshold {
        let place = self.map_place();
        let rate = percent(self.promise.rate);
        if let Some(rule) = self.rules[place] {
            return MapThreshold {
                threshold: rule.threshold,
                words: format!("at most {rate} of normal images have a coloured pixel"),
            };
        }
        let (mut normal, _) = self.labelled.divided(&self.columns[place], None);
        normal.sort_by(f64::total_cmp);
        let last = normal.len() - 1;
        let at = ((1.0 - self.promise.rate) * last as f64).round() as usize;
        let threshold = normal[at.min(last)];
        let above = normal.iter().filter(|score| **score > threshold).count();
        MapThreshold {
            threshold,
            words: format!(
                "{above} of these {} normal images have a coloured pixel",
                normal.len()
            ),
        }
    }

    /// Returns an image, the image that the model makes of it, and its map.
    fn shown(&self, place: usize, threshold: f64) -> Result<[Raster; 3]> {
        let missing = || Error::failed("an image of the figure is missing");
        let (part, index) = self.part(place).ok_or_else(missing)?;
        let id = part.images[index].id;
        let batch = self.model.read(&part.split, &[id])?;
        let vae = &self.model.vae;
        let mean = vae.encode(batch.input(), batch.labels.clone()).mean;
        let decoded = vae.decode_mean(mean, batch.labels);
        let [image, decoded] = [rows(batch.x), rows(decoded)];
        let mut images = rasters_of(self.model, &[image, decoded].concat())?.into_iter();
        let (Some(image), Some(decoded)) = (images.next(), images.next()) else {
            return Err(missing());
        };
        let map = self.measuring.map(&part.split, id)?;
        let map = overlay(&image, &map, threshold);
        Ok([image, decoded, map].map(|image| enlarged(&image)))
    }

    /// Returns the part of an image, and the place of the image in it.
    fn part(&self, mut place: usize) -> Option<(&LabelledPart, usize)> {
        for part in &self.labelled.parts {
            match part.images.len() {
                count if place < count => return Some((part, place)),
                count => place -= count,
            }
        }
        None
    }

    fn csv(&self) -> String {
        let mut text = "path,kind".to_owned();
        for score in self.measured {
            text += &format!(",{}", score.name);
        }
        text += ",p,flagged\n";
        let count = self.scores.len();
        let shown = self
            .measured
            .iter()
            .filter(|score| !score.is_baseline)
            .count();
        let places: Vec<usize> = (0..shown).chain([count, count + 1]).collect();
        let (mut place, labelled) = (0, self.labelled);
        for part in &labelled.parts {
            for image in &part.images {
                let name = part.split.name(image.id);
                let kind = image.kind.map_or("normal", |kind| &labelled.kinds[kind]);
                text += &format!("{},{}", quoted(&name), quoted(kind));
                for &score in &places {
                    text += &format!(",{}", self.columns[score][place] as f32);
                }
                let score = self.columns[0][place];
                let p = self
                    .thresholds
                    .of(0)
                    .map(|calibration| calibration.p_value(score));
                let p = p.map_or_else(String::new, |p| format!("{p:.6}"));
                let flagged = self.rules[0].map(|rule| u8::from(rule.flags(score)));
                let flagged = flagged.map_or_else(String::new, |flagged| flagged.to_string());
                text += &format!(",{p},{flagged}\n");
                place += 1;
            }
        }
        text
    }
}

/// Returns an image whose pixels are squares, if it is small.
fn enlarged(image: &Raster) -> Raster {
    let [channels, height, width] = image.shape;
    let scale = LEAST_SIDE.div_ceil(height.max(width).max(1));
    let [high, wide] = [scale * height, scale * width];
    let pixel = |i: usize| {
        let (channel, y, x) = (i / (high * wide), i / wide % high, i % wide);
        image.pixels[(channel * height + y / scale) * width + x / scale]
    };
    Raster {
        shape: [channels, high, wide],
        pixels: (0..channels * high * wide).map(pixel).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pixels_of_a_small_image_become_squares() {
        let image = Raster {
            shape: [3, 1, 56],
            pixels: (0..168).collect(),
        };
        let large = enlarged(&image);
        assert_eq!(large.shape, [3, 2, 112]);
        assert_eq!(large.pixels[..4], [0, 0, 1, 1]);
        assert_eq!(large.pixels[112..114], [0, 0]);
        assert_eq!(large.pixels[224], 56);
        assert_eq!(enlarged(&large), large);
    }
}
