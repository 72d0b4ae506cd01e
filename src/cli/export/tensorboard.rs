//! `vae export --to tensorboard`: the events of a run.

use std::path::PathBuf;

use super::records::ExportedRun;
use super::request::ExportRequest;
use crate::cli::data_arg::DataArg;
use crate::cli::destination::{Destination, note_viewer};
use crate::cli::images::encoded;
use crate::cli::loaded_model::LoadedModel;
use crate::data::{Choice, Part};
use crate::error::Result;
use crate::export::tensorboard::{EventFolder, Events, history, latents};
use crate::run::exports::TENSORBOARD;
use crate::run::{Record, record_of_model};
use crate::{device, ui};

/// The number of test images in the histograms. It is small enough to take almost no time.
const IN_HISTOGRAMS: usize = 1000;

/// Writes the events, and returns the paths of their files.
pub fn export(request: &ExportRequest) -> Result<Vec<PathBuf>> {
    let run = ExportedRun::find(request.run.as_deref())?;
    let destination = Destination::claim(request.out.as_deref(), &run.folder.path, TENSORBOARD)?;
    let mut events = history(&run.records, &run.folder)?;
    let histograms = device::select(request.device.as_deref().unwrap_or("auto"))
        .and_then(|device| LoadedModel::new(run.model, run.folder.path.clone(), device))
        .and_then(|model| latent_histograms(&model, &run.records, &request.data));
    match histograms {
        Ok(histograms) => add(&mut events, histograms),
        // The flags are there for the histograms alone.
        Err(error) if request.computation().is_some() => return Err(error),
        Err(error) => ui::note(format_args!(
            "note: the events have no histograms of the latents: {}",
            error.render()
        )),
    }
    let (_, paths) = EventFolder::begin(&destination.path, &events)?;
    note_viewer(&destination.path);
    Ok(paths)
}

fn add(events: &mut Events, more: Events) {
    for (split, more) in more {
        events.entry(split).or_default().extend(more);
    }
}

/// Returns histograms of the posterior means of test images, at the epoch of the model. `records` are those of the model's run,
/// with steps and times.
///
/// # Errors
/// Returns an error if the data is not found, if an image cannot be read, or if a mean is not finite.
pub fn latent_histograms(
    model: &LoadedModel,
    records: &[Record],
    data: &DataArg,
) -> Result<Events> {
    let Some(record) = record_of_model(records, "test", model.is_best()) else {
        return Ok(Events::new());
    };
    let (dataset, _) = model.data(data)?;
    let part = Part::new(&dataset.test, Choice::AtRandom(IN_HISTOGRAMS));
    let means = encoded(model, &dataset.test, &part.ids)?;
    Ok(latents(record, &means))
}
