//! `curves.svg`: loss, reconstruction and KL over the epochs.

use std::path::PathBuf;

use crate::error::Result;
use crate::figure::chart::Chart;
use crate::figure::curves::{CurvePanel, Curves, Series};
use crate::run::{Record, RunFolder};

/// The label of the horizontal axis.
pub const X_LABEL: &str = "epoch";

/// Writes the curves of all epochs so far as an SVG, which takes little time.
pub fn write_svg(history: &[Record], folder: &RunFolder) -> Result<()> {
    let svg = curves(history).svg()?;
    folder.write(&folder.curves(), svg.as_bytes())
}

/// Writes the curves of the whole training as a PNG.
pub fn write_png(history: &[Record], folder: &RunFolder) -> Result<()> {
    folder.write(&png_path(folder), &curves(history).png()?)
}

/// Returns the path of the PNG, which is written when a training has ended.
pub fn png_path(folder: &RunFolder) -> PathBuf {
    folder.curves().with_extension("png")
}

fn curves(history: &[Record]) -> Curves {
    Curves {
        panels: panels(history),
        x_label: X_LABEL.into(),
    }
}

/// Returns a panel for each value that the records have.
pub fn panels(history: &[Record]) -> Vec<CurvePanel> {
    let mut panels = vec![
        panel(history, "loss", |record| record.loss),
        panel(history, "reconstruction", |record| {
            Some(record.reconstruction)
        }),
        panel(history, "KL", |record| record.kl),
    ];
    // An autoencoder has no KL.
    panels.retain(|panel| !panel.series.is_empty());
    panels
}

/// Returns the panel of one value, with a line for each split.
fn panel(history: &[Record], title: &str, value: impl Fn(&Record) -> Option<f64>) -> CurvePanel {
    let mut series: Vec<Series> = Vec::new();
    for record in history {
        let Some(value) = value(record) else {
            continue;
        };
        let point = (record.epoch as f64, value);
        match series.iter_mut().find(|series| series.name == record.split) {
            Some(series) => series.points.push(point),
            None => series.push(Series {
                name: record.split.clone(),
                points: vec![point],
            }),
        }
    }
    CurvePanel {
        title: title.into(),
        y_label: "nats per image".into(),
        series,
    }
}
