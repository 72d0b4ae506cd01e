//! `vae edit`: concept vectors. The vector from the mean latent of one group of images to the mean latent of another
//! points from the second group's property to the first's. Moving an image's latent along it makes the image more like
//! the first group and less like the second (White 2016, section 3.4; Larsen et al. 2016, section 5.2).

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use super::config_name::name;
use super::draw::{Draw, Format, Place, run};
use super::figure_context::{FigureContext, MOST_IMAGES, class_named};
use super::images::{AT_A_TIME, encoded, image_files, rasters_of};
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use super::test_data::TestData;
use crate::check::count;
use crate::data::image_file::{FORMATS, Fit};
use crate::data::{Dataset, Split};
use crate::error::{Error, Result, did_you_mean};
use crate::eval::{concept, mean, norm};
use crate::figure::sheet::Sheet;
use crate::figure::{Figure, Raster};
use crate::model::{moved, rows};
use crate::words::counted;
use crate::{files, ui};

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
The concept vector is the mean latent of one group minus that of another (White 2016, section 3.4). Strength 0 \
is the plain reconstruction, 1 leads from the mean of --subtract to the mean of --add. \
A denoising autoencoder reads clean images here; only train, eval, doctor and reconstruct corrupt them.

Examples:
  vae edit --add 8 --subtract 3 --strength=-1,0,1,2
  vae edit --add smiling/ --subtract neutral/ --images 18,68";

/// Change test images along a concept vector: more like one group, less like another
#[derive(Args, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(after_long_help = LONG_HELP)]
pub struct Edit {
    #[command(flatten)]
    #[serde(skip)]
    model: ModelArg,

    /// Make images more like this class (`8`, by its training images) or like a folder of images
    #[arg(long, value_name = "CLASS_OR_DIR")]
    #[serde(deserialize_with = "name")]
    add: String,

    /// Make images less like this class or folder
    #[arg(long, value_name = "CLASS_OR_DIR")]
    #[serde(deserialize_with = "name")]
    subtract: String,

    /// Multiples of the vector to add, one column each; 1 leads from the mean of one group to that of the other
    #[arg(
        long,
        value_name = "A,B,...",
        value_delimiter = ',',
        allow_hyphen_values = true,
        default_value = "0,0.5,1,1.5,2"
    )]
    strength: Vec<f32>,

    /// Edit the first N test images: of the subtracted class, or of any class if a folder is subtracted
    #[arg(long, default_value_t = Self::default().n)]
    n: usize,

    /// Edit the test images with these indices instead
    #[arg(
        long,
        value_name = "I,J,...",
        value_delimiter = ',',
        conflicts_with = "n"
    )]
    images: Option<Vec<u32>>,

    #[command(flatten)]
    #[serde(skip)]
    data: TestData,

    /// Write the sheet here, a .png [default: edits.png in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The group of images that `--add` or `--subtract` names.
enum Group {
    Class(u32),
    Folder(PathBuf),
}

impl Default for Edit {
    fn default() -> Self {
        Self {
            model: ModelArg::default(),
            add: String::new(),
            subtract: String::new(),
            strength: vec![0.0, 0.5, 1.0, 1.5, 2.0],
            n: 8,
            images: None,
            data: TestData::default(),
            out: None,
        }
    }
}

impl Draw for Edit {
    fn run(&self) -> Result<()> {
        run(&self.model, self)
    }

