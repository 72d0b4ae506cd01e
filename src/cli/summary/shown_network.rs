//! The network that `vae summary` shows: that of a preset, of a config, of a person's images or of a trained model.

use std::path::Path;

use crate::cli::images_args::ImagesArgs;
use crate::cli::model_arg::locate;
use crate::cli::next::{run_word, typed};
use crate::config::{self, Config, find_preset, set_all};
use crate::data::{self, Data, NamedFolder};
use crate::error::{Error, Result, shell_word};
use crate::model::{Model, Network};
use crate::train::ModelFile;
use crate::ui;

/// A network whose shapes are known.
pub struct ShownNetwork {
    /// The name of its preset, file, folder or run.
    pub name: String,
    pub config: Config,
    pub network: Network,
    /// The number of training images, if it is known.
    pub images: Option<usize>,
    /// The command that comes next.
    pub command: String,
}

/// The facts about its images that a network depends on.
struct Shape {
    /// `[C, H, W]`.
    image: [usize; 3],
    /// `None` if it is not known whether there are labels.
    class_count: Option<usize>,
    /// The number of training images without those for validation, if it is known.
    images: Option<usize>,
}

/// Finds the network that the arguments name.
///
/// # Errors
/// Returns an error if there is no such preset, file or run, if an argument would have no effect, or if the shape of the
/// images is not known.
pub fn find(
    named: Option<&str>,
    overrides: &[String],
    data: Option<&Path>,
    images: &ImagesArgs,
) -> Result<ShownNetwork> {
    match (named, data) {
        (None, Some(folder)) => of_images(folder, overrides, images),
        (Some(named), _) if is_config(named) => {
            let (config, name) = config::find(named)?;
            let config = set_all(&set_all(&config, &images.overrides()?)?, overrides)?;
            let data_flag = data.map(|folder| format!(" --data {}", shell_word(folder)));
            let flags = images.typed() + &typed(overrides);
            let command = format!(
                "train --config {}{}{flags}",
                shell_word(named),
                data_flag.unwrap_or_default()
            );
            Ok(ShownNetwork {
                command,
                ..of_config(config, name, data, images)?
            })
        }
        (named, _) => {
            let flags = [
                ("--set", overrides.is_empty()),
                ("--data", data.is_none()),
                ("--size and --labels", images.overrides()?.is_empty()),
                ("--no-cache", !images.no_cache),
            ];
            of_model(named, flags.iter().find(|(_, unused)| !unused))
        }
    }
}

/// Returns whether a name is that of a config. A model file ends in `.safetensors`.
fn is_config(name: &str) -> bool {
    let path = Path::new(name);
    if path.is_file() {
        return path.extension().is_none_or(|end| end != "safetensors");
    }
    // A pipe, as of `<(...)`, exists and is neither a file nor a folder.
    name == "-" || find_preset(name).is_ok() || (path.exists() && !path.is_dir())
}

fn of_model(named: Option<&str>, useless: Option<&(&str, bool)>) -> Result<ShownNetwork> {
    let named = named.map(Path::new);
    let (path, folder) = locate(named).map_err(|error| match named {
        // The name may mean any of four things.
        Some(named) if !named.exists() => no_such_network(named, error),
        _ => error,
    })?;
    let name = if folder.as_os_str().is_empty() {
        &path
    } else {
        &folder
    };
    if let Some((flag, _)) = useless {
        let config = folder.join("config.toml");
        let hint = match config.is_file() {
            true => format!("name its config: vae summary {}", shell_word(config)),
            false => "leave it out".to_owned(),
        };
        return Err(Error::request(format!(
            "{flag}: has no effect, because {} is a trained model",
            name.display()
        ))
        .with_hint(hint));
    }
    let file = ModelFile::read(&path)?;
    let network = file
        .config
        .network(file.card.image_shape, file.card.classes.len())
        .map_err(|error| Error::file(&path, format!("its config is wrong: {error}")))?;
    Ok(ShownNetwork {
        name: name.display().to_string(),
        config: file.config,
        network,
        images: None,
        command: format!("eval {}", run_word(name)),
    })
}

