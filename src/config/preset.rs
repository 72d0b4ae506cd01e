//! The configs that are compiled into the binary.

use std::path::Path;

use super::Config;
use crate::error::{Error, Result, did_you_mean};

/// A config that is compiled into the program.
pub struct Preset {
    pub name: &'static str,
    pub text: &'static str,
}

macro_rules! presets {
    ($($name:literal),+) => {
        /// Every file in `configs/`.
        pub const PRESETS: &[Preset] =
            &[$(Preset { name: $name, text: include_str!(concat!("../../configs/", $name, ".toml")) }),+];
    };
}

presets![
    "digits",
    "smoke",
    "mnist",
    "mnist-conv",
    "mlp-tf",
    "mlp-tf-gaussian",
    "cvae-tf",
    "mlp-keras",
    "deconv-keras",
    "conv-keras",
    "vae-keras-io",
    "ae-8",
    "ae-32",
    "ae-denoise",
    "vae-mse",
    "vae-bce",
    "cvae",
    "beta-vae",
    "beta-vae-sprites",
    "iwae-1",
    "iwae-2",
    "pythae-vae",
    "emoji-64",
    "tiles-64"
];

impl Preset {
    /// Returns the description of the preset, which is the first line of its file.
    pub fn about(&self) -> &'static str {
        self.text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches(['#', ' '])
    }

    /// Reads the config.
    pub fn config(&self) -> Result<Config> {
        Config::parse(
            self.text,
            &Path::new("configs").join(self.name).with_extension("toml"),
        )
    }
}

/// Finds a preset by its name: `mnist`, `mnist.toml` and `configs/mnist.toml` all name the same preset.
///
/// # Errors
/// Returns an error if there is no such preset; the message says that there is no such file either.
pub fn find(wanted: &str) -> Result<&'static Preset> {
    let path = Path::new(wanted);
    let folder = path
        .parent()
        .filter(|folder| *folder != Path::new("") && *folder != Path::new("configs"));
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let name = name.strip_suffix(".toml").unwrap_or(&name);
    if let Some(preset) = PRESETS
        .iter()
        .find(|preset| preset.name == name && folder.is_none())
    {
        return Ok(preset);
    }
    let names = || PRESETS.iter().map(|preset| preset.name);
    let error = Error::request(format!(
        "{wanted}: no such file, and no preset of that name"
    ));
    Err(error.with_hint(match did_you_mean(name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the presets are {}", names().collect::<Vec<_>>().join(", ")),
    }))
}