    fn place(&self) -> Place<'_> {
        Place::File(self.out.as_deref())
    }

    fn shows_new_images(&self) -> bool {
        self.data.are_new()
    }

    fn check(&self) -> Result<()> {
        count("--n", self.n, MOST_IMAGES)?;
        Format::of(self.out.as_deref(), &[Format::Png])?;
        for (flag, group) in [("--add", &self.add), ("--subtract", &self.subtract)] {
            if group.is_empty() {
                return Err(Error::request(format!("{flag} is missing"))
                    .with_hint("name a class or a folder of images, for instance `add = 8`"));
            }
        }
        if self.images.is_some() && self.n != Self::default().n {
            return Err(Error::request(
                "--n has no effect with --images, which lists the images to edit",
            )
            .with_hint("leave one of the two out"));
        }
        for (flag, is_empty) in [
            ("--images", self.images.as_ref().is_some_and(Vec::is_empty)),
            ("--strength", self.strength.is_empty()),
        ] {
            if is_empty {
                return Err(Error::request(format!(
                    "{flag} is empty; expected at least one number"
                )));
            }
        }
        if let Some(strength) = self.strength.iter().find(|strength| !strength.is_finite()) {
            return Err(Error::request(format!(
                "--strength {strength}: expected numbers, for instance `-1,0,1`"
            )));
        }
        Ok(())
    }

    fn suits(&self, context: &FigureContext) -> Result<()> {
        group("--add", &self.add, context.classes)?;
        group("--subtract", &self.subtract, context.classes).map(drop)
    }

    fn draw(&self, model: &LoadedModel) -> Result<Figure> {
        let group = |flag: &str, text: &str| group(flag, text, &model.card.classes);
        let (add, subtract) = (
            group("--add", &self.add)?,
            group("--subtract", &self.subtract)?,
        );
        if add.is(&subtract) {
            return Err(Error::request(format!(
                "--add and --subtract are both {}: nothing would change",
                self.add
            )));
        }
        // The classes' means are those of the model's own data, whatever images are edited.
        let needs_data = [&add, &subtract]
            .iter()
            .any(|group| matches!(group, Group::Class(_)));
        let dataset = match needs_data || !self.data.are_new() {
            true => Some(&model.data(&self.data.data)?.0),
            false => None,
        };
        let edited = match dataset {
            Some(dataset) if !self.data.are_new() => &dataset.test,
            _ => &self.data.load(model)?.0.test,
        };
        let indices = if self.data.are_new() {
            edited.first_ids(self.n)
        } else {
            self.indices(edited, &subtract, &model.card.classes)?
        };
        model
            .context()
            .fits("--n or --images", indices.len() * (self.strength.len() + 1))?;
        let (add, added) = mean_latent(model, dataset, "--add", &add)?;
        let (subtract, subtracted) = mean_latent(model, dataset, "--subtract", &subtract)?;
        let vector = concept(&add, &subtract);
        let length = norm(&vector);
        if model.vae.class_count().is_some() {
            ui::note(
                "note: this model is conditional, and each image keeps its class: everything but the class changes",
            );
        }
        ui::note(format_args!(
            "the mean of {added} minus that of {subtracted}: a vector of length {length:.2}"
        ));

        let mut cells = Vec::new();
        for some in indices.chunks(AT_A_TIME) {
            let lines = lines(model, edited, some, &vector, &self.strength)?;
            cells.extend(lines);
        }
        let columns: Vec<String> = std::iter::once("image".to_owned())
            .chain(self.strength.iter().map(ToString::to_string))
            .collect();
        let names: Vec<String> = indices.iter().map(|index| format!("#{index}")).collect();
        let sheet = Sheet {
            images: &cells,
            columns: columns.len(),
            row_labels: Some(&names),
            column_labels: Some(&columns),
        };
        Figure::png("edits.png", &sheet.draw())
    }
}

impl Edit {
    /// Returns the indices of the test images to edit.
    fn indices(&self, test: &Split, subtract: &Group, classes: &[String]) -> Result<Vec<u32>> {
        if let Some(indices) = &self.images {
            let last = test.len() - 1;
            return match indices.iter().find(|&&index| index as usize > last) {
                Some(index) => Err(Error::request(format!(
                    "--images {index}: the test images are numbered 0 to {last}"
                ))),
                None => Ok(indices.clone()),
            };
        }
        let Group::Class(class) = subtract else {
            return Ok(test.first_ids(self.n));
        };
        let mut indices = test.members(*class);
        indices.truncate(self.n);
        if indices.is_empty() {
            let name = &classes[*class as usize];
            return Err(
                Error::request(format!("the test set has no image of `{name}` to edit"))
                    .with_hint("choose images by their numbers: `--images 0,1,2`"),
            );
        }
        Ok(indices)
    }
}

