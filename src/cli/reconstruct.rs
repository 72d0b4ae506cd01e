//! `vae reconstruct`: originals above their reconstructions; for a denoising autoencoder what it was given between them.

use std::path::PathBuf;

use clap::Args;

use super::draw::{Draw, draw};
use super::images::{AT_A_TIME, Format, below_each_other, rasters};
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use crate::check::at_least_one;
use crate::error::Result;
use crate::figure::sheet::write_png;
use crate::model::rows;

/// Images a row; more of them make further pairs of rows.
const COLUMNS: usize = 10;

/// Show test images above what the model makes of them
#[derive(Debug, Args)]
pub struct Reconstruct {
    #[command(flatten)]
    model: ModelArg,

    /// How many images: the first of the test set
    #[arg(long, default_value_t = 20)]
    n: usize,

    /// The folder that the data set lies in [default: $VAE_DATA, then data/, then the user's cache]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The sheet, a .png [default: reconstructions.png in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Draw for Reconstruct {
    fn run(&self) -> Result<()> {
        draw(&self.model, self)
    }

    fn check(&self) -> Result<()> {
        at_least_one("--n", self.n)?;
        self.out
            .as_deref()
            .map_or(Ok(()), |out| Format::of(out, &[Format::Png]).map(drop))
    }

    fn draw(&self, opened: &LoadedModel) -> Result<PathBuf> {
        let (dataset, _) = opened.data(self.data.as_deref())?;
        let count = self.n.min(dataset.test.len());
        let indices: Vec<u32> = (0..count as u32).collect();
        let protocol = opened.protocol(1, None);
        let kinds = if protocol.corruption.is_some() { 3 } else { 2 };
        opened.subject().fits("--n", count * kinds)?;
        let (mut originals, mut corrupted, mut decoded) = (Vec::new(), Vec::new(), Vec::new());
        let loader = protocol.loader(&opened.vae);
        for batch in loader.batches(&dataset.test, &indices, AT_A_TIME) {
            let (_, batch) = batch?;
            let input = batch.input();
            originals.extend(rasters(&opened.vae, &rows(batch.x)));
            if batch.corrupted.is_some() {
                corrupted.extend(rasters(&opened.vae, &rows(input.clone())));
            }
            // From the posterior's mean: what the latent says, without the noise of a sample.
            let z = opened.vae.encode(input, batch.labels.clone()).mean;
            decoded.extend(rasters(
                &opened.vae,
                &rows(opened.vae.decode_mean(z, batch.labels)),
            ));
        }
        let kinds = if corrupted.is_empty() {
            vec![("image", originals), ("decoded", decoded)]
        } else {
            vec![
                ("clean", originals),
                ("corrupted", corrupted),
                ("cleaned", decoded),
            ]
        };
        let path = opened.image_path(self.out.as_deref(), "reconstructions.png");
        write_png(&path, &below_each_other(&kinds, COLUMNS))?;
        Ok(path)
    }
}
