//! `vae embed`: writes the latents of a split to files and draws them.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use super::draw::{Draw, Place, run};
use super::images::encoded;
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use super::table::{write_csv, write_npy};
use super::test_data::TestData;
use crate::check::at_least_one;
use crate::data::{Choice, Part, SplitName};
use crate::error::{Error, Result};
use crate::eval::by_pca;
use crate::export::projector::{MetadataColumn, projector};
use crate::figure::chart::Chart;
use crate::figure::scatter::{Scatter, in_lanes};
use crate::figure::sprite::{MOST_IMAGES, Sprite};
use crate::figure::{Figure, NamedFile, Raster};
use crate::model::Vae;
use crate::run::exports::{NEW_PROJECTOR, PROJECTOR};
use crate::ui;
use crate::words::counted;

/// The most points in an SVG. With more points the file takes megabytes.
const MOST_IN_SVG: usize = 10_000;

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
latents.npy holds the posterior means as float32, one row per image; latents.csv adds the index and \
the label of each image, and the path of each file of your own images. The chart shows two latents as they are, one latent in a lane for each class, \
and more along their first two principal components, with the share of variance that each has. One unit \
is as long on both axes. More than 10000 images are drawn only as PNG. \
A denoising autoencoder reads clean images here; only train, eval, doctor and reconstruct corrupt them.

--projector writes the files of TensorBoard's Embedding Projector instead: the posterior means (tensors.tsv), the class, index and path \
of each image (metadata.tsv), the images, made smaller if they would not fit into 8192x8192 pixels (sprite.png), and the config that names \
these files. `tensorboard --logdir RUN/projector` shows them, and so does https://projector.tensorflow.org, by its button `Load`. A folder \
that `--out` names for them must be new or empty.";

/// Write the posterior means of a split, or of new images, as .npy and .csv, and draw them
#[derive(Args, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(after_long_help = LONG_HELP)]
pub struct Embed {
    #[command(flatten)]
    #[serde(skip)]
    model: ModelArg,

    /// Encode the images of this split
    #[arg(long, value_enum, default_value_t = SplitName::Test)]
    split: SplitName,

    /// Encode N images of the split, drawn at random: the same ones every time [default: all]
    #[arg(long)]
    n: Option<usize>,

    /// Encode the first N images of the split, which say little about the others if the split is sorted
    #[arg(long, value_name = "N", conflicts_with = "n")]
    first: Option<usize>,

    #[command(flatten)]
    #[serde(skip)]
    data: TestData,

    /// Write the files of TensorBoard's Embedding Projector instead, by default into `projector` in the run's folder
    #[arg(long)]
    projector: bool,

    /// Write latents.png, latents.svg, latents.npy and latents.csv, or the files of `--projector`, into this folder
    /// [default: the run's folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Default for Embed {
    fn default() -> Self {
        Self {
            model: ModelArg::default(),
            split: SplitName::Test,
            n: None,
            first: None,
            data: TestData::default(),
            projector: false,
            out: None,
        }
    }
}

impl Draw for Embed {
    fn run(&self) -> Result<()> {
        run(&self.model, self)
    }

    fn place(&self) -> Place<'_> {
        let out = self.out.as_deref();
        match (self.projector, self.data.are_new()) {
            (false, _) => Place::Folder(out),
            (true, false) => Place::Export(PROJECTOR, out),
            (true, true) => Place::Export(NEW_PROJECTOR, out),
        }
    }

    fn shows_new_images(&self) -> bool {
        self.data.are_new()
    }

    fn check(&self) -> Result<()> {
        self.data.check_split(self.split)?;
        if self.n.is_some() && self.first.is_some() {
            return Err(
                Error::request("--n and --first both say which images to encode")
                    .with_hint("leave one of the two out"),
            );
        }
        for (flag, n) in [("--n", self.n), ("--first", self.first)] {
            n.map_or(Ok(()), |n| at_least_one(flag, n))?;
        }
        Ok(())
    }

    fn draw(&self, model: &LoadedModel) -> Result<Figure> {
        let (dataset, _) = self.data.load(model)?;
        let images = self.split.of(dataset)?;
        let part = Part::new(images, Choice::of(self.n, self.first));
        let latents = encoded(model, images, &part.ids)?;
        let name = |index: u32| {
            let label = images
                .labels
                .as_ref()
                .and_then(|labels| labels.get(index as usize));
            label
                .and_then(|&label| dataset.classes.get(label as usize))
                .cloned()
                .unwrap_or_default()
        };
        let count = part.len();
        let what = if self.data.are_new() {
            counted(count, "new image")
        } else {
            let images = counted(count, &format!("{} image", self.split.name()));
            format!("{images} of {}", dataset.name)
        };
        if self.projector {
            return points(&what, &latents, &part, name);
        }
        let (mut npy, mut csv) = (Vec::new(), Vec::new());
        write_npy(&mut npy, &latents)
            .and_then(|()| write_csv(&mut csv, &latents, &part.ids, images.names.as_deref(), name))
            .map_err(Error::failed)?;
        let mut figure = {
            let labels = part.labels();
            scatter(
                &model.vae,
                &latents,
                labels.as_deref(),
                &dataset.classes,
                &what,
            )?
        };
        figure.beside.push(NamedFile::new("latents.npy", npy));
        figure.beside.push(NamedFile::new("latents.csv", csv));
        Ok(figure)
    }
}

