//! `vae sample`: draws images from the prior, from the box that the training latents span, or from a mixture fitted to them.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::config_name::optional_name;
use super::data_arg::DataArg;
use super::draw::{Draw, Place, run, save};
use super::figure_context::{FigureContext, MOST_IMAGES};
use super::image_output::{DecodedImages, ImagePlace, check_folder, write_array, write_folder};
use super::images::BROKEN;
use super::latent_origin::LatentOrigin;
use super::latent_sampler::with_sampler;
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use super::sample_sheet::{Classes, drawn_class, sample_rng, sample_sheet};
use crate::check::{at_least_zero, count};
use crate::error::{Error, Result};
use crate::eval::LatentSampler;
use crate::figure::Figure;
use crate::model::rows;
use crate::parallel;

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
Each image is the decoder's mean for a latent drawn from the prior. The same seed gives the same latents, \
so that sheets of two models, or of two epochs, can be compared place by place. Image i is the same whatever --n is.

--temperature 0.7 gives more typical and less varied images.

--from mixture:10 draws the latents from a mixture of 10 Gaussians that is fitted to the latents of the training \
images, which takes seconds to minutes, and is kept in the run's folder. Such images look more like the training images, \
because the prior also draws latents that no image is encoded to. The mixture is not the model's prior: the ELBO and \
log p(x) say nothing about its samples. The fit is expectation maximisation on the means and variances of q(z|x); the \
components have full covariances, or independent latents if there are more than 64. The mean log densities of the latents \
of the test images under the mixture and under N(0, I) are printed: the higher the density, the better it describes them.

--from box is for a look at an autoencoder, which has no prior: its images show why an autoencoder does not \
generate well.

--out decides what is written: a name that ends in .png is one sheet; .npy is one array of bytes, [N, H, W], or \
[N, H, W, 3] with colours, and if the model is conditional, NAME.labels.csv beside NAME.npy has the classes; any other \
name is a folder with a PNG for each image, samples.json, which says what they are, and samples.csv with the classes. \
Arrays and folders take as little memory for millions of images as for one. In them, `--label all` writes the classes of \
one latent after each other.

Examples:
  vae sample --n 100 --temperature 0.7
  vae sample --from mixture:10
  vae sample --n 10000 --out samples/
  vae sample --label all            of a conditional model: one row per class";

/// Draw images from the prior, or from a mixture fitted to the latents, as a sheet or as files
#[derive(Args, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(after_long_help = LONG_HELP)]
pub struct Sample {
    #[command(flatten)]
    #[serde(skip)]
    model: ModelArg,

    /// Draw N images; with `--label all`, N per class [default: 64, or 10 per class]
    #[arg(long)]
    n: Option<usize>,

    /// Generate this class (name or number), or `all` for one row per class from the same latents. Conditional models
    /// only [default: a random class for each image]
    #[arg(long, value_name = "CLASS")]
    #[serde(deserialize_with = "optional_name")]
    label: Option<String>,

    /// Seed of the latents [default: the run's]
    #[arg(long)]
    seed: Option<u64>,

    /// Multiply the latents' noise by T: below 1 for more typical images, above 1 for stranger ones
    #[arg(
        long,
        value_name = "T",
        default_value_t = Self::default().temperature,
        allow_negative_numbers = true,
        conflicts_with = "in_box"
    )]
    temperature: f32,

    /// Draw latents from `prior`; from `mixture:K`, K Gaussians fitted to the training images' latents; or from `box`,
    /// uniformly between the lowest and highest of these latents. The data set is read for the last two only
    #[arg(long, value_name = "WHERE", default_value_t = LatentOrigin::Prior)]
    from: LatentOrigin,

    /// Do the same as `--from box`
    #[arg(long = "box", conflicts_with = "from")]
    #[serde(rename = "box")]
    in_box: bool,

    #[command(flatten)]
    #[serde(skip)]
    data: DataArg,

    /// Write a sheet (.png), an array (.npy) or a folder of images here [default: samples.png in the run's folder]
    #[arg(long, value_name = "PLACE")]
    out: Option<PathBuf>,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            model: ModelArg::default(),
            n: None,
            label: None,
            seed: None,
            temperature: 1.0,
            from: LatentOrigin::Prior,
            in_box: false,
            data: DataArg::default(),
            out: None,
        }
    }
}

impl Draw for Sample {
    fn run(&self) -> Result<()> {
        run(&self.model, self)
    }

