//! `curves.svg`: loss, reconstruction and KL over the epochs.

use crate::error::Result;
use crate::figure::curves::{Panel, Series, curves, write_svg};
use crate::run::{Record, RunFolder};

/// Draws the curves of all epochs so far.
pub fn draw_curves(history: &[Record], folder: &RunFolder) -> Result<()> {
    let mut panels = vec![
        panel(history, "loss", |record| record.loss),
        panel(history, "reconstruction", |record| {
            Some(record.reconstruction)
        }),
        panel(history, "KL", |record| record.kl),
    ];
    // An autoencoder has no KL.
    panels.retain(|panel| !panel.series.is_empty());
    write_svg(&folder.curves(), &curves(&panels, "epoch"))
}

/// Returns a panel of one value, with a line for each split.
fn panel(history: &[Record], title: &str, value: impl Fn(&Record) -> Option<f64>) -> Panel {
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
    Panel {
        title: title.into(),
        y_label: "nats per image".into(),
        series,
    }
}
