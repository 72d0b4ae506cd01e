//! A trained model, read from its file and placed on a device, with what every command asks of it.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use super::figure_context::FigureContext;
use super::model_data;
use crate::config::Config;
use crate::data::Batch;
use crate::data::fetch::md5_hex;
use crate::data::{Dataset, Split};
use crate::device::SelectedDevice;
use crate::error::{Error, Result};
use crate::eval::{Posteriors, Protocol, latents, posteriors};
use crate::files;
use crate::loader::Loader;
use crate::model::{Features, Vae};
use crate::report::Provenance;
use crate::run::RunFolder;
use crate::train::{ModelCard, ModelFile, TrainedModel};

/// A trained model, ready to use.
pub struct LoadedModel {
    pub vae: Vae,
    pub config: Config,
    pub card: ModelCard,
    /// The hash of the model file.
    pub hash: String,
    pub device: SelectedDevice,
    /// Where its images go unless `--out` names a place: the run's folder, or the folder that one stands in.
    pub folder: PathBuf,
    /// The model file.
    pub path: PathBuf,
    /// The data and their hash, once they are loaded.
    loaded: OnceCell<(Dataset, String)>,
}

/// Returns the hash of a model file.
pub fn hash(bytes: &[u8]) -> String {
    format!("md5:{}", md5_hex(&[bytes]))
}

impl LoadedModel {
    /// Loads the model file `path`; figures go to `folder`.
    pub fn new(path: PathBuf, folder: PathBuf, device: SelectedDevice) -> Result<Self> {
        let bytes = files::read(&path)?;
        let file = ModelFile::parse(&path, &bytes)?;
        let wrong = |error: Error| {
            Error::file(&path, format!("its weights do not fit its config: {error}"))
                .with_hint("the file is damaged, or was changed by hand")
        };
        let shape = file.card.image_shape;
        if !matches!(shape, [1 | 3, ..]) || Features::Map(shape).check().is_err() {
            return Err(wrong(Error::request(format!(
                "no image is {}",
                Features::Map(shape)
            ))));
        }
        let vae = file.build(&device.device).map_err(wrong)?;
        // The hash of the bytes that were read: a training that goes on may write another model meanwhile.
        let hash = hash(&bytes);
        Ok(Self {
            vae,
            config: file.config,
            card: file.card,
            hash,
            device,
            folder,
            path,
            loaded: OnceCell::new(),
        })
    }

    /// Takes a model over from the training that wrote it, with its data.
    pub fn trained(
        trained: TrainedModel,
        folder: RunFolder,
        device: SelectedDevice,
    ) -> Result<Self> {
        let file = trained.file();
        Ok(Self {
            vae: trained.vae,
            config: trained.config,
            hash: hash(&file.to_bytes()?),
            card: file.card,
            device,
            path: folder.model(),
            folder: folder.path,
            loaded: (trained.dataset, trained.data_hash).into(),
        })
    }

    /// Returns the data set that the model was trained on, with its hash, loaded on the first call: from `folder`, or from
    /// where training found it.
    pub fn data(&self, folder: Option<&Path>) -> Result<&(Dataset, String)> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let run = self.path.parent();
        let loaded = model_data::load(
            &self.config.data,
            &self.card,
            self.vae.class_count().is_some(),
            run,
            folder,
        )?;
        Ok(self.loaded.get_or_init(|| loaded))
    }

    /// Returns what a report says about the model and its data, which have to be loaded; `images` are the number of
    /// those measured and of those in the split.
    pub fn provenance(
        &self,
        split: &str,
        [images, images_in_split]: [usize; 2],
        seed: u64,
    ) -> Result<Provenance> {
        let (dataset, data_hash) = self.data(None)?;
        Ok(Provenance {
            config: self.config.clone(),
            model: self.path.clone(),
            model_hash: self.hash.clone(),
            device: self.device.name.clone(),
            data: dataset.name.clone(),
            data_hash: data_hash.clone(),
            split: split.to_owned(),
            images,
            images_in_split,
            seed,
        })
    }

    /// Returns what a figure has to know of the model.
    pub fn context(&self) -> FigureContext<'_> {
        FigureContext {
            latent_count: self.vae.network().latent,
            shape: self.card.image_shape,
            classes: &self.card.classes,
            conditional: self.vae.class_count().is_some(),
        }
    }

    /// The class of all that is to be decoded: [`FigureContext::class`]. `vae.labels(&vec![class; n])` makes it what the model reads.
    pub fn class(&self, label: Option<&str>) -> Result<Option<u32>> {
        self.context().class(label)
    }

    /// Returns the posterior means of the images `indices`, `[N][D]`; `seen` is called with the number done.
    ///
    /// # Errors
    /// Where they are not numbers.
    pub fn latents(
        &self,
        images: &Split,
        indices: &[u32],
        seen: impl FnMut(usize),
    ) -> Result<Vec<Vec<f32>>> {
        let latents = latents(&self.vae, &self.loader(), images, indices, seen)?;
        self.are_numbers(&latents).map(|()| latents)
    }

    /// Returns the posteriors of the images `indices`; `seen` is called with the number done.
    ///
    /// # Errors
    /// Where their means are not numbers, or the variances of a model that draws its latents.
    pub fn posteriors(
        &self,
        images: &Split,
        indices: &[u32],
        seen: impl FnMut(usize),
    ) -> Result<Posteriors> {
        let found = posteriors(&self.vae, &self.loader(), images, indices, seen)?;
        self.are_numbers(&found.means)?;
        if self.config.objective.kind().latent_mode().is_sampled() {
            self.are_numbers(&found.log_vars)?;
        }
        Ok(found)
    }

    /// Returns the evaluation protocol; `seed` overrides the run's seed.
    pub fn protocol(&self, samples: usize, seed: Option<u64>) -> Protocol {
        let config = &self.config;
        let seed = seed.unwrap_or(config.seed);
        Protocol {
            pixels: config.data.kind().pixels(),
            samples,
            seed,
            latent_mode: config.objective.kind().latent_mode(),
            corruption: config.objective.kind().corruption(),
        }
    }

    /// Something of it, in words, that should be numbers.
    pub fn broken(&self, what: &str) -> Error {
        Error::failed(format!("{}: its {what}", self.path.display())).with_hint(
            "its training broke, or the file is damaged: train it again, with a lower rate",
        )
    }

    fn are_numbers(&self, latents: &[Vec<f32>]) -> Result<()> {
        if latents.iter().flatten().all(|value| value.is_finite()) {
            return Ok(());
        }
        Err(self.broken("latents are not numbers, or infinite"))
    }

    /// Returns the loader for looking at latents, which reads clean images.
    fn loader(&self) -> Loader {
        self.protocol(1, None).clean_loader(&self.vae)
    }

    /// Reads the clean images `indices` as one batch, with their labels if the model is conditional. Images that a person
    /// passes have to be given a label then: [`LoadedModel::class`].
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn read(&self, images: &Split, indices: &[u32]) -> Result<Batch> {
        self.loader().batch(images, indices)
    }
}