/// Returns the files for the Embedding Projector. `what` describes the images, and `name` returns the class of one of them,
/// empty if it has none.
fn points(
    what: &str,
    latents: &[Vec<f32>],
    part: &Part,
    name: impl Fn(u32) -> String,
) -> Result<Figure> {
    let images = part.split;
    let of_all = |text: &dyn Fn(u32) -> String| part.ids.iter().map(|id| text(*id)).collect();
    let mut columns: Vec<MetadataColumn> = vec![("index", of_all(&|id| id.to_string()))];
    if images.labels.is_some() {
        columns.insert(0, ("label", of_all(&name)));
    }
    if images.names.is_some() {
        columns.push(("path", of_all(&|id| images.name(id))));
    }
    let sprite = Sprite::draw(part.len(), images.shape, |index| {
        Ok(Raster {
            shape: images.shape,
            pixels: images.image(part.ids[index] as usize)?.into_owned(),
        })
    })
    .map_err(|error| match part.len() > MOST_IMAGES {
        true => error.with_hint("take fewer of them: `--n N`"),
        false => error,
    })?;
    let title = format!("posterior means of {what}");
    projector(&title, latents, &columns, &sprite)
}

/// Draws the latents coloured by class: a single latent in one lane for each class, two latents as they are, and more
/// by their first two principal components. `labels` and `classes` belong to the data set; `what` describes the images.
pub fn scatter(
    vae: &Vae,
    latents: &[Vec<f32>],
    labels: Option<&[u32]>,
    classes: &[String],
    what: &str,
) -> Result<Figure> {
    let latent_count = vae.network().latent;
    let (points, axes, title) = match latent_count {
        1 => {
            let points = in_lanes(latents.iter().map(|z| f64::from(z[0])), labels);
            (
                points,
                ["z0".to_owned(), String::new()],
                format!("posterior means of {what}"),
            )
        }
        2 => {
            let points = latents
                .iter()
                .map(|z| [f64::from(z[0]), f64::from(z[1])])
                .collect();
            (
                points,
                ["z0".to_owned(), "z1".to_owned()],
                format!("posterior means of {what}"),
            )
        }
        _ => {
            let (points, shares) = ui::working("finding the principal components", || {
                by_pca(latents, &vae.device())
            })?;
            if !points.iter().flatten().all(|value| value.is_finite()) {
                return Err(Error::failed(
                    "the latents are too large for their principal components to be found",
                )
                .with_hint("`vae doctor` shows the variance of each latent"));
            }
            let axis = |axis: usize| format!("PCA {} ({:.0} %)", axis + 1, 100.0 * shares[axis]);
            (
                points,
                [axis(0), axis(1)],
                format!("posterior means of {what}, {latent_count} latents by PCA"),
            )
        }
    };
    let axes = axes.each_ref().map(String::as_str);
    let chart = Scatter {
        title: &title,
        axes,
        points: &points,
        labels,
        classes,
        lanes: latent_count == 1,
    };
    if points.len() <= MOST_IN_SVG {
        chart.figure("latents")
    } else {
        Ok(Figure::of_png("latents.png", chart.png()?))
    }
}
