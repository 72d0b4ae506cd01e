//! `vae reconstruct`: originals above their reconstructions; for a denoising autoencoder what it was given between them.

use std::path::PathBuf;

use clap::Args;

use super::open::Target;
use super::pictures::{AT_A_TIME, Format, MOST_PICTURES, pictures};
use crate::batch::Batch;
use crate::check::at_least_one;
use crate::error::Result;
use crate::eval::corruption_rng;
use crate::figure::sheet::{Sheet, write_png};
use crate::model::rows;
use crate::ui;

/// Pictures a row; more of them make further pairs of rows.
const COLUMNS: usize = 10;

/// Show test pictures above what the model makes of them
#[derive(Debug, Args)]
pub struct Reconstruct {
    #[command(flatten)]
    target: Target,

    /// How many pictures: the first of the test set
    #[arg(long, default_value_t = 20)]
    n: usize,

    /// The folder that the data set lies in [default: $VAE_DATA, then data/, then the user's cache]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The sheet, a .png [default: reconstructions.png in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Reconstruct {
    pub fn run(self) -> Result<()> {
        at_least_one("--n", self.n)?;
        if let Some(out) = &self.out {
            Format::of(out, &[Format::Png])?;
        }
        let opened = self.target.open()?;
        let (dataset, _) = opened.data(self.data.as_deref())?;
        let indices: Vec<u32> = (0..self.n.min(dataset.test.len()).min(MOST_PICTURES) as u32).collect();
        let code = opened.config.objective.code();
        let (mut originals, mut corrupted, mut decoded) = (Vec::new(), Vec::new(), Vec::new());
        for some in indices.chunks(AT_A_TIME) {
            let Batch { x, labels } = opened.read(&dataset.test, some);
            originals.extend(pictures(&opened.vae, &rows(x.clone())));
            let x = code.input(x, corruption_rng(opened.config.seed), some);
            if code.corruption().is_some() {
                corrupted.extend(pictures(&opened.vae, &rows(x.clone())));
            }
            // From the posterior's mean: what the code says, without the noise of a draw.
            let codes = opened.vae.encode(x, labels.clone()).mean;
            decoded.extend(pictures(&opened.vae, &rows(opened.vae.picture(codes, labels))));
        }
        let kinds = if corrupted.is_empty() {
            vec![("image", &originals), ("decoded", &decoded)]
        } else {
            vec![("clean", &originals), ("corrupted", &corrupted), ("cleaned", &decoded)]
        };
        let columns = COLUMNS.min(indices.len());
        let mut cells = Vec::new();
        let mut labels = Vec::new();
        for first in (0..indices.len()).step_by(columns) {
            for (label, of_kind) in &kinds {
                let line = &of_kind[first..(first + columns).min(of_kind.len())];
                cells.extend_from_slice(line);
                // A last line that is not full would pull the next one up.
                let blank = crate::figure::Picture { pixels: vec![255; line[0].pixels.len()], ..line[0].clone() };
                cells.resize(cells.len().next_multiple_of(columns), blank);
                labels.push((*label).to_owned());
            }
        }
        let sheet = Sheet { pictures: &cells, columns, row_labels: Some(&labels), column_labels: None };
        let path = opened.picture_path(self.out.as_deref(), "reconstructions.png");
        write_png(&path, &sheet.draw())?;
        ui::data(path.display())
    }
}