    fn place(&self) -> Place<'_> {
        match ImagePlace::of(self.out.as_deref()) {
            Ok(ImagePlace::Folder(path)) => Place::Folder(Some(path)),
            _ => Place::File(self.out.as_deref()),
        }
    }

    fn check(&self) -> Result<()> {
        let place = ImagePlace::of(self.out.as_deref())?;
        if let Some(n) = self.n {
            place.check_count("--n", n, |n| count("--n", n, MOST_IMAGES))?;
        }
        at_least_zero("--temperature", f64::from(self.temperature))?;
        if self.in_box && !matches!(self.from, LatentOrigin::Prior | LatentOrigin::Box) {
            return Err(Error::request(format!(
                "--box and --from {} both say where latents come from",
                self.from
            ))
            .with_hint("leave one of the two out"));
        }
        if let Some(given) = self.data.given()
            && !self.origin().reads_data()
        {
            return Err(Error::request(format!(
                "{given}: no data set is read without --box or --from mixture:K, so the flag would have no effect"
            ))
            .with_hint("leave the flag out, or pass `--box` or `--from mixture:10`"));
        }
        if self.origin() == LatentOrigin::Box && self.temperature != Self::default().temperature {
            return Err(Error::request(
                "--temperature has no effect with --box, which draws latents uniformly",
            )
            .with_hint("leave one of the two out"));
        }
        Ok(())
    }

    fn suits(&self, context: &FigureContext) -> Result<()> {
        let classes = self.classes(context)?;
        let images = self.count(classes).saturating_mul(classes.rows());
        let place = ImagePlace::of(self.out.as_deref())?;
        place.check_count("--n", images, |images| context.fits("--n", images))
    }

    fn draw(&self, model: &LoadedModel) -> Result<Figure> {
        let classes = self.classes(&model.context())?;
        let seed = self.seed.unwrap_or(model.config.seed);
        self.with_sampler(model, |sampler| {
            let sheet = sample_sheet(&model.vae, sampler, seed, self.count(classes), classes)
                .map_err(|_| model.broken(BROKEN))?;
            Figure::png("samples.png", &sheet)
        })
    }

    fn write(&self, model: &LoadedModel, base: &Path) -> Result<Vec<PathBuf>> {
        match ImagePlace::of(self.out.as_deref())? {
            ImagePlace::Sheet(_) => save(&self.draw(model)?, self.place(), &model.folder, base),
            ImagePlace::Array(path) => {
                self.decoded(model, |images| write_array(images, &base.join(path)))
            }
            ImagePlace::Folder(path) => {
                let path = base.join(path);
                if parallel::is_first() {
                    check_folder(&path)?;
                }
                let about = self.about(model);
                self.decoded(model, |images| write_folder(images, &path, &about))
            }
        }
    }
}

impl Sample {
    /// Returns whether several processes divide the images: a sheet has few.
    pub fn is_divided(&self) -> bool {
        let is_sheet = matches!(
            ImagePlace::of(self.out.as_deref()),
            Ok(ImagePlace::Sheet(_))
        );
        self.origin() == LatentOrigin::Prior && !is_sheet
    }

    fn origin(&self) -> LatentOrigin {
        if self.in_box {
            LatentOrigin::Box
        } else {
            self.from
        }
    }

    fn classes<'a>(&self, context: &FigureContext<'a>) -> Result<Classes<'a>> {
        Ok(match self.label.as_deref() {
            Some("all") if context.conditional => Classes::Each(context.classes),
            None if context.conditional => Classes::Drawn(context.classes),
            label => Classes::One(context.class(label)?),
        })
    }

    fn count(&self, classes: Classes) -> usize {
        self.n.unwrap_or(classes.usual_count())
    }

    /// Calls `work` with the distribution of the latents.
    fn with_sampler<T>(
        &self,
        model: &LoadedModel,
        work: impl FnOnce(LatentSampler) -> Result<T>,
    ) -> Result<T> {
        with_sampler(model, &self.data, self.origin(), self.temperature, work)
    }

    /// Calls `work` with the images, in the order of their latents. The classes of one latent follow each other, so that
    /// more images of every class leave the first ones as they are.
    fn decoded<T>(
        &self,
        model: &LoadedModel,
        work: impl FnOnce(&DecodedImages) -> Result<T>,
    ) -> Result<T> {
        let classes = self.classes(&model.context())?;
        let seed = self.seed.unwrap_or(model.config.seed);
        let of_each_latent = classes.rows();
        let id = |index: usize| (index / of_each_latent) as u32;
        let class = |index: usize| match classes {
            Classes::One(class) => class.unwrap_or_default(),
            Classes::Drawn(names) => drawn_class(seed, id(index), names.len()),
            Classes::Each(names) => (index % names.len()) as u32,
        };
        self.with_sampler(model, |sampler| {
            let latents = |range: std::ops::Range<usize>| {
                let ids: Vec<u32> = range.map(id).collect();
                rows(sampler.draw(&model.vae, sample_rng(seed), &ids))
            };
            work(&DecodedImages {
                model,
                count: self.count(classes) * of_each_latent,
                latents: &latents,
                class: model.context().conditional.then_some(&class),
            })
        })
    }

    /// Returns what the images in a folder are.
    fn about(&self, model: &LoadedModel) -> serde_json::Value {
        json!({
            "model": model.path,
            "model_hash": model.hash,
            "from": self.origin().to_string(),
            "temperature": self.temperature,
            "seed": self.seed.unwrap_or(model.config.seed),
            "label": self.label,
        })
    }
}
