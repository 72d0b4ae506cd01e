//! The trait that every figure implements, and the writing of its files.

use std::path::{Path, PathBuf};

use super::destination::{Destination, note_viewer};
use super::figure_context::FigureContext;
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use super::next::after_figure;
use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::run::{NEW, RunFolder};
use crate::{files, parallel, ui};

/// A figure of a model. It is a command, and a table `[[figures]]` of a config.
pub trait Draw {
    /// Runs the command: checks the arguments, draws the figure, writes its files and prints their paths.
    fn run(&self) -> Result<()>;

    /// Returns the place that `--out` names.
    fn place(&self) -> Place<'_>;

    /// Checks the arguments as far as that is possible without a model.
    fn check(&self) -> Result<()>;

    /// Checks that the figure can be drawn for a model with these properties, which need not exist yet.
    fn suits(&self, _context: &FigureContext) -> Result<()> {
        Ok(())
    }

    /// Draws the figure.
    fn draw(&self, model: &LoadedModel) -> Result<Figure>;

    /// Returns whether the figure shows new images that a person named.
    fn shows_new_images(&self) -> bool {
        false
    }

    /// Draws the figure, writes its files and returns their paths, starting with the image. A relative path of `--out`
    /// starts from `base`. New images leave the files of the test images in the run's folder as they are.
    fn write(&self, model: &LoadedModel, base: &Path) -> Result<Vec<PathBuf>> {
        let figure = self.draw(model)?;
        let place = self.place();
        match place {
            Place::File(None) | Place::Folder(None) if self.shows_new_images() => {
                save(&figure.with_prefix(NEW), place, &model.folder, base)
            }
            _ => save(&figure, place, &model.folder, base),
        }
    }
}

/// Runs a figure's command: loads the model that `argument` names and draws `figure` for it.
pub fn run(argument: &ModelArg, figure: &dyn Draw) -> Result<()> {
    figure.check()?;
    let (model, claim) = argument.open_after(|folder| match figure.place() {
        Place::Export(name, out) if parallel::is_first() => {
            Destination::claim(out, folder, name).map(Some)
        }
        _ => Ok(None),
    })?;
    figure.suits(&model.context())?;
    check_writable(figure.place(), &model.folder, Path::new(""))?;
    print(&figure.write(&model, Path::new(""))?)?;
    if let Some(destination) = &claim {
        note_viewer(&destination.path);
    }
    after_figure(&model);
    Ok(())
}

/// Prints the paths of files that were written.
pub fn print(paths: &[PathBuf]) -> Result<()> {
    paths.iter().try_for_each(|path| ui::data(path.display()))
}

/// The destination of a figure.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// All files go to this folder, or to the run's folder if it is `None`.
    Folder(Option<&'a Path>),
    /// All files go to the given folder or, if it is `None`, to the folder of this name in the run's folder. The files refer to
    /// each other, so the folder may hold no others, and the command claims it.
    Export(&'static str, Option<&'a Path>),
    /// The image goes to this file, or to the run's folder if it is `None`.
    File(Option<&'a Path>),
}

impl Place<'_> {
    /// Returns the folder that the files are written into, under the names that the figure gives them. The arguments are
    /// those of [`save`].
    pub fn folder(self, folder: &Path, base: &Path) -> PathBuf {
        match self {
            Self::Folder(Some(path)) | Self::Export(_, Some(path)) => base.join(path),
            Self::Export(name, None) => folder.join(name),
            Self::File(_) | Self::Folder(None) => folder.to_path_buf(),
        }
    }
}

/// Checks, before a figure is drawn, that its files can be written. The arguments are those of [`save`].
pub fn check_writable(place: Place, folder: &Path, base: &Path) -> Result<()> {
    if !parallel::is_first() {
        return Ok(());
    }
    match place {
        Place::File(Some(path)) => files::check_writable(&base.join(path)),
        _ => files::check_folder_writable(&place.folder(folder, base)),
    }
}

/// Writes the files of a figure and returns their paths, starting with the image. The files go to `folder` unless
/// `place` names another path; a relative path in `place` starts from `base`. Of several processes, the first one writes.
pub fn save(figure: &Figure, place: Place, folder: &Path, base: &Path) -> Result<Vec<PathBuf>> {
    if !parallel::is_first() {
        return Ok(Vec::new());
    }
    // A run's folder that was removed is not made again.
    let base_folder = RunFolder {
        path: base.to_path_buf(),
    };
    if !base_folder.is_there() {
        return Err(base_folder.removed());
    }
    if let Place::File(Some(path)) = place {
        let image = base.join(path);
        files::write(&image, &figure.image.bytes)?;
        return Ok(vec![image]);
    }
    let own = folder;
    let folder = place.folder(own, base);
    if folder != own {
        files::make_folder(&folder)?;
    }
    let all = std::iter::once(&figure.image).chain(&figure.beside);
    let contents: Vec<(&str, &[u8])> = all.map(|file| (&*file.name, &*file.bytes)).collect();
    files::write_together(&folder, &contents)?;
    Ok(contents.iter().map(|(name, _)| folder.join(name)).collect())
}

/// A file format, given by the extension of the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Png,
    Svg,
    Gif,
}

/// The formats of a chart.
pub const CHARTS: &[Format] = &[Format::Png, Format::Svg];

impl Format {
    /// Returns the format of `path`, or the first allowed format if `path` is `None`.
    ///
    /// # Errors
    /// Returns an error if the extension belongs to no allowed format.
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
