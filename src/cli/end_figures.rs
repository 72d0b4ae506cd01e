//! The figures that a config asks for. They are drawn when training ends.

use std::path::Path;

use super::draw::{Draw, check_writable};
use super::figure_context::FigureContext;
use super::figures::{figure, kind};
use super::loaded_model::LoadedModel;
use crate::config::Config;
use crate::error::Result;
use crate::ui;

/// The figures of a config's `[[figures]]`, with checked arguments.
pub struct EndFigures(Vec<EndFigure>);

struct EndFigure {
    /// The name of the table in the config, for messages.
    title: String,
    figure: Box<dyn Draw>,
}

impl EndFigures {
    /// Reads and checks the tables.
    ///
    /// # Errors
    /// Returns an error that names the table if a figure does not exist or its arguments are wrong.
    pub fn of(config: &Config) -> Result<Self> {
        let tables = &config.figures.0;
        let read = |(index, table): (usize, &toml::Table)| {
            let number = if tables.len() == 1 {
                String::new()
            } else {
                format!(" number {}", index + 1)
            };
            let title = format!("[[figures]]{number}");
            let kind = kind(table).map_err(|error| error.inside(&title))?;
            let title = format!("{title}, {kind}");
            let figure = figure(kind, table).map_err(|error| error.inside(&title))?;
            figure.check().map_err(|error| error.inside(&title))?;
            Ok(EndFigure { title, figure })
        };
        let figures = tables.iter().enumerate().map(read);
        Ok(Self(figures.collect::<Result<_>>()?))
    }

    /// Checks that the figures can be drawn for the model that is about to be trained.
    pub fn suit(&self, context: &FigureContext) -> Result<()> {
        for EndFigure { title, figure } in &self.0 {
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
        self.0.iter().try_for_each(|EndFigure { title, figure }| {
            check_writable(figure.place(), folder, folder).map_err(|error| error.inside(title))
        })
    }

    /// Draws the figures into the run's folder. A figure that fails does not stop the others.
    ///
    /// # Errors
    /// Returns the last error if figures failed. Earlier errors are printed.
    pub fn draw(&self, model: &LoadedModel) -> Result<()> {
        let mut failed = None;
        for EndFigure { title, figure } in &self.0 {
            let folder = &model.folder;
            match figure.write(model, folder) {
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
            let outline = config.data.kind().outline().unwrap();
            let (shape, class_count) = (outline.shape, outline.class_count);
            let network = config.network(shape, class_count).unwrap();
            let classes: Vec<String> = (0..class_count).map(|class| class.to_string()).collect();
            let context = FigureContext {
                latent_count: network.latent,
                shape,
                classes: &classes,
                conditional: network.condition.is_some(),
            };
            let figures = EndFigures::of(&config).unwrap();
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
        EndFigures::of(&config)
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
}
