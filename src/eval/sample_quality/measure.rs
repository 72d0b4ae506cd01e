//! The measurement: samples are compared with training images, as held-out images are.

use burn::tensor::Device;

use super::classifier::Classifier;
use super::classifier_figures::ClassifierFigures;
use super::features::RandomNetwork;
use super::fidelity::Fidelity;
use super::manifold::NEIGHBOURS;
use super::memorised::Memorised;
use super::nearest::PixelPoints;
use super::pairs::{Compared, SelfCompared};
use super::points::PointSet;
use super::standardise::Standardiser;
use crate::data::{Choice, Dataset, Part, Split};
use crate::error::Result;
use crate::eval::Protocol;
use crate::eval::bootstrap::Resamples;
use crate::loader::Loader;
use crate::model::Vae;
use crate::rng::Rng;

/// The fewest samples: fewer have no k-th nearest neighbour.
pub const FEWEST: usize = NEIGHBOURS + 1;

/// The shortest side of an image that the random network is made for.
pub const SMALLEST_SIDE: usize = 8;

/// The most multiplications in the search for nearest training images: about 10 seconds on two cores.
const MOST_PRODUCTS: usize = 600_000_000_000;

/// The samples to measure, and the images to compare them with.
#[derive(Clone, Copy, Debug)]
pub struct SampleRequest<'a> {
    /// The samples, from [`FEWEST`] to the number of training images and of held-out images.
    pub samples: &'a Split,
    /// `[N]`: the classes that a conditional model was asked for.
    pub asked: Option<&'a [u32]>,
    /// The model, whose reconstructions are measured.
    pub vae: &'a Vae,
    pub protocol: Protocol,
    pub dataset: &'a Dataset,
    /// The images that as many held-out images are chosen from as there are samples.
    pub held_out: &'a Part<'a>,
    /// Whether PSNR and SSIM of reconstructions are measured.
    pub reconstructions: bool,
}

/// The figures of samples beside those of held-out images.
#[derive(Clone, Debug)]
pub struct SampleQuality {
    /// The number of samples, of held-out images and of the training images that both are compared with in features.
    pub count: usize,
    /// The number of features in which images are compared.
    pub feature_count: usize,
    pub samples: Compared,
    pub held_out: Compared,
    pub memorised: Memorised,
    /// The number of training images among which the nearest ones were searched, and of all training images.
    pub searched: [usize; 2],
    /// `None` if the images have no labels.
    pub classifier: Option<ClassifierFigures>,
    /// `None` if it was not asked for.
    pub fidelity: Option<Fidelity>,
}

/// The sets of images that are compared.
struct Sets<'a> {
    /// Reads samples and real images without changing them.
    loader: Loader,
    samples: &'a Split,
    held_out: Part<'a>,
    train: Part<'a>,
}