/// Returns a row for each image: the image itself, then its moved latent decoded at each strength as the image's class.
fn lines(
    model: &LoadedModel,
    images: &Split,
    indices: &[u32],
    vector: &[f32],
    strengths: &[f32],
) -> Result<Vec<Raster>> {
    let batch = model.read(images, indices)?;
    let mean = model.vae.encode(batch.x.clone(), batch.labels.clone()).mean;
    model.check_finite(&rows(mean.clone()))?;
    let mut columns = vec![rasters_of(model, &rows(batch.x))?];
    for &strength in strengths {
        let moved = moved(mean.clone(), vector, strength);
        let decoded = model.vae.decode_mean(moved, batch.labels.clone());
        columns.push(rasters_of(model, &rows(decoded))?);
    }
    Ok((0..indices.len())
        .flat_map(|row| columns.iter().map(move |column| column[row].clone()))
        .collect())
}

impl Group {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Class(a), Self::Class(b)) => a == b,
            (Self::Folder(a), Self::Folder(b)) => files::same(a, b),
            _ => false,
        }
    }
}

fn group(flag: &str, text: &str, classes: &[String]) -> Result<Group> {
    if let Some(class) = class_named(classes, text) {
        return Ok(Group::Class(class));
    }
    let path = Path::new(text);
    if path.is_dir() {
        return Ok(Group::Folder(path.to_path_buf()));
    }
    if path.is_file() {
        return Err(Error::request(format!(
            "{flag} {text}: this is a file; expected a class or a folder of images"
        ))
        .with_hint("put the images of a group into one folder"));
    }
    let error = Error::request(format!("{flag} {text}: no such class, and no such folder"));
    let names = || classes.iter().map(String::as_str);
    Err(error.with_hint(match did_you_mean(text, names()) {
        _ if classes.is_empty() => {
            "this run's data has no labels, so no class can be named: pass a folder of images"
                .to_owned()
        }
        Some(near) => format!(
            "did you mean `{near}`? The classes are {}",
            classes.join(", ")
        ),
        None => format!(
            "the classes are {}; or pass a folder of images",
            classes.join(", ")
        ),
    }))
}

/// Returns the mean of a group's latents, and a description of the group.
fn mean_latent(
    model: &LoadedModel,
    dataset: Option<&Dataset>,
    flag: &str,
    group: &Group,
) -> Result<(Vec<f64>, String)> {
    match group {
        Group::Class(class) => {
            let name = &model.card.classes[*class as usize];
            let dataset = dataset.ok_or_else(|| {
                Error::failed(format!("{flag} {name}: the data set was not loaded"))
            })?;
            let members = dataset.train.members(*class);
            if members.is_empty() {
                return Err(Error::request(format!(
                    "{flag} {name}: no training image is of this class"
                )));
            }
            let latents = encoded(model, &dataset.train, &members)?;
            Ok((
                mean(&latents),
                format!("{} training images of `{name}`", members.len()),
            ))
        }
        Group::Folder(folder) => {
            if model
                .vae
                .network()
                .condition
                .as_ref()
                .is_some_and(|condition| condition.encoder.is_some())
            {
                let what = format!(
                    "{flag} {}: this model's encoder is told each image's class",
                    folder.display()
                );
                return Err(
                    Error::request(format!("{what}, and a folder's images have none"))
                        .with_hint("name a class, or train without `condition.encoder`"),
                );
            }
            let images = folder_images(folder, &model.fit())?;
            let indices = images.first_ids(images.len());
            let latents = encoded(model, &images, &indices)?;
            Ok((
                mean(&latents),
                format!(
                    "{} in {}",
                    counted(indices.len(), "image"),
                    folder.display()
                ),
            ))
        }
    }
}

/// Reads all images of a folder. Subfolders and hidden files are skipped.
fn folder_images(folder: &Path, fit: &Fit) -> Result<Split> {
    let entries = folder
        .read_dir()
        .map_err(|error| files::unreadable(folder, &error))?;
    let hidden = |path: &Path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'))
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.is_file() && !hidden(path))
        .collect();
    paths.sort();
    if paths.is_empty() {
        return Err(Error::file(folder, "this folder has no images")
            .with_hint(format!("{FORMATS}, of any size; folders below it are not")));
    }
    image_files(&paths, folder, fit)
}
