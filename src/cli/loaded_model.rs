//! A trained model, read from its file and placed on a device, and the operations that every command needs.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use super::data_arg::DataArg;
use super::figure_context::FigureContext;
use super::model_data;
use crate::config::Config;
use crate::data::Batch;
use crate::data::fetch::md5_hex;
use crate::data::image_file::Fit;
use crate::data::{Dataset, Part, Split};
use crate::device::SelectedDevice;
use crate::error::{Error, Result};
use crate::eval::{Posteriors, Protocol, latents, posteriors};
use crate::files;
use crate::loader::Loader;
use crate::model::{Features, Vae};
use crate::parallel;
use crate::report::Provenance;
use crate::run::RunFolder;
use crate::train::{ModelCard, ModelFile, TrainedModel, chosen_model};

/// The fault of a model that encodes to numbers that are no latents, for [`LoadedModel::broken`].
pub const BROKEN_LATENTS: &str = "latents are NaN or infinite";

/// A trained model, ready to use.
pub struct LoadedModel {
    pub vae: Vae,
    pub config: Config,
    pub card: ModelCard,
    /// The hash of the model file.
    pub hash: String,
    pub device: SelectedDevice,
    /// The folder for its figures unless `--out` names another: the run's folder, or empty (the current folder) if RUN is
    /// a model file.
    pub folder: PathBuf,
    /// The model file.
    pub path: PathBuf,
    /// The data and their hash, once they are loaded.
    loaded: OnceCell<(Dataset, String)>,
    /// New images and their hash, if a person named some.
    new_images: OnceCell<(Dataset, String)>,
}

fn broken(path: &Path, what: &str) -> Error {
    Error::failed(format!("{}: its {what}", path.display())).with_hint(
        "its training broke, or the file is damaged: train it again, with a lower learning rate",
    )
}

/// Returns the hash of a model file.
pub fn hash(bytes: &[u8]) -> String {
    format!("md5:{}", md5_hex(&[bytes]))
}

