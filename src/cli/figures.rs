//! The figures: each is a command on any run, and can be asked for in a config, to be drawn when training ends.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, FromArgMatches, Subcommand};

use super::draw::Draw;
use super::figure_context::FigureContext;
use super::loaded_model::LoadedModel;
use crate::config::Figures;
use crate::error::{Error, Result, did_you_mean};

macro_rules! figures {
    ($($module:ident::$Name:ident),+ $(,)?) => {
        #[derive(Debug, Subcommand)]
        pub enum Figure {
            $($Name(super::$module::$Name),)+
        }

        impl std::ops::Deref for Figure {
            type Target = dyn Draw;

            fn deref(&self) -> &Self::Target {
                match self { $(Self::$Name(figure) => figure,)+ }
            }
        }
    };
}

// A line each, in the order of the help.
figures![
    sample::Sample,
    reconstruct::Reconstruct,
    interpolate::Interpolate,
    manifold::Manifold,
    traverse::Traverse,
    animate::Animate,
    embed::Embed,
    edit::Edit,
];

/// A figure that a config asks for.
#[derive(Debug)]
pub struct AtEnd {
    /// As it stands in the config.
    line: String,
    figure: Figure,
}

/// What `figures.at_end` asks for, its arguments checked.
///
/// # Errors
/// For a figure that does not exist and arguments that are wrong: the message names the line.
pub fn at_end(figures: &Figures) -> Result<Vec<AtEnd>> {
    figures
        .at_end
        .iter()
        .map(|line| {
            Ok(AtEnd {
                line: line.clone(),
                figure: parse(line)?,
            })
        })
        .collect()
}

impl AtEnd {
    /// Checks whether it can be drawn of what is to be trained.
    pub fn suits(&self, subject: &FigureContext) -> Result<()> {
        self.figure.suits(subject).map_err(|error| {
            let hint = error
                .hint()
                .map(|hint| format!("{hint}; in the config's `figures.at_end`, of which "))
                .unwrap_or_default();
            wrong(&self.line, &error.to_string())
                .with_hint(hint + "`--set 'figures.at_end=[]'` leaves all out")
        })
    }

    pub fn draw(&self, opened: &LoadedModel) -> Result<PathBuf> {
        self.figure
            .draw(opened)
            .map_err(|error| because(&self.line, &error))
    }
}

fn wrong(line: &str, what: &str) -> Error {
    Error::request(format!("figures.at_end: `{line}`: {what}"))
}

fn because(line: &str, error: &Error) -> Error {
    let named = wrong(line, &error.to_string());
    error.hint().into_iter().fold(named, Error::with_hint)
}

fn parse(line: &str) -> Result<Figure> {
    let command = Figure::augment_subcommands(Command::new("figure").no_binary_name(true));
    let names: Vec<String> = command
        .get_subcommands()
        .map(|figure| figure.get_name().to_owned())
        .collect();
    let words =
        shlex::split(line).ok_or_else(|| wrong(line, "a quote is opened and not closed"))?;
    let name = words.first().map_or("", String::as_str);
    if !names.iter().any(|known| known == name) {
        return Err(wrong(line, "no such figure").with_hint(
            match did_you_mean(name, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the figures are {}", names.join(", ")),
            },
        ));
    }
    let unfit = |error: clap::Error| explained(line, &error.to_string());
    let matches = command.try_get_matches_from(&words).map_err(unfit)?;
    if let Some((_, arguments)) = matches.subcommand()
        && let Some(given) = ["run", "device", "data"]
            .into_iter()
            .find(|argument| is_given(arguments, argument))
    {
        let shown = if given == "run" {
            "a run".to_owned()
        } else {
            format!("`--{given}`")
        };
        return Err(wrong(
            line,
            &format!("names {shown}; it is drawn of what was trained, where it was trained"),
        ));
    }
    let figure = Figure::from_arg_matches(&matches).map_err(unfit)?;
    figure.check().map_err(|error| because(line, &error))?;
    Ok(figure)
}

fn is_given(arguments: &ArgMatches, argument: &str) -> bool {
    arguments.try_contains_id(argument).unwrap_or(false)
        && arguments.value_source(argument) == Some(ValueSource::CommandLine)
}

/// The first line of clap's message, and its tip.
fn explained(line: &str, message: &str) -> Error {
    let mut lines = message.lines().map(str::trim);
    let error = wrong(
        line,
        lines
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: "),
    );
    match lines.find_map(|line| line.strip_prefix("tip: ")) {
        Some(tip) => error.with_hint(tip),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PRESETS, find};

    #[test]
    fn the_presets_ask_for_what_can_be_drawn_of_them() {
        for preset in PRESETS {
            let (config, _) = find(preset.name).unwrap();
            let outline = config.data.kind().outline().unwrap();
            let (shape, classes) = (outline.shape, outline.class_count);
            let network = config.network(shape, classes).unwrap();
            let classes: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
            let (latent_count, conditional) = (network.latent, network.condition.is_some());
            let subject = FigureContext {
                latent_count,
                shape,
                classes: &classes,
                conditional,
            };
            for figure in at_end(&config.figures).unwrap() {
                figure
                    .suits(&subject)
                    .unwrap_or_else(|error| panic!("{}: {}", preset.name, error.render()));
            }
        }
    }
}
