//! `vae export --to huggingface`: a folder for the Hugging Face Hub.

use std::path::{Path, PathBuf};

use super::exporting::{exported, load, write};
use super::request::ExportRequest;
use crate::cli::sample_sheet::{Classes, sample_sheet};
use crate::error::{Error, Result, shell_word};
use crate::eval::LatentSampler;
use crate::export::huggingface::{self, TO_DO};
use crate::figure::encode_png;
use crate::run::exports::{CARD, HUGGINGFACE};
use crate::{files, ui};

/// Writes the folder, and returns the paths of its files.
pub fn export(request: &ExportRequest) -> Result<Vec<PathBuf>> {
    if let Some(given) = request.data.given() {
        let what = format!("{given}: has no effect, because `--to {HUGGINGFACE}` reads no images");
        return Err(Error::request(what).with_hint("leave the flag out"));
    }
    let (model, destination) = load(request, HUGGINGFACE)?;
    check_card(&destination.path.join(CARD))?;
    let exported = exported(&model)?;
    let samples = if exported.is_variational() {
        let classes = Classes::every(&model.vae, &model.card.classes);
        let sampler = LatentSampler::Prior { temperature: 1.0 };
        let count = classes.usual_count();
        let sheet = sample_sheet(&model.vae, sampler, model.config.seed, count, classes)
            .map_err(|_| model.broken(crate::cli::images::BROKEN))?;
        Some(encode_png(&sheet)?)
    } else {
        ui::note(
            "note: an autoencoder has no prior: there are no samples.png, no `sample` and no `elbo`",
        );
        None
    };
    let files = huggingface::files(&exported, samples)?;
    let paths = write(&destination, HUGGINGFACE, &files)?;
    ui::note(format_args!(
        "complete README.md (license, data, limits) before you upload the folder: hf upload USER/NAME {}",
        shell_word(&destination.path)
    ));
    Ok(paths)
}

/// Checks that a card which a person has completed is not replaced.
fn check_card(path: &Path) -> Result<()> {
    if !files::is_there(path)? || String::from_utf8_lossy(&files::read(path)?).contains(TO_DO) {
        return Ok(());
    }
    Err(Error::file(
        path,
        "this card has been completed, and an export would replace it",
    )
    .with_hint("write elsewhere (`--out DIR`), or move the card away"))
}
