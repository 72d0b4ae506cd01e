//! A figure for tests. It shows what a new figure needs: this file and one line in the list.

use std::path::PathBuf;

use clap::Args;
use image::RgbImage;
use serde::Deserialize;

use super::draw::{Draw, Place, run};
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use crate::check::at_least_one;
use crate::error::Result;
use crate::figure::Figure;

/// Draw a black square
#[derive(Args, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ToyFigure {
    #[command(flatten)]
    #[serde(skip)]
    model: ModelArg,

    /// The length of a side
    #[arg(long, default_value_t = Self::default().side)]
    side: usize,

    /// Write the image here, a .png
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Default for ToyFigure {
    fn default() -> Self {
        Self {
            model: ModelArg::default(),
            side: 28,
            out: None,
        }
    }
}

impl Draw for ToyFigure {
    fn run(&self) -> Result<()> {
        run(&self.model, self)
    }

    fn place(&self) -> Place<'_> {
        Place::File(self.out.as_deref())
    }

    fn check(&self) -> Result<()> {
        at_least_one("--side", self.side)
    }

    fn draw(&self, _model: &LoadedModel) -> Result<Figure> {
        Figure::png(
            "toy.png",
            &RgbImage::new(self.side as u32, self.side as u32),
        )
    }
}
