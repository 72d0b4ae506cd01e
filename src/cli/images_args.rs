//! The flags for images of one's own.

use std::path::Path;

use clap::Args;

use crate::config::{Config, ImageSet, set_all};
use crate::data::{
    Data, DataPaths, Dataset, ImageReport, Images, NamedFolder, load_new, set_aside,
};
use crate::error::{Error, Result, shell_word};
use crate::ui;

/// How images of one's own are read. The flags are short forms of `--set data.images.…`.
#[derive(Args, Clone, Debug, Default)]
pub struct ImagesArgs {
    /// Fit the images of `--data` into N x N pixels, or H x W [default: chosen from the images, at most 64]
    #[arg(long, value_name = "N|HxW")]
    size: Option<String>,

    /// Name the classes of the images of `--data` by their first folder, the last, the whole path, or not at all
    #[arg(long, value_name = "first|last|path|none")]
    labels: Option<String>,

    /// Do not keep the fitted images for the next command. The user's cache keeps up to 20 GB of them, those used last
    #[arg(long)]
    pub no_cache: bool,
}

/// Images of one's own, loaded, and the config to train on them.
pub struct OwnImages {
    pub config: Config,
    pub dataset: Dataset,
    pub report: ImageReport,
}

impl ImagesArgs {
    /// Returns the flags as values for `--set`.
    ///
    /// # Errors
    /// Returns an error if a flag's value is wrong.
    pub fn overrides(&self) -> Result<Vec<String>> {
        let mut overrides = Vec::new();
        if let Some(size) = &self.size {
            let [height, width] = parse_size(size)?;
            overrides.push(format!("data.images.size=[{height},{width}]"));
        }
        if let Some(labels) = &self.labels {
            if !["first", "last", "path", "none"].contains(&labels.as_str()) {
                return Err(Error::request(format!(
                    "--labels {labels}: expected first, last, path or none"
                )));
            }
            overrides.push(format!("data.images.labels=\"{labels}\""));
        }
        Ok(overrides)
    }

    /// Returns the flags as they are typed, each after a space, to be repeated in a command.
    pub fn typed(&self) -> String {
        let flags = [("size", &self.size), ("labels", &self.labels)];
        let values = flags.into_iter().filter_map(|(flag, value)| {
            let value = shell_word(value.as_ref()?);
            Some(format!(" --{flag} {value}"))
        });
        let no_cache = self.no_cache.then(|| " --no-cache".to_owned());
        values.chain(no_cache).collect()
    }

    /// Checks that `--no-cache` has an effect: only images of one's own are kept.
    ///
    /// # Errors
    /// Returns an error if the data set is another one.
    pub fn check(&self, data: &Data) -> Result<()> {
        if !self.no_cache || matches!(data, Data::Images(_)) {
            return Ok(());
        }
        Err(Error::request(format!(
            "--no-cache: the data set is `{}`, and only images of your own are kept: the flag would have no effect",
            data.tag()
        ))
        .with_hint("leave the flag out"))
    }

    /// Returns the places of data with `named` first.
    pub fn places(&self, named: Option<NamedFolder>) -> Result<DataPaths> {
        Ok(DataPaths {
            keeps_images: !self.no_cache,
            ..DataPaths::from_environment(named)?
        })
    }

    /// Loads the images of a folder, and chooses a config for them; `overrides` change it.
    pub fn load(&self, folder: &Path, overrides: &[String]) -> Result<OwnImages> {
        let of_data: Vec<String> = overrides
            .iter()
            .filter(|assignment| assignment.trim_start().starts_with("data."))
            .cloned()
            .collect();
        let any = ImageSet {
            shape: [1, 28, 28],
            images: 1,
            is_black_and_white: false,
            has_validation: false,
        };
        let start = Config::for_images(&Images::default(), any)?;
        let start = set_all(&set_all(&start, &self.overrides()?)?, &of_data)?;
        start.data.kind().check()?;
        let mut data = start.data;
        if let Data::Images(images) = &mut data {
            // How many are set aside is chosen by how many there are.
            images.validation = 0;
        }
        let places = self.places(Some(NamedFolder::by_flag(folder)))?;
        let (dataset, report) = load_new(&data, &places)?;
        let (Data::Images(_), Some(report)) = (&data, report) else {
            return Err(Error::request(format!(
                "--set data.{}: the images of `--data {}` are the data",
                data.tag(),
                folder.display()
            ))
            .with_hint("name the data set's config as well: `--config`"));
        };
        let set = ImageSet {
            shape: report.shape,
            images: dataset.train.len(),
            is_black_and_white: report.summary.is_black_and_white(),
            has_validation: dataset.validation.is_some(),
        };
        let config = Config::for_images(&report.settings, set)?;
        let config = set_all(&config, overrides)?;
        let dataset = set_aside(&config.data, dataset)?;
        Ok(OwnImages {
            report: report.with_counts(&dataset),
            dataset,
            config,
        })
    }
}

/// Reads `64`, or `48x64` as height and width.
fn parse_size(text: &str) -> Result<[usize; 2]> {
    let wrong = || {
        Error::request(format!(
            "--size {text}: expected a number of pixels, or height x width, as in `64` or `48x64`"
        ))
    };
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
    match text.split_once(['x', 'X']) {
        Some((height, width)) => Ok([number(height)?, number(width)?]),
        None => number(text).map(|side| [side; 2]),
    }
}

/// Prints what was found in a folder of images.
pub fn introduce(report: &ImageReport, listed_in: Option<&str>) {
    ui::note(report.text(listed_in));
}
