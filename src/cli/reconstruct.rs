//! `vae reconstruct`: draws originals above their reconstructions. A denoising autoencoder's corrupted input is drawn
//! between them.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use super::draw::{Draw, Format, Place, run};
use super::images::{AT_A_TIME, below_each_other, rasters_of};
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use super::test_data::TestData;
use crate::check::at_least_one;
use crate::error::Result;
use crate::figure::Figure;
use crate::model::rows;

/// The most images in a row. More images make further groups of rows.
const COLUMNS: usize = 10;

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
Each test image stands above the decoder's mean for its posterior mean: what the latent holds, without the \
noise of a sample. For a denoising autoencoder the corrupted image, which the model was given, stands \
between them.";

/// Show test images above what the model makes of them
#[derive(Args, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(after_long_help = LONG_HELP)]
pub struct Reconstruct {
    #[command(flatten)]
    #[serde(skip)]
    model: ModelArg,

    /// Show the first N test images
    #[arg(long, default_value_t = Self::default().n)]
    n: usize,

    #[command(flatten)]
    #[serde(skip)]
    data: TestData,

    /// Write the sheet here, a .png [default: reconstructions.png in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Default for Reconstruct {
    fn default() -> Self {
        Self {
            model: ModelArg::default(),
            n: 20,
            data: TestData::default(),
            out: None,
        }
    }
}

impl Draw for Reconstruct {
    fn run(&self) -> Result<()> {
        run(&self.model, self)
    }

    fn place(&self) -> Place<'_> {
        Place::File(self.out.as_deref())
    }

    fn shows_new_images(&self) -> bool {
        self.data.are_new()
    }

    fn check(&self) -> Result<()> {
        at_least_one("--n", self.n)?;
        Format::of(self.out.as_deref(), &[Format::Png]).map(drop)
    }

    fn draw(&self, model: &LoadedModel) -> Result<Figure> {
        let (dataset, _) = self.data.load(model)?;
        let count = self.n.min(dataset.test.len());
        let indices = dataset.test.first_ids(count);
        let protocol = model.protocol(1, None);
        let kinds = if protocol.corruption.is_some() { 3 } else { 2 };
        model.context().fits("--n", count * kinds)?;
        let (mut originals, mut corrupted, mut decoded) = (Vec::new(), Vec::new(), Vec::new());
        let loader = protocol.loader(&model.vae);
        for batch in loader.batches(&dataset.test, &indices, AT_A_TIME) {
            let (_, batch) = batch?;
            let input = batch.input();
            originals.extend(rasters_of(model, &rows(batch.x))?);
            if batch.corrupted.is_some() {
                corrupted.extend(rasters_of(model, &rows(input.clone()))?);
            }
            // Decode the posterior mean, which shows the content of the latent without the noise of a sample.
            let z = model.vae.encode(input, batch.labels.clone()).mean;
            model.check_finite(&rows(z.clone()))?;
            decoded.extend(rasters_of(
                model,
                &rows(model.vae.decode_mean(z, batch.labels)),
            )?);
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
        Figure::png("reconstructions.png", &below_each_other(&kinds, COLUMNS))
    }
}