fn no_such_network(named: &Path, error: Error) -> Error {
    let name = named.to_string_lossy();
    match find_preset(&name) {
        Err(unknown) if locate(Some(named)).is_err() => {
            let what = format!("{name}: no such preset, config file, run or model file");
            match unknown.hint() {
                Some(hint) => Error::request(what).with_hint(hint),
                None => Error::request(what),
            }
        }
        _ => error,
    }
}

fn of_images(folder: &Path, overrides: &[String], images: &ImagesArgs) -> Result<ShownNetwork> {
    let mut own = images.load(folder, overrides)?;
    own.config.choose_model(&own.dataset);
    let train = &own.dataset.train;
    Ok(ShownNetwork {
        network: own.config.network(train.shape, own.dataset.classes.len())?,
        images: Some(train.len()),
        config: own.config,
        name: own.report.name,
        command: format!(
            "train --data {}{}{}",
            shell_word(folder),
            images.typed(),
            typed(overrides)
        ),
    })
}

fn of_config(
    mut config: Config,
    name: String,
    data: Option<&Path>,
    images: &ImagesArgs,
) -> Result<ShownNetwork> {
    config.check()?;
    images.check(&config.data)?;
    let shape = match data {
        Some(folder) => looked_at(&config, folder, images)?,
        None => known(&config)?,
    };
    if let Some(count) = shape.images {
        let count = count + config.data.kind().validation();
        if let Some(choice) = config.choose_model_for(shape.image, count) {
            ui::note(choice);
        }
    }
    let unknown = |what: &str| {
        Error::request(format!(
            "{what}, and that is not known before the images are looked at"
        ))
        .with_hint(LOOK)
    };
    if matches!(config.model, Model::Auto(_)) {
        return Err(unknown(
            "model.auto chooses a network by the number of images",
        ));
    }
    if config.condition.is_some() && shape.class_count.is_none() {
        return Err(unknown("[condition] depends on the number of classes"));
    }
    let network = config.network(shape.image, shape.class_count.unwrap_or(0))?;
    Ok(ShownNetwork {
        name,
        config,
        network,
        images: shape.images,
        command: String::new(),
    })
}

/// The hint where a folder of images has to be looked at.
const LOOK: &str = "name their folder, archive or array file: `--data PATH`";

/// Loads the data of a config to find its shape.
fn looked_at(config: &Config, folder: &Path, images: &ImagesArgs) -> Result<Shape> {
    data::check_folder(&config.data, Some(folder))?;
    let places = images.places(Some(NamedFolder::by_flag(folder)))?;
    let dataset = data::load(&config.data, &places)?;
    Ok(Shape {
        image: dataset.train.shape,
        class_count: Some(dataset.classes.len()),
        images: Some(dataset.train.len()),
    })
}

/// Returns what is known without the data.
///
/// # Errors
/// Returns an error if the shape of the images is not known.
fn known(config: &Config) -> Result<Shape> {
    let kind = config.data.kind();
    if let Some(outline) = kind.outline() {
        return Ok(Shape {
            image: outline.shape,
            class_count: Some(outline.class_count),
            images: Some(outline.counts[0].saturating_sub(kind.validation())),
        });
    }
    match &config.data {
        Data::Images(settings) => match (settings.size, settings.channels) {
            (Some([height, width]), Some(channels)) => Ok(Shape {
                image: [channels, height, width],
                class_count: None,
                images: None,
            }),
            _ => Err(Error::request(
                "[data.images] names no `size` and `channels`: the shape of the images is not known before they are looked at",
            )
            .with_hint(format!(
                "{LOOK}; or state the shape: `--set data.images.size=[64,64] --set data.images.channels=3`"
            ))),
        },
        data => Err(Error::request(format!(
            "data.{}: the shape of its images is not known before they are looked at",
            data.tag()
        ))
        .with_hint(LOOK)),
    }
}
