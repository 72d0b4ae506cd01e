//! What every figure implements, and where its files go.

use std::path::{Path, PathBuf};

use super::figure_context::FigureContext;
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::{files, ui};

/// A figure that can be drawn of a model: a command, and a table `[[figures]]` of a config.
pub trait Draw {
    /// Runs the command: checks, draws, writes the files, and prints their paths.
    fn run(&self) -> Result<()>;

    /// Returns where `--out` wants the figure.
    fn place(&self) -> Place<'_>;

    /// Checks the arguments, as far as that can be done without a model.
    fn check(&self) -> Result<()>;

    /// Checks that the figure can be drawn of such a model, which need not exist yet.
    fn suits(&self, _context: &FigureContext) -> Result<()> {
        Ok(())
    }

    /// Draws the figure.
    fn draw(&self, model: &LoadedModel) -> Result<Figure>;
}

/// Runs the command that draws `figure` of the model that `argument` names.
pub fn run(argument: &ModelArg, figure: &dyn Draw) -> Result<()> {
    figure.check()?;
    let model = argument.open()?;
    figure.suits(&model.context())?;
    let drawn = figure.draw(&model)?;
    write(&drawn, figure.place(), &model.folder)
}

/// Writes the files of a figure and prints their paths.
pub fn write(figure: &Figure, place: Place, folder: &Path) -> Result<()> {
    let paths = save(figure, place, folder, Path::new(""))?;
    paths.iter().try_for_each(|path| ui::data(path.display()))
}

/// Where a figure goes.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// All of its files go to the folder of the run, or to the folder named.
    Folder(Option<&'a Path>),
    /// The image goes to the file named; without a name, to the folder of the run.
    File(Option<&'a Path>),
}

/// Writes the files of a figure and returns their paths, that of the image first. `folder` is where they go unless
/// `place` names another; a path in `place` is relative to `base`.
pub fn save(figure: &Figure, place: Place, folder: &Path, base: &Path) -> Result<Vec<PathBuf>> {
    let (image, folder) = match place {
        Place::File(Some(path)) => (base.join(path), None),
        Place::Folder(Some(path)) => (
            base.join(path).join(&figure.image.name),
            Some(base.join(path)),
        ),
        Place::File(None) | Place::Folder(None) => {
            (folder.join(&figure.image.name), Some(folder.to_path_buf()))
        }
    };
    files::write(&image, &figure.image.bytes)?;
    let mut paths = vec![image];
    if let Some(folder) = folder {
        for file in &figure.beside {
            let path = folder.join(&file.name);
            files::write(&path, &file.bytes)?;
            paths.push(path);
        }
    }
    Ok(paths)
}

/// The format that a file's name asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Png,
    Svg,
    Gif,
}

/// The formats of a chart.
pub const CHARTS: &[Format] = &[Format::Png, Format::Svg];

impl Format {
    /// Returns the format of `path`, or the first one that is allowed if there is no path.
    ///
    /// # Errors
    /// If the name ends in another format than the allowed ones.
    pub fn of(path: Option<&Path>, allowed: &[Self]) -> Result<Self> {
        let Some(path) = path else {
            return Ok(allowed.first().copied().unwrap_or(Self::Png));
        };
        let ending = path
            .extension()
            .map(|ending| ending.to_string_lossy().to_lowercase());
        let format = allowed
            .iter()
            .find(|format| Some(format.ending()) == ending.as_deref());
        format.copied().ok_or_else(|| {
            let names = allowed
                .iter()
                .map(|format| format!("`.{}`", format.ending()));
            let names = names.collect::<Vec<_>>().join(" or ");
            Error::file(path, format!("expected a name that ends in {names}"))
        })
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Svg => "svg",
            Self::Gif => "gif",
        }
    }
}
