//! The figures: each is a command on any run, and can be asked for in a config, to be drawn when training ends.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, FromArgMatches, Subcommand};

use super::open::Opened;
use crate::config::Figures;
use crate::error::{Error, Result, did_you_mean};

/// A picture that is made of a model.
pub trait Draw {
    /// The command: checks, opens what it is drawn of, draws, and prints the file's path.
    fn run(&self) -> Result<()>;

    /// Checks the arguments, as far as that can be done before there is a model.
    fn check(&self) -> Result<()>;

    /// Checks whether a model of so many latents can be drawn.
    fn suits(&self, _latents: usize) -> Result<()> {
        Ok(())
    }

    /// Draws it, and says which file it is.
    fn draw(&self, opened: &Opened) -> Result<PathBuf>;
}

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

/// What `figures.at_end` asks for, its arguments checked.
///
/// # Errors
/// For a figure that does not exist and arguments that are wrong: the message names the line.
pub fn at_end(figures: &Figures) -> Result<Vec<Figure>> {
    figures.at_end.iter().map(|line| parse(line)).collect()
}

fn parse(line: &str) -> Result<Figure> {
    let wrong = |what: &str| Error::request(format!("figures.at_end: `{line}`: {what}"));
    let command = Figure::augment_subcommands(Command::new("figure").no_binary_name(true));
    let names: Vec<String> = command.get_subcommands().map(|figure| figure.get_name().to_owned()).collect();
    let name = line.split_whitespace().next().unwrap_or_default();
    if !names.iter().any(|known| known == name) {
        return Err(wrong("no such figure").with_hint(match did_you_mean(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the figures are {}", names.join(", ")),
        }));
    }
    let unfit = |error: clap::Error| explained(wrong, &error.to_string());
    let matches = command.try_get_matches_from(line.split_whitespace()).map_err(unfit)?;
    if let Some((_, arguments)) = matches.subcommand()
        && let Some(given) = ["run", "device", "data"].into_iter().find(|argument| is_given(arguments, argument))
    {
        let shown = if given == "run" { "a run".to_owned() } else { format!("`--{given}`") };
        return Err(wrong(&format!("names {shown}; it is drawn of what was trained, where it was trained")));
    }
    let figure = Figure::from_arg_matches(&matches).map_err(unfit)?;
    figure.check().map_err(|error| match error.hint() {
        Some(hint) => wrong(&error.to_string()).with_hint(hint),
        None => wrong(&error.to_string()),
    })?;
    Ok(figure)
}

fn is_given(arguments: &ArgMatches, argument: &str) -> bool {
    arguments.try_contains_id(argument).unwrap_or(false)
        && arguments.value_source(argument) == Some(ValueSource::CommandLine)
}

/// The first line of clap's message, and its tip.
fn explained(wrong: impl Fn(&str) -> Error, message: &str) -> Error {
    let mut lines = message.lines().map(str::trim);
    let error = wrong(lines.next().unwrap_or_default().trim_start_matches("error: "));
    match lines.find_map(|line| line.strip_prefix("tip: ")) {
        Some(tip) => error.with_hint(tip),
        None => error,
    }
}
