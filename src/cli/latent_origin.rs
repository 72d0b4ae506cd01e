//! The argument `--from` of `vae sample`: where the latents come from.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::Deserialize;

/// The most components of a mixture. More would take hours to fit, and gigabytes.
pub const MOST_COMPONENTS: usize = 1000;

/// The distribution of the latents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum LatentOrigin {
    #[default]
    Prior,
    /// The box that the latents of the training images span.
    Box,
    /// A mixture of this many Gaussians, fitted to the latents of the training images.
    Mixture(usize),
}

impl LatentOrigin {
    /// Returns whether the training images are needed to draw from it.
    pub fn reads_data(self) -> bool {
        self != Self::Prior
    }
}

impl FromStr for LatentOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "prior" => return Ok(Self::Prior),
            "box" => return Ok(Self::Box),
            _ => {}
        }
        let count = text
            .strip_prefix("mixture:")
            .and_then(|count| count.parse::<usize>().ok())
            .filter(|count| (1..=MOST_COMPONENTS).contains(count));
        count.map(Self::Mixture).ok_or_else(|| {
            format!(
                "expected `prior`, `box` or `mixture:K` with K from 1 to {MOST_COMPONENTS}, for instance `mixture:10`"
            )
        })
    }
}

impl TryFrom<String> for LatentOrigin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
            .map_err(|expected| format!("from = {text:?}: {expected}"))
    }
}

impl Display for LatentOrigin {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prior => f.write_str("prior"),
            Self::Box => f.write_str("box"),
            Self::Mixture(count) => write!(f, "mixture:{count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_needs_its_number_of_components() {
        for text in ["prior", "box", "mixture:1", "mixture:1000"] {
            assert_eq!(text.parse::<LatentOrigin>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "mixture",
            "mixture:",
            "mixture:0",
            "mixture:1001",
            "mixture:-1",
            "gmm:3",
        ] {
            assert!(
                text.parse::<LatentOrigin>()
                    .unwrap_err()
                    .contains("`mixture:10`")
            );
        }
    }
}