impl SampleQuality {
    /// Measures samples. `go_on` receives the name of each stage before it begins, and again within it.
    ///
    /// Returns `None` if `go_on` returned false.
    ///
    /// # Errors
    /// Returns an error if an image cannot be read, or if all training images are the same.
    pub fn measure(
        request: SampleRequest,
        go_on: &mut dyn FnMut(&'static str) -> bool,
    ) -> Result<Option<Self>> {
        let SampleRequest {
            samples: drawn,
            asked,
            vae,
            protocol,
            dataset,
            ..
        } = request;
        let count = drawn.len();
        let sets = Sets {
            loader: real_loader(protocol, &vae.device()),
            samples: drawn,
            held_out: chosen(request.held_out, count),
            train: compared_with(dataset, count),
        };
        let resamples = ["samples", "held-out images"].map(|set| Resamples::new(count, rng(set)));
        let [of_samples, of_held_out] = [&resamples[0], &resamples[1]];
        let Some((feature_count, samples, held_out)) = sets.compared(go_on)? else {
            return Ok(None);
        };
        let all = dataset.train.len();
        let Some((memorised, searched)) =
            sets.memorised(&dataset.train, [of_samples, of_held_out], go_on)?
        else {
            return Ok(None);
        };
        let class_count = dataset.classes.len();
        let labels = sets.held_out.labels().filter(|_| class_count > 1);
        let classifier = match labels.filter(|_| dataset.train.labels.is_some()) {
            None => None,
            Some(labels) => {
                let predicted = sets.predict(&dataset.train, class_count, go_on)?;
                let Some([samples, held_out]) = predicted else {
                    return Ok(None);
                };
                Some(ClassifierFigures::new(
                    [&samples, &held_out],
                    &labels,
                    asked,
                    class_count,
                    [of_samples, of_held_out],
                ))
            }
        };
        let fidelity = if request.reconstructions {
            let go_on = &mut || go_on("measuring reconstructions");
            let measured = Fidelity::measure(vae, protocol, &sets.held_out, of_held_out, go_on)?;
            let Some(fidelity) = measured else {
                return Ok(None);
            };
            Some(fidelity)
        } else {
            None
        };
        Ok(Some(Self {
            count,
            feature_count,
            samples,
            held_out,
            memorised,
            searched: [searched, all],
            classifier,
            fidelity,
        }))
    }
}

impl Sets<'_> {
    /// Compares samples and held-out images with training images in features. Returns the number of features too.
    fn compared(
        &self,
        go_on: &mut dyn FnMut(&'static str) -> bool,
    ) -> Result<Option<(usize, Compared, Compared)>> {
        let device = &self.loader.device;
        let network = RandomNetwork::new(self.samples.shape, device);
        let mut scales = None;
        let mut sets = Vec::new();
        let drawn = Part::from(self.samples);
        for (stage, part, resamples) in [
            ("reading training images", &self.train, "training images"),
            ("reading held-out images", &self.held_out, "held-out images"),
            ("reading samples", &drawn, "samples"),
        ] {
            let features = network.features_of(&self.loader, part, &mut || go_on(stage))?;
            let Some(features) = features else {
                return Ok(None);
            };
            // The scales are those of the training images, which come first.
            let scales = match &scales {
                Some(scales) => scales,
                None => scales.insert(Standardiser::new(&features, network.feature_count())?),
            };
            let points = PointSet::new(scales.apply(&features), scales.kept_count(), device);
            sets.push(SelfCompared::new(points, rng(resamples), device));
        }
        let [real, held_out, samples] = &sets[..] else {
            unreachable!("there are three sets")
        };
        if !go_on("comparing samples with training images") {
            return Ok(None);
        }
        let compared = [samples, held_out].map(|set| set.beside(real, device));
        let kept = scales.map_or(0, |scales| scales.kept_count());
        let [samples, held_out] = compared;
        Ok(Some((kept, samples, held_out)))
    }

    /// Searches the training images nearest to samples and to held-out images. Returns the number of training images that
    /// were searched too.
    fn memorised(
        &self,
        train: &Split,
        resamples: [&Resamples; 2],
        go_on: &mut dyn FnMut(&'static str) -> bool,
    ) -> Result<Option<(Memorised, usize)>> {
        let stage = "searching nearest training images";
        let mut found = Vec::new();
        let mut width = 1;
        let mut searched = 0;
        for part in [&Part::from(self.samples), &self.held_out] {
            let points = PixelPoints::new(&self.loader, part)?;
            width = points.width();
            let most = (MOST_PRODUCTS / (2 * part.len() * width)).max(1);
            let train = Part::new(train, Choice::AtRandom(most));
            searched = train.len();
            let Some(lists) = points.nearest(&self.loader, &train, &mut |_| go_on(stage))? else {
                return Ok(None);
            };
            found.push(lists);
        }
        let memorised = Memorised::new(&found[0], &found[1], width, resamples);
        Ok(Some((memorised, searched)))
    }

    /// Trains a classifier, and returns its predictions for samples and for held-out images.
    fn predict(
        &self,
        train: &Split,
        class_count: usize,
        go_on: &mut dyn FnMut(&'static str) -> bool,
    ) -> Result<Option<[Predictions; 2]>> {
        let stage = "training a classifier";
        let trained = Classifier::train(
            &self.loader,
            &Part::from(train),
            class_count,
            rng("classifier"),
            &mut |_, _| go_on(stage),
        );
        let Some(classifier) = trained? else {
            return Ok(None);
        };
        let samples = classifier.predict(&self.loader, &Part::from(self.samples))?;
        let held_out = classifier.predict(&self.loader, &self.held_out)?;
        Ok(Some([samples, held_out]))
    }
}

/// The class that a classifier predicts for each image, with its probability.
type Predictions = Vec<(u32, f64)>;

/// Returns the `count` training images that samples are compared with in features.
pub fn compared_with(dataset: &Dataset, count: usize) -> Part<'_> {
    Part::new(&dataset.train, Choice::AtRandom(count))
}

/// Returns the loader of real images as samples are to be: grey levels where a model sees pixels that are drawn with these
/// levels as probabilities, because the mean of p(x | z) estimates the levels.
fn real_loader(protocol: Protocol, device: &Device) -> Loader {
    let plain = Loader::plain(device);
    if protocol.pixels.is_drawn() {
        return plain;
    }
    Loader {
        pixels: protocol.pixels,
        ..plain
    }
}

/// Returns `count` images of a part: the first ones if it has a random order or is asked for, otherwise random ones.
fn chosen<'a>(part: &Part<'a>, count: usize) -> Part<'a> {
    match part.choice {
        Choice::All => Part::new(part.split, Choice::AtRandom(count)),
        choice => Part {
            split: part.split,
            ids: part.ids[..count].to_vec(),
            choice,
        },
    }
}

/// Returns a random stream that is the same for every model.
fn rng(name: &str) -> Rng {
    Rng::new(0).stream("sample quality").stream(name)
}
