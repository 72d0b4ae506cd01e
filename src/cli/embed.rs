//! `vae embed`: the latents of a split, as files and as an image.

use std::path::PathBuf;

use clap::Args;
use image::RgbImage;

use super::draw::Draw;
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use super::table::{write_csv, write_npy};
use crate::check::at_least_one;
use crate::data::SplitName;
use crate::error::Result;
use crate::eval::by_pca;
use crate::figure::scatter::{Scatter, in_lanes};
use crate::figure::sheet::write_png;
use crate::model::Vae;
use crate::{files, ui};

/// Write the latents of a split (posterior means) as .npy and .csv, and draw them
#[derive(Debug, Args)]
pub struct Embed {
    #[command(flatten)]
    model: ModelArg,

    /// Which images
    #[arg(long, value_enum, default_value_t = SplitName::Test)]
    split: SplitName,

    /// How many: the first of the split [default: all]
    #[arg(long)]
    n: Option<usize>,

    /// The folder that the data set lies in [default: $VAE_DATA, then data/, then the user's cache]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The folder for latents.npy, latents.csv and latents.png [default: the run's folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Draw for Embed {
    fn run(&self) -> Result<()> {
        self.check()?;
        let opened = self.model.open()?;
        self.write(&opened)?
            .iter()
            .try_for_each(|path| ui::data(path.display()))
    }

    fn check(&self) -> Result<()> {
        self.n.map_or(Ok(()), |n| at_least_one("--n", n))
    }

    fn draw(&self, opened: &LoadedModel) -> Result<PathBuf> {
        let [_, _, image] = self.write(opened)?;
        Ok(image)
    }
}

impl Embed {
    /// Writes the three files; their paths.
    fn write(&self, opened: &LoadedModel) -> Result<[PathBuf; 3]> {
        let (dataset, _) = opened.data(self.data.as_deref())?;
        let images = self.split.of(dataset)?;
        let count = self.n.unwrap_or(usize::MAX).min(images.len());
        let indices: Vec<u32> = (0..count as u32).collect();
        let bar = ui::image_bar("encoding", count);
        let latents = opened.latents(images, &indices, |seen| bar.set_position(seen as u64));
        bar.finish_and_clear();
        let latents = latents?;
        let labels = images.labels.as_deref().map(|labels| &labels[..count]);
        let name = |index: u32| {
            let label = labels.and_then(|labels| labels.get(index as usize));
            label
                .and_then(|&label| dataset.classes.get(label as usize))
                .cloned()
                .unwrap_or_default()
        };
        let what = format!("{count} {} images of {}", self.split.name(), dataset.name);
        let image = scatter(&opened.vae, &latents, labels, &dataset.classes, &what)?;
        let folder = self
            .out
            .as_deref()
            .map_or_else(|| opened.folder.clone(), |out| opened.base.join(out));
        let paths = ["latents.npy", "latents.csv", "latents.png"].map(|name| folder.join(name));
        let [npy, csv, png] = &paths;
        files::write_with(npy, |out| write_npy(out, &latents))?;
        files::write_with(csv, |out| write_csv(out, &latents, &indices, name))?;
        write_png(png, &image)?;
        Ok(paths)
    }
}

/// Latents coloured by class: one latent in a lane for each class, two as they are, more by their first two principal
/// components. `labels` and `classes` as a data set has them; `what` says in words what was encoded.
pub fn scatter(
    vae: &Vae,
    latents: &[Vec<f32>],
    labels: Option<&[u32]>,
    classes: &[String],
    what: &str,
) -> Result<RgbImage> {
    let labels: Option<Vec<u8>> =
        labels.map(|labels| labels.iter().map(|&label| label as u8).collect());
    let labels = labels.as_deref();
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
            let (points, shares) = by_pca(latents, &vae.device())?;
            let axis = |axis: usize| format!("PCA {} ({:.0} %)", axis + 1, 100.0 * shares[axis]);
            (
                points,
                [axis(0), axis(1)],
                format!("posterior means of {what}, {latent_count} latents by PCA"),
            )
        }
    };
    let axes = axes.each_ref().map(String::as_str);
    Ok(Scatter {
        title: &title,
        axes,
        points: &points,
        labels,
        classes,
        lanes: latent_count == 1,
    }
    .draw())
}
