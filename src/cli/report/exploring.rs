//! The explorer of a page: the model, and the latents that a person starts from.

use super::starting_images::StartingImages;
use crate::cli::loaded_model::{BROKEN_LATENTS, LoadedModel};
use crate::cli::sample_sheet::{drawn_class, sample_rng};
use crate::data::image_file::{ALL_LEVELS, Fit};
use crate::data::{Choice, Dataset, Part};
use crate::error::{Error, Result};
use crate::eval::{deviation_by_latent, kl_by_latent};
use crate::model::{decode_each, export, import, rows};
use crate::report::page::{
    Explorer, LatentAxis, PageNetworks, RandomLatents, SelfTest, TESTED, WeightPrecision,
    rounded_to_float16, sliders,
};
use crate::ui;
use crate::words::counted;

/// The most test images for what a latent carries: as many as `vae traverse` looks at.
const MEASURED: usize = 1000;

/// The number of samples of a trained prior.
const SAMPLES: u32 = 256;

/// The largest difference of a pixel from the program's that is rounding. With float16 it is one grey level.
const ROUNDING: f64 = 1e-4;
const ONE_LEVEL: f64 = 1.0 / 255.0;

/// A model, its data if they are at hand, and the networks that the page will hold.
pub struct Exploring<'a> {
    pub model: &'a LoadedModel,
    pub dataset: Option<&'a Dataset>,
    pub networks: PageNetworks,
    /// The number of test images to start from.
    pub image_count: usize,
}

/// Returns the networks as the page holds them.
///
/// # Errors
/// Returns an error if the decoder is too large.
pub fn networks(model: &LoadedModel, float16: bool) -> Result<PageNetworks> {
    let network = model.vae.network();
    let decoder = network.decoder_graph(&model.config.likelihood);
    PageNetworks::new(
        &decoder,
        &network.encoder_graph(),
        export(&model.vae),
        float16,
    )
}

