//! `vae sample`: pictures drawn from the prior.

use std::path::PathBuf;

use clap::Args;

use super::open::Target;
use super::pictures::{Classes, Format, MOST_PICTURES, sample_sheet};
use crate::check::count;
use crate::error::Result;
use crate::figure::sheet::write_png;
use crate::objective::NO_PRIOR;
use crate::ui;

/// Values of all pictures on a sheet, together: a quarter of a gigabyte of them while they are drawn.
const MOST_VALUES: usize = 50_000_000;

/// Draw pictures from the prior, as a sheet
#[derive(Debug, Args)]
pub struct Sample {
    #[command(flatten)]
    target: Target,

    /// How many pictures; with `--label all`, how many a class [default: 64, or 10 a class]
    #[arg(long)]
    n: Option<usize>,

    /// Of which class, by name or number, or `all`: a row of each, with the same codes in every row. Of conditional
    /// models only [default: classes drawn uniformly]
    #[arg(long, value_name = "CLASS")]
    label: Option<String>,

    /// Decides which [default: the run's]
    #[arg(long)]
    seed: Option<u64>,

    /// The sheet, a .png [default: samples.png in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Sample {
    pub fn run(self) -> Result<()> {
        self.n.map_or(Ok(()), |n| count("--n", n, MOST_PICTURES))?;
        if let Some(out) = &self.out {
            Format::of(out, &[Format::Png])?;
        }
        let opened = self.target.open()?;
        let names = &opened.card.classes;
        let classes = match (opened.vae.classes(), self.label.as_deref()) {
            (Some(_), Some("all")) => Classes::Each(names),
            (Some(_), None) => Classes::Drawn(names),
            (_, label) => Classes::One(opened.class(label)?),
        };
        let n = self.n.unwrap_or(classes.usual_count());
        let values: usize = opened.card.picture.iter().product();
        count("--n", n, MOST_PICTURES.min(MOST_VALUES / values) / classes.rows())?;
        if !opened.config.objective.code().is_drawn() {
            ui::note(format_args!("note: {NO_PRIOR}"));
        }
        let sheet = sample_sheet(&opened.vae, self.seed.unwrap_or(opened.config.seed), n, classes);
        let path = opened.picture_path(self.out.as_deref(), "samples.png");
        write_png(&path, &sheet)?;
        ui::data(path.display())
    }
}
