//! `vae sample`: pictures drawn from the prior.

use std::path::PathBuf;

use clap::Args;

use super::figures::Draw;
use super::open::{Opened, Target};
use super::pictures::{Classes, Format, MOST_PICTURES, pictures_fit, sample_sheet};
use crate::check::{at_least_zero, count};
use crate::error::Result;
use crate::figure::sheet::write_png;
use crate::objective::NO_PRIOR;
use crate::ui;

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

    /// The standard deviation of the codes: below 1 more typical pictures, above 1 stranger ones
    #[arg(long, value_name = "T", default_value_t = 1.0, allow_negative_numbers = true)]
    temperature: f32,

    /// The sheet, a .png [default: samples.png in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Draw for Sample {
    fn run(&self) -> Result<()> {
        self.target.draw(self)
    }

    fn check(&self) -> Result<()> {
        self.n.map_or(Ok(()), |n| count("--n", n, MOST_PICTURES))?;
        at_least_zero("--temperature", f64::from(self.temperature))?;
        self.out.as_deref().map_or(Ok(()), |out| Format::of(out, &[Format::Png]).map(drop))
    }

    fn draw(&self, opened: &Opened) -> Result<PathBuf> {
        let names = &opened.card.classes;
        let classes = match (opened.vae.classes(), self.label.as_deref()) {
            (Some(_), Some("all")) => Classes::Each(names),
            (Some(_), None) => Classes::Drawn(names),
            (_, label) => Classes::One(opened.class(label)?),
        };
        let n = self.n.unwrap_or(classes.usual_count());
        pictures_fit("--n", n * classes.rows(), opened)?;
        if !opened.config.objective.code().is_drawn() {
            ui::note(format_args!("note: {NO_PRIOR}"));
        }
        let seed = self.seed.unwrap_or(opened.config.seed);
        let sheet = sample_sheet(&opened.vae, seed, n, classes, self.temperature);
        let path = opened.picture_path(self.out.as_deref(), "samples.png");
        write_png(&path, &sheet)?;
        Ok(path)
    }
}
