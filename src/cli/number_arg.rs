//! Flags that expect a number, and were given something else.

use std::error::Error as _;
use std::num::{IntErrorKind, ParseFloatError, ParseIntError};

use clap::error::{ContextKind, ContextValue};

use crate::error::Error;

/// Returns clap's error about a number that cannot be read, in words, or `None` if it is about anything else.
pub fn wrong_number(error: &clap::Error) -> Option<Error> {
    let cause = error.source()?;
    let expected = if let Some(cause) = cause.downcast_ref::<ParseIntError>() {
        match cause.kind() {
            IntErrorKind::PosOverflow => format!("a whole number of at most {}", u64::MAX),
            _ => "a whole number".to_owned(),
        }
    } else if cause.is::<ParseFloatError>() {
        "a number".to_owned()
    } else {
        return None;
    };
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (argument, value) = (
        context(ContextKind::InvalidArg)?,
        context(ContextKind::InvalidValue)?,
    );
    // "--epochs <N>" is the flag with the name of its value.
    let flag = argument.split(' ').next()?;
    let expected = match value.starts_with('-') && expected == "a whole number" {
        true => "a whole number of at least 0".to_owned(),
        false => expected,
    };
    Some(Error::request(format!(
        "{flag} {value:?}: expected {expected}"
    )))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Arguments {
        #[arg(long, value_delimiter = ',', value_name = "K,...")]
        counts: Vec<usize>,
        #[arg(long)]
        seed: Option<u64>,
        #[arg(long)]
        range: Option<f32>,
        #[arg(long)]
        flag: bool,
    }

    fn said(argument: &str) -> Option<String> {
        let error = Arguments::try_parse_from(["vae", argument]).unwrap_err();
        wrong_number(&error).map(|error| error.to_string())
    }

    #[test]
    fn a_flag_that_wants_a_number_says_so_in_words() {
        for (argument, words) in [
            ("--counts=1,a", r#"--counts "a": expected a whole number"#),
            ("--seed=1.5", r#"--seed "1.5": expected a whole number"#),
            (
                "--seed=-1",
                r#"--seed "-1": expected a whole number of at least 0"#,
            ),
            (
                "--seed=99999999999999999999",
                r#"--seed "99999999999999999999": expected a whole number of at most 18446744073709551615"#,
            ),
            ("--range=wide", r#"--range "wide": expected a number"#),
        ] {
            assert_eq!(said(argument).as_deref(), Some(words));
        }
        assert_eq!(said("--flags"), None);
    }
}