impl Exploring<'_> {
    /// Returns the explorer of the run of this name.
    ///
    /// # Errors
    /// Returns an error if an image cannot be read, or if a latent is not finite.
    pub fn explorer(self, name: String) -> Result<Explorer> {
        let model = self.model;
        let images = self
            .dataset
            .map(|dataset| StartingImages::read(model, dataset, self.image_count))
            .transpose()?;
        let random = self.random()?;
        let (latents, classes) = match &images {
            Some(images) => (images.latents.clone(), images.classes()),
            None => self.drawn(TESTED as u32)?,
        };
        let precision = self.networks.precision;
        let mut notes = Vec::new();
        if precision == WeightPrecision::Float16 {
            let most = self.largest_difference(&latents, &classes)?;
            notes.push(format!(
                "The weights are rounded to float16. When `vae report` decoded {} with and without this, no pixel differed by more than {most:.5} (of 1), or {:.2} grey levels.",
                counted(latents.len(), "latent"),
                255.0 * most
            ));
        }
        notes.extend(self.notes());
        let tested = TESTED.min(latents.len());
        let self_test = SelfTest {
            images: decode_each(&model.vae, &latents[..tested], &classes[..tested]),
            latents: latents[..tested].to_vec(),
            classes: classes[..tested].to_vec(),
            tolerance: match precision {
                WeightPrecision::Float32 => ROUNDING,
                WeightPrecision::Float16 => ONE_LEVEL,
            },
        };
        let known: &[Vec<f32>] = images.as_ref().map_or(&[], |images| &images.latents);
        let (axes, marks) = self.axes(&random, known)?;
        Ok(Explorer {
            name,
            image_shape: model.card.image_shape,
            classes: model.card.classes.clone(),
            is_conditional: model.vae.class_count().is_some(),
            axes,
            carried: if self.has_kl() { "KL" } else { "deviation" },
            marks,
            random,
            test: images.map(|images| images.on_page()).transpose()?.flatten(),
            fit: model.fit(),
            is_binary: model.config.data.kind().pixels().is_binary(),
            self_test,
            notes,
            networks: self.networks,
        })
    }

    /// Returns whether a latent has a KL of its own.
    fn has_kl(&self) -> bool {
        self.model.config.is_variational() && self.model.config.prior.is_normal()
    }

    /// Returns latents from the prior, with classes for a conditional model.
    fn drawn(&self, count: u32) -> Result<(Vec<Vec<f32>>, Vec<u32>)> {
        let (vae, seed) = (&self.model.vae, self.model.config.seed);
        let ids: Vec<u32> = (0..count).collect();
        let latents = rows(vae.sample_prior(sample_rng(seed), &ids, 1.0));
        self.model.check_finite(&latents)?;
        let class = |&id: &u32| match vae.class_count() {
            Some(class_count) => drawn_class(seed, id, class_count),
            None => 0,
        };
        Ok((latents, ids.iter().map(class).collect()))
    }

    fn random(&self) -> Result<RandomLatents> {
        if !self.model.config.is_variational() {
            return Ok(RandomLatents::None);
        }
        if self.model.config.prior.is_normal() {
            return Ok(RandomLatents::Normal);
        }
        Ok(RandomLatents::Drawn(self.drawn(SAMPLES)?.0))
    }

    /// Returns the sliders, those that carry most first, and the meaning of their marks.
    fn axes(
        &self,
        random: &RandomLatents,
        known: &[Vec<f32>],
    ) -> Result<(Vec<LatentAxis>, Option<String>)> {
        let count = self.model.vae.network().latent;
        let carried = self.carried()?;
        let axes = sliders(count, carried.as_deref(), random, known);
        let words = match random {
            RandomLatents::Normal => Some("95 % of the prior, N(0, I)".to_owned()),
            RandomLatents::Drawn(samples) => {
                let prior = self.model.config.prior.tag();
                let count = samples.len();
                Some(format!("95 % of {count} samples from the prior ({prior})"))
            }
            RandomLatents::None => {
                let words = "95 % of the test images' latents; an autoencoder has no prior";
                (!known.is_empty()).then(|| words.to_owned())
            }
        };
        let mut marks = words.map(|words| format!("The shaded part of a slider holds {words}."));
        if carried.is_some() {
            let what = if self.has_kl() {
                "its KL in nats"
            } else {
                "its standard deviation"
            };
            marks.get_or_insert_default().push_str(&format!(
                " The latents that carry most come first; the number beside each is {what}, over up to {MEASURED} test images."
            ));
        }
        Ok((axes, marks))
    }

    /// Returns the KL of each latent, or the standard deviation where it has no KL of its own; `None` without data.
    fn carried(&self) -> Result<Option<Vec<f64>>> {
        let Some(dataset) = self.dataset else {
            return Ok(None);
        };
        let part = Part::new(&dataset.test, Choice::AtRandom(MEASURED));
        let protocol = self.model.protocol(1, None);
        let carried = if self.has_kl() {
            kl_by_latent(&self.model.vae, &part, protocol)?
        } else {
            deviation_by_latent(&self.model.vae, &part, protocol)?
        };
        if carried.iter().all(|value| value.is_finite()) {
            Ok(Some(carried))
        } else {
            Err(self.model.broken(BROKEN_LATENTS))
        }
    }

    /// Returns the largest difference of a pixel that the rounding of the weights makes.
    fn largest_difference(&self, latents: &[Vec<f32>], classes: &[u32]) -> Result<f32> {
        let vae = &self.model.vae;
        let rounded = import(vae.clone(), &rounded_to_float16(&export(vae)))?;
        let largest = ui::working("comparing the rounded model", || {
            let [exact, near] =
                [vae, &rounded].map(|vae| decode_each(vae, latents, classes).concat());
            let differences = exact.iter().zip(&near).map(|(a, b)| (a - b).abs());
            // Not `f32::max`, which would pass over NaN.
            differences.fold(0.0, |most, next| if next <= most { most } else { next })
        });
        if largest.is_finite() {
            return Ok(largest);
        }
        Err(
            Error::request("the weights of this model are too large for float16")
                .with_hint("pass `--no-explorer`"),
        )
    }

    /// Returns what a person should know about the explorer of this model.
    fn notes(&self) -> Vec<String> {
        let config = &self.model.config;
        let mut notes = Vec::new();
        if !self.model.config.is_variational() {
            notes.push("There is no button for random latents: an autoencoder has no prior to draw them from.".to_owned());
        } else if !config.prior.is_normal() {
            notes.push(format!(
                "Random latents are {SAMPLES} that the program drew from the prior ({}).",
                config.prior.tag()
            ));
        }
        if !self.networks.has_encoder() {
            notes.push("The encoder is too large for this page: `vae embed` encodes images of your own, and `vae reconstruct` shows what becomes of them.".to_owned());
            return notes;
        }
        let [_, height, width] = self.model.card.image_shape;
        notes.push(format!(
            "An image of your own that has {width}x{height} pixels is encoded as `vae embed` does it. Browsers scale other images, and mix transparent pixels, in their own ways, so their latents differ a little from the program's."
        ));
        let pixels = config.data.kind().pixels();
        if pixels.is_drawn() {
            notes.push("The model reads black and white pixels. `vae embed` draws them at random from the grey levels; this page makes a pixel white if its grey level is at least one half.".to_owned());
        }
        let Fit { levels, .. } = self.model.fit();
        if levels != ALL_LEVELS {
            notes.push("The training spread the levels of 16-bit images, and browsers read 8 bits: use `vae embed` for such images.".to_owned());
        }
        notes
    }
}
