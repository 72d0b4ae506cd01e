//! The figures that a config asks for. They are drawn when training ends.

use std::path::Path;

use super::draw::{Draw, Place, check_writable};
use super::figure_context::FigureContext;
use super::figures::{figure, kind};
use super::loaded_model::LoadedModel;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::files::occupy;
use crate::ui;

/// The figures of a config's `[[figures]]`, with checked arguments.
pub struct EndFigures(Vec<EndFigure>);

struct EndFigure {
    kind: String,
    /// The name of the table in the config, for messages.
    title: String,
    figure: Box<dyn Draw>,
}

impl EndFigure {
    /// Returns whether both figures write the same files. Figures of different kinds have other names in the same folder.
    fn overwrites(&self, other: &Self) -> bool {
        match (self.figure.place(), other.figure.place()) {
            (Place::File(Some(one)), Place::File(Some(other))) => one == other,
            (Place::File(None), Place::File(None)) => self.kind == other.kind,
            (Place::Folder(one), Place::Folder(two)) => self.kind == other.kind && one == two,
            (one @ Place::Export(..), two @ Place::Export(..)) => {
                let here = Path::new("");
                one.folder(here, here) == two.folder(here, here)
            }
            _ => false,
        }
    }
}

/// Returns whether `--set` replaces the figures, so that they do not stand in the config's file.
pub fn sets_figures(overrides: &[String]) -> bool {
    overrides
        .iter()
        .any(|assignment| assignment.trim_start().starts_with("figures"))
}

impl EndFigures {
    /// Reads and checks the tables. `file` is the one that they stand in, for messages.
    ///
    /// # Errors
    /// Returns an error that names the table if a figure does not exist or its arguments are wrong.
    pub fn of(config: &Config, file: Option<&Path>) -> Result<Self> {
        let tables = &config.figures.0;
        let place = file.map_or_else(String::new, |file| format!("{}: ", file.display()));
        let read = |(index, table): (usize, &toml::Table)| {
            let number = if tables.len() == 1 {
                String::new()
            } else {
                format!(" number {}", index + 1)
            };
            let title = format!("{place}[[figures]]{number}");
            let kind = kind(table).map_err(|error| error.inside(&title))?;
            let title = format!("{title}, {kind}");
            let figure = figure(kind, table).map_err(|error| error.inside(&title))?;
            figure.check().map_err(|error| error.inside(&title))?;
            let kind = kind.to_owned();
            Ok(EndFigure {
                kind,
                title,
                figure,
            })
        };
        let figures = tables.iter().enumerate().map(read);
        let figures: Vec<EndFigure> = figures.collect::<Result<_>>()?;
        for (index, later) in figures.iter().enumerate() {
            if let Some(earlier) = figures[..index].iter().find(|one| one.overwrites(later)) {
                let what = format!(
                    "{} and {} would write the same files",
                    earlier.title, later.title
                );
                return Err(Error::request(what)
                    .with_hint("give each an `out` of its own, as in `out = \"second.png\"`"));
            }
        }
        Ok(Self(figures))
    }

    /// Checks that the figures can be drawn for the model that is about to be trained.
    pub fn suit(&self, context: &FigureContext) -> Result<()> {
        for EndFigure { title, figure, .. } in &self.0 {
            figure.suits(context).map_err(|error| {
                let hint = error.hint().map(|hint| format!("{hint}; "));
                let leave_out = "`--set figures=[]` trains without figures";
                error
                    .inside(title)
                    .with_hint(hint.unwrap_or_default() + leave_out)
            })?;
        }
        Ok(())
    }

    /// Checks, before the training, that the figures can be written into the run's folder.
    pub fn check_writable(&self, folder: &Path) -> Result<()> {
        self.0
            .iter()
            .try_for_each(|EndFigure { title, figure, .. }| {
                check_writable(figure.place(), folder, folder).map_err(|error| error.inside(title))
            })
    }

