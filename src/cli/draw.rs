//! What every figure implements: it checks its arguments, and draws a model.

use std::path::PathBuf;

use super::figure_context::FigureContext;
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use crate::error::Result;
use crate::ui;

/// An image that is made of a model.
pub trait Draw {
    /// The command: checks, opens what it is drawn of, draws, and prints the file's path.
    fn run(&self) -> Result<()>;

    /// Checks the arguments, as far as that can be done before there is a model.
    fn check(&self) -> Result<()>;

    /// Checks whether it can be drawn of such a model; before there is one, too.
    fn suits(&self, _subject: &FigureContext) -> Result<()> {
        Ok(())
    }

    /// Draws it, and says which file it is.
    fn draw(&self, opened: &LoadedModel) -> Result<PathBuf>;
}

/// Draws `figure` of the model that `argument` names, and prints the file's path.
pub fn draw(argument: &ModelArg, figure: &dyn Draw) -> Result<()> {
    figure.check()?;
    let model = argument.open()?;
    figure.suits(&model.subject())?;
    ui::data(figure.draw(&model)?.display())
}