impl LoadedModel {
    /// Loads the model file `path`. Its figures go to `folder`.
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
        // Some networks hide such a weight: a ReLU turns NaN into 0, and the images are black.
        if let Some(name) = file.broken_tensor() {
            return Err(broken(&path, &format!("{name} is not finite")));
        }
        // Hash the bytes that were read, not the file: a running training may replace it meanwhile.
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
            new_images: OnceCell::new(),
        })
    }

    /// Takes over a model and its data from the training that produced it.
    pub fn trained(
        trained: TrainedModel,
        folder: RunFolder,
        device: SelectedDevice,
    ) -> Result<Self> {
        let file = trained.file();
        Ok(Self {
            hash: hash(&file.to_bytes()?),
            card: file.card,
            device,
            path: chosen_model(&trained.config.train, &folder),
            vae: trained.vae,
            config: trained.config,
            folder: folder.path,
            loaded: (trained.dataset, trained.data_hash).into(),
            new_images: OnceCell::new(),
        })
    }

    /// Returns whether this is a run's best model, which is not that of its last epoch.
    pub fn is_best(&self) -> bool {
        self.path == RunFolder::of_file(&self.path).best()
    }

    /// Returns the run's folder, or `None` if RUN is a model file.
    pub fn run_folder(&self) -> Option<RunFolder> {
        let path = self.folder.clone();
        (!path.as_os_str().is_empty()).then_some(RunFolder { path })
    }

    /// Returns the name of the run, or of the model file, without its ending.
    pub fn name(&self) -> String {
        let run = self.run_folder().map(|run| run.path);
        let path = run.as_ref().unwrap_or(&self.path);
        // A path such as `.` has no name.
        let whole = path.canonicalize().unwrap_or_else(|_| path.clone());
        let name = whole.file_stem().filter(|_| run.is_none());
        let name = name.or(whole.file_name()).unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Returns the data set that the model was trained on, and its hash. The first call loads it from where `argument`
    /// says, or from where training found it.
    ///
    /// # Errors
    /// Returns an error if the data cannot be read, or is other data and `argument` does not accept that.
    pub fn data(&self, argument: &DataArg) -> Result<&(Dataset, String)> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let run = RunFolder::of_file(&self.path);
        let load = || model_data::load(&self.config, &self.card, &run, argument);
        let loaded = parallel::in_turn(load)?;
        parallel::all_equal("the data (its hash)", &loaded.1)?;
        Ok(self.loaded.get_or_init(|| loaded))
    }

    /// Returns how an image file becomes an image of the model's size.
    pub fn fit(&self) -> Fit {
        self.config.data.fit(self.card.image_shape)
    }

    /// Returns new images as the test images of a data set that has no others.
    ///
    /// # Errors
    /// Returns an error if an image cannot be read, or if a conditional model is not told the class of each image.
    pub fn new_images(&self, paths: &[PathBuf]) -> Result<&(Dataset, String)> {
        if let Some(read) = self.new_images.get() {
            return Ok(read);
        }
        let run = RunFolder::of_file(&self.path);
        let read = model_data::new_images(&self.config, &self.card, &run, paths)?;
        Ok(self.new_images.get_or_init(|| read))
    }

    /// Returns what a report says about the model and its data, which must be loaded. `part` holds the
    /// images that were measured, of the split of this name.
    pub fn provenance(&self, split: &str, part: &Part, seed: u64) -> Result<Provenance> {
        let (dataset, data_hash) = match self.new_images.get() {
            Some(read) => read,
            None => self.data(&DataArg::default())?,
        };
        Ok(Provenance {
            config: self.config.clone(),
            model: self.path.clone(),
            model_hash: self.hash.clone(),
            started_from: self.card.started_from.clone(),
            device: self.device.name.clone(),
            data: dataset.name.clone(),
            data_hash: data_hash.clone(),
            trained_on: self.card.data_hash.clone(),
            split: split.to_owned(),
            images: part.len(),
            images_in_split: part.split.len(),
            choice: part.choice,
            seed,
        })
    }

    /// Returns the properties of the model that figures depend on.
    pub fn context(&self) -> FigureContext<'_> {
        FigureContext {
            latent_count: self.vae.network().latent,
            shape: self.card.image_shape,
            classes: &self.card.classes,
            conditional: self.vae.class_count().is_some(),
        }
    }

    /// Returns the class to decode as: [`FigureContext::class`]. `vae.labels(&vec![class; n])` turns it into the
    /// model's input.
    pub fn class(&self, label: Option<&str>) -> Result<Option<u32>> {
        self.context().class(label)
    }

    /// Returns the posterior means of the images `indices`, `[N][D]`. `seen` receives the number of images done.
    ///
    /// # Errors
    /// Returns an error if a mean is not finite.
    pub fn latents(
        &self,
        images: &Split,
        indices: &[u32],
        seen: impl FnMut(usize),
    ) -> Result<Vec<Vec<f32>>> {
        let latents = latents(&self.vae, &self.loader(), images, indices, seen)?;
        self.check_finite(&latents).map(|()| latents)
    }

    /// Returns the posteriors of the images `indices`. `seen` receives the number of images done.
    ///
    /// # Errors
    /// Returns an error if a mean is not finite or, for a model that samples its latents, a log variance.
    pub fn posteriors(
        &self,
        images: &Split,
        indices: &[u32],
        seen: impl FnMut(usize),
    ) -> Result<Posteriors> {
        let found = posteriors(&self.vae, &self.loader(), images, indices, seen)?;
        self.check_finite(&found.means)?;
        if self.config.is_variational() {
            self.check_finite(&found.log_vars)?;
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

    /// Returns the error for a model whose training broke. `what` says which of its numbers are not finite.
    pub fn broken(&self, what: &str) -> Error {
        broken(&self.path, what)
    }

    /// Checks latents that become pixels or numbers: a ReLU would turn NaN into 0, and hide it.
    ///
    /// # Errors
    /// Returns an error if a latent is not finite.
    pub fn check_finite(&self, latents: &[Vec<f32>]) -> Result<()> {
        if latents.iter().flatten().all(|value| value.is_finite()) {
            return Ok(());
        }
        Err(self.broken(BROKEN_LATENTS))
    }

    /// Returns the loader that reads clean images, for commands that look at latents.
    fn loader(&self) -> Loader {
        self.protocol(1, None).clean_loader(&self.vae)
    }

    /// Reads the clean images `indices` as one batch, with their labels if the model is conditional. Images from the
    /// user's own files need a label first: [`LoadedModel::class`].
    ///
    /// # Errors
    /// Returns an error if an image cannot be read.
    pub fn read(&self, images: &Split, indices: &[u32]) -> Result<Batch> {
        self.loader().batch(images, indices)
    }
}
