//! `vae manifold`: decodes a grid over one or two latents.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use super::config_name::optional_name;
use super::draw::{Draw, Format, Place, run};
use super::figure_context::FigureContext;
use super::images::{labels, rasters_of};
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use crate::check::count;
use crate::density::normal_quantile;
use crate::error::{Error, Result};
use crate::figure::sheet::Sheet;
use crate::figure::{Figure, titled};
use crate::model::{decode, grid};
use crate::objective::NO_PRIOR;
use crate::ui;

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
The grid stands at quantiles of N(0, 1): the same share of the prior lies between two neighbours. With more \
than two latents, those that are not shown are 0. A good model of two latents shows every class, with \
no sudden changes and no empty places.

Examples:
  vae manifold flat --n 15
  vae manifold --dims 3,7 --quantiles 0.01,0.99";

/// Decode a grid over two latents, to see how images merge into each other
#[derive(Args, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(after_long_help = LONG_HELP)]
pub struct Manifold {
    #[command(flatten)]
    #[serde(skip)]
    model: ModelArg,

    /// Show N images per side
    #[arg(long, default_value_t = Self::default().n)]
    n: usize,

    /// Vary latent I to the right and latent J upwards, counted from 0; one index gives a single row [default: the first two]
    #[arg(long, value_name = "I,J", value_delimiter = ',')]
    dims: Vec<usize>,

    /// Go from this quantile of the prior to that one, in steps of equal probability
    #[arg(
        long,
        value_name = "LOW,HIGH",
        value_delimiter = ',',
        default_value = "0.05,0.95"
    )]
    quantiles: Vec<f64>,

    /// Decode as this class (name or number); required for conditional models
    #[arg(long, value_name = "CLASS")]
    #[serde(deserialize_with = "optional_name")]
    label: Option<String>,

    /// Write the sheet here, a .png [default: manifold.png in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Default for Manifold {
    fn default() -> Self {
        Self {
            model: ModelArg::default(),
            n: 15,
            dims: Vec::new(),
            quantiles: vec![0.05, 0.95],
            label: None,
            out: None,
        }
    }
}

impl Draw for Manifold {
    fn run(&self) -> Result<()> {
        run(&self.model, self)
    }

    fn place(&self) -> Place<'_> {
        Place::File(self.out.as_deref())
    }

    fn check(&self) -> Result<()> {
        count("--n", self.n, 100)?;
        if self.dims.len() > 2 || (self.dims.len() == 2 && self.dims[0] == self.dims[1]) {
            return Err(Error::request(format!(
                "--dims {}: expected one latent, or two different ones",
                list(&self.dims)
            ))
            .with_hint("for instance `--dims 0,3`"));
        }
        if !matches!(*self.quantiles, [low, high] if 0.0 < low && low < high && high < 1.0) {
            return Err(Error::request(format!(
                "--quantiles {}: expected two numbers between 0 and 1, the smaller first",
                list(&self.quantiles)
            ))
            .with_hint("for instance `--quantiles 0.05,0.95`"));
        }
        Format::of(self.out.as_deref(), &[Format::Png]).map(drop)
    }

    fn suits(&self, context: &FigureContext) -> Result<()> {
        let latent_count = context.latent_count;
        context.class(self.label.as_deref())?;
        context.fits("--n", self.n.pow(self.shown(latent_count).len() as u32))?;
        match self.dims.iter().find(|&&latent| latent >= latent_count) {
            None => Ok(()),
            Some(latent) if latent_count == 1 => Err(Error::request(format!(
                "--dims: there is no latent {latent}; the model has one, latent 0"
            ))),
            Some(latent) => Err(Error::request(format!(
                "--dims: there is no latent {latent}; the model has {latent_count}, from 0 to {}",
                latent_count - 1
            ))),
        }
    }

    fn draw(&self, model: &LoadedModel) -> Result<Figure> {
        let latent_count = model.vae.network().latent;
        let dims = self.shown(latent_count);
        if self.dims.is_empty() && latent_count > 2 {
            ui::note(format_args!(
                "note: of {latent_count} latents this shows 0 and 1, the others at zero; `--dims I,J` chooses, and `vae traverse` shows what each one does"
            ));
        }
        if !model.config.is_variational() {
            ui::note(format_args!("note: {NO_PRIOR}"));
        } else if !model.config.prior.is_normal() {
            ui::note(
                "note: this model's prior is trained: the quantiles are still those of N(0, 1)",
            );
        }
        let values = self.values();
        let latents = grid(&vec![0.0; latent_count], &dims, &values);
        let class = model.class(self.label.as_deref())?;
        let cells = rasters_of(model, &decode(&model.vae, &latents, class))?;
        let across = labels(&values);
        let up: Vec<String> = across.iter().rev().cloned().collect();
        let sheet = Sheet {
            images: &cells,
            columns: self.n,
            row_labels: (dims.len() == 2).then_some(&up),
            column_labels: Some(&across),
        };
        Figure::png(
            "manifold.png",
            &titled(&sheet.draw(), &title(&dims, latent_count)),
        )
    }
}

impl Manifold {
    /// Returns the indices of the latents that vary.
    fn shown(&self, latent_count: usize) -> Vec<usize> {
        if self.dims.is_empty() {
            (0..latent_count.min(2)).collect()
        } else {
            self.dims.clone()
        }
    }

    /// Returns `n` normal quantiles at equal steps of probability, or the middle one if `n` is 1.
    fn values(&self) -> Vec<f32> {
        let (low, high) = (self.quantiles[0], self.quantiles[1]);
        let probability = |step: usize| match self.n {
            1 => (low + high) / 2.0,
            n => low + (high - low) * step as f64 / (n - 1) as f64,
        };
        (0..self.n)
            .map(|step| normal_quantile(probability(step)) as f32)
            .collect()
    }
}

fn title(dims: &[usize], latent_count: usize) -> String {
    let axes = match *dims {
        [across, up] => format!("z{across} to the right, z{up} upwards"),
        _ => format!("z{}", list(dims)),
    };
    let others = if latent_count > dims.len() {
        ", others 0"
    } else {
        ""
    };
    axes + others
}

fn list<T: ToString>(values: &[T]) -> String {
    values
        .iter()
        .map(T::to_string)
        .collect::<Vec<_>>()
        .join(",")
}