    /// Draws the figures into the run's folder. A figure that fails does not stop the others.
    ///
    /// # Errors
    /// Returns the last error if figures failed. Earlier errors are printed.
    pub fn draw(&self, model: &LoadedModel) -> Result<()> {
        let mut failed = None;
        for EndFigure { title, figure, .. } in &self.0 {
            let folder = &model.folder;
            let claim = match figure.place() {
                // The figures of a run replace those from before it was resumed. A folder that was removed is not made again.
                place @ Place::Export(..) if folder.is_dir() => {
                    occupy(&place.folder(folder, folder)).map(Some)
                }
                _ => Ok(None),
            };
            match claim.and_then(|_claim| figure.write(model, folder)) {
                Ok(paths) => {
                    if let Some(path) = paths.first() {
                        ui::note(format_args!("look at {}", path.display()));
                    }
                }
                Err(error) => {
                    if let Some(earlier) = failed.replace(error.inside(title)) {
                        ui::note(earlier.render());
                    }
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PRESETS, find};

    #[test]
    fn the_presets_ask_for_figures_that_can_be_drawn() {
        for preset in PRESETS {
            let (config, _) = find(preset.name).unwrap();
            // Images of one's own have the shape that the config gives them; these presets' are 64x64.
            let outline = config.data.kind().outline();
            let (shape, class_count) = outline.map_or(([3, 64, 64], 0), |outline| {
                (outline.shape, outline.class_count)
            });
            let network = config.network(shape, class_count).unwrap();
            let classes: Vec<String> = (0..class_count).map(|class| class.to_string()).collect();
            let context = FigureContext {
                latent_count: network.latent,
                shape,
                classes: &classes,
                conditional: network.condition.is_some(),
            };
            let figures = EndFigures::of(&config, None).unwrap();
            figures
                .suit(&context)
                .unwrap_or_else(|error| panic!("{}: {}", preset.name, error.render()));
        }
    }

    /// Reads the figures of a config's `[[figures]]` tables.
    fn figures(text: &str) -> Result<EndFigures> {
        let (mut config, _) = find("smoke").unwrap();
        let tables = toml::from_str::<toml::Table>(text).unwrap();
        config.figures.0 = tables["figures"].clone().try_into().unwrap();
        EndFigures::of(&config, None)
    }

    #[test]
    fn a_new_figure_is_one_file_and_one_line() {
        let found = figures("[[figures]]\nkind = \"toy_figure\"\nside = 5").unwrap();
        assert_eq!(found.0[0].title, "[[figures]], toy_figure");
        let wrong = figures("[[figures]]\nkind = \"toy_figure\"\nside = 0")
            .err()
            .unwrap();
        assert_eq!(
            wrong.to_string(),
            "[[figures]], toy_figure: --side is 0; expected a whole number of at least 1"
        );
        let wrong = figures("[[figures]]\nkind = \"toy_figure\"\nsid = 5")
            .err()
            .unwrap();
        assert_eq!(wrong.hint(), Some("did you mean `side`?"));
    }

    #[test]
    fn two_figures_that_would_write_the_same_files_are_both_named() {
        let two = |first: &str, second: &str| {
            let table = |rest: &str| format!("[[figures]]\n{rest}\n");
            figures(&(table(first) + &table(second)))
                .map(drop)
                .map_err(|error| error.to_string())
        };
        for (first, second, expected) in [
            (
                "kind = \"sample\"",
                "kind = \"sample\"\nn = 9",
                "[[figures]] number 1, sample and [[figures]] number 2, sample",
            ),
            (
                "kind = \"embed\"",
                "kind = \"embed\"\nn = 9",
                "number 2, embed",
            ),
            (
                "kind = \"sample\"\nout = \"a.png\"",
                "kind = \"manifold\"\nout = \"a.png\"",
                "number 2, manifold",
            ),
        ] {
            let error = two(first, second).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(error.contains("the same files"), "{error}");
        }
        for (first, second) in [
            ("kind = \"sample\"", "kind = \"sample\"\nout = \"a.png\""),
            ("kind = \"sample\"", "kind = \"manifold\""),
            (
                "kind = \"embed\"\nout = \"a\"",
                "kind = \"embed\"\nout = \"b\"",
            ),
        ] {
            two(first, second).unwrap();
        }
    }
}
