//! Events for TensorBoard: the numbers of every epoch, the sheets of images, and histograms of the latents.
//!
//! Each split has a folder of its own, which TensorBoard shows as a run of its own; equal tags of several runs share a chart.

mod event_folder;
mod histogram;
pub mod message;
mod record_file;

use std::io::Cursor;
use std::path::Path;

use image::ImageDecoder;
use image::codecs::png::PngDecoder;

pub use event_folder::{EventFolder, Events};

use self::histogram::histogram;
use self::message::{Event, EventContent, EventSummary, PngImage, TaggedValue, Value};
use super::scalars::scalars;
use crate::error::{Error, Result};
use crate::files;
use crate::run::{Record, RunFolder};

/// The split that sheets of images and histograms are shown with: the images are test images, or new ones.
const SHOWN_WITH: &str = "test";

/// Returns the events of all epochs: the records, which have steps and times, and the sheets of images that the run's folder
/// has of these epochs.
///
/// # Errors
/// Returns an error if a sheet cannot be read, or is no PNG.
pub fn history(records: &[Record], folder: &RunFolder) -> Result<Events> {
    let mut all = Events::new();
    for records in records.chunk_by(|one, next| one.epoch == next.epoch) {
        let number = records[0].epoch;
        let mut sheets = Vec::new();
        for (tag, path) in [
            ("samples", folder.samples(number)),
            ("reconstructions", folder.reconstructions(number)),
        ] {
            if files::is_there(&path)? {
                sheets.push((tag, files::read(&path)?, path));
            }
        }
        let sheets: Vec<(&str, &[u8], &Path)> = sheets
            .iter()
            .map(|(tag, png, path)| (*tag, &**png, &**path))
            .collect();
        for (split, events) in epoch(records, &sheets)? {
            all.entry(split).or_default().extend(events);
        }
    }
    Ok(all)
}

/// Returns the events of one epoch: its records, and sheets of images as tag, PNG and path. The path is for messages.
///
/// # Errors
/// Returns an error if a sheet is no PNG.
pub fn epoch(records: &[Record], sheets: &[(&str, &[u8], &Path)]) -> Result<Events> {
    let mut all = Events::new();
    for record in records {
        let mut numbers = scalars(record);
        if record.split == "train" {
            numbers.push(("epoch".to_owned(), record.epoch as f64));
        }
        let values = numbers.into_iter().map(|(tag, number)| TaggedValue {
            tag,
            value: Some(Value::Scalar(number as f32)),
        });
        let mut events = vec![event(record, values.collect())];
        if record.split == SHOWN_WITH && !sheets.is_empty() {
            let images = sheets.iter().map(|(tag, png, path)| {
                let image = png_image(png)
                    .map_err(|error| Error::file(*path, format!("a broken image: {error}")))?;
                Ok(TaggedValue {
                    tag: (*tag).to_owned(),
                    value: Some(Value::Image(image)),
                })
            });
            events.push(event(record, images.collect::<Result<_>>()?));
        }
        all.insert(record.split.clone(), events);
    }
    Ok(all)
}

/// Returns a histogram of each latent's posterior means, at the moment of a record. `latents`: `[N][D]`, all finite.
pub fn latents(record: &Record, latents: &[Vec<f32>]) -> Events {
    let count = latents.first().map_or(0, Vec::len);
    let values = (0..count).map(|latent| {
        let means: Vec<f64> = latents.iter().map(|z| f64::from(z[latent])).collect();
        TaggedValue {
            tag: format!("posterior_means/z{latent}"),
            value: Some(Value::Histogram(histogram(&means))),
        }
    });
    Events::from([(SHOWN_WITH.to_owned(), vec![event(record, values.collect())])])
}

fn event(record: &Record, values: Vec<TaggedValue>) -> Event {
    Event {
        wall_time: record.timestamp.unwrap_or_default(),
        step: record.step.unwrap_or_default() as i64,
        content: Some(EventContent::Summary(EventSummary { values })),
    }
}

fn png_image(png: &[u8]) -> image::ImageResult<PngImage> {
    let decoder = PngDecoder::new(Cursor::new(png))?;
    let (width, height) = decoder.dimensions();
    Ok(PngImage {
        height: height as i32,
        width: width as i32,
        channels: i32::from(decoder.color_type().channel_count()),
        png: png.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_that_is_no_png_is_named() {
        let record: Record = serde_json::from_str(
            r#"{"epoch":1,"split":"test","loss":1,"elbo":1,"kl":1,"reconstruction":1,"seconds":1,"images_per_second":1}"#,
        )
        .unwrap();
        let sheets = [("samples", &b"GIF89a"[..], Path::new("a/epoch-0001.png"))];
        let error = epoch(&[record], &sheets).unwrap_err().to_string();
        assert!(
            error.starts_with("a/epoch-0001.png: a broken image"),
            "{error}"
        );
    }
}
