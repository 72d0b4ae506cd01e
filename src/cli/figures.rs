//! The list of figures. Each is a command on any run, and a kind of `[[figures]]` table in a config.

use clap::Subcommand;
use toml::Table;

use super::draw::Draw;
use crate::error::{Error, Result, did_you_mean};

/// Defines the subcommands and the kinds of `[[figures]]`. A figure is a module, whose name is also the command's, and
/// a struct that both clap and serde fill.
macro_rules! figures {
    ($($(#[$attribute:meta])* $module:ident::$Name:ident),+ $(,)?) => {
        #[derive(Debug, Subcommand)]
        pub enum FigureCommand {
            $($(#[$attribute])* $Name(super::$module::$Name),)+
        }

        impl FigureCommand {
            pub fn run(&self) -> Result<()> {
                match self { $($(#[$attribute])* Self::$Name(figure) => figure.run(),)+ }
            }
        }

        /// The kinds of figures.
        pub const KINDS: &[&str] = &[$($(#[$attribute])* stringify!($module)),+];

        /// Reads a figure of this kind, or returns `None` if the kind does not exist.
        fn of_kind(kind: &str, arguments: Table) -> Option<Result<Box<dyn Draw>, toml::de::Error>> {
            $($(#[$attribute])* if kind == stringify!($module) {
                let figure = arguments.try_into::<super::$module::$Name>();
                return Some(figure.map(|figure| Box::new(figure) as Box<dyn Draw>));
            })+
            None
        }
    };
}

// One line for each figure, in the order of the help.
figures![
    sample::Sample,
    reconstruct::Reconstruct,
    interpolate::Interpolate,
    manifold::Manifold,
    traverse::Traverse,
    animate::Animate,
    embed::Embed,
    edit::Edit,
    #[cfg(test)]
    toy_figure::ToyFigure,
];

impl FigureCommand {
    /// Returns whether several processes divide the work of this figure.
    pub fn is_divided(&self) -> bool {
        match self {
            Self::Embed(_) => true,
            Self::Sample(sample) => sample.is_divided(),
            _ => false,
        }
    }
}

/// Returns the kind that a table of `[[figures]]` names.
///
/// # Errors
/// Returns an error if the kind does not exist.
pub fn kind(table: &Table) -> Result<&str> {
    let expected = || format!("the kinds are {}", KINDS.join(", "));
    let kind = match table.get("kind") {
        Some(toml::Value::String(kind)) => kind.as_str(),
        Some(_) => return Err(Error::request("`kind` is no text in quotes").with_hint(expected())),
        None => return Err(Error::request("has no `kind`").with_hint(expected())),
    };
    if KINDS.contains(&kind) {
        return Ok(kind);
    }
    let error = Error::request(format!("there is no figure `{kind}`"));
    Err(
        error.with_hint(match did_you_mean(kind, KINDS.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => expected(),
        }),
    )
}

/// Reads a table of `[[figures]]` of this kind.
///
/// # Errors
/// Returns an error if a key does not exist or a value has the wrong type.
pub fn figure(kind: &str, table: &Table) -> Result<Box<dyn Draw>> {
    let mut arguments = table.clone();
    arguments.remove("kind");
    let figure = of_kind(kind, arguments)
        .ok_or_else(|| Error::request(format!("there is no figure `{kind}`")))?;
    figure.map_err(|error| crate::config::explain_value(&error))
}
