//! `vae disentangle`: measures how well each latent represents a single factor, and what probes read off the latents.

use std::path::PathBuf;

use clap::Args;

use super::data_arg::DataArg;
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use super::next::after_latents;
use super::output::show;
use crate::check::at_least_one;
use crate::data::factors::{Factor, parse};
use crate::data::{Choice, Dataset, Part, SplitName};
use crate::error::{Error, Result};
use crate::eval::disentanglement::{Scores, shuffled, varying};
use crate::eval::probe::{Logistic, nearest_neighbours};
use crate::report::disentanglement::{Disentanglement, Probes};
use crate::rng::Rng;
use crate::words::counted;
use crate::{files, ui};

/// The fewest images that may be measured. With fewer, every measure is dominated by chance.
const FEWEST: usize = 20;

/// The number of neighbours that vote on a label.
const NEIGHBOURS: usize = 5;

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
The scores are those of their authors: MIG (Chen et al. 2018), the FactorVAE score (Kim, Mnih 2018), the \
beta-VAE score (Higgins et al. 2017), DCI (Eastwood, Williams 2018) and SAP (Kumar et al. 2018). 1 is \
perfect; beside each stands what the same latents reach when the images' factors are shuffled. Seeds \
often differ by more than methods do (Locatello et al. 2019): train several. \
A denoising autoencoder reads clean images here; only train, eval, doctor and reconstruct corrupt them.

In a table of factors a column of numbers is ordered, and many different numbers are put into 20 steps; a \
column of words is one of classes.";

/// Measure disentanglement (one latent, one factor), and what probes read off the latents
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct Disentangle {
    #[command(flatten)]
    model: ModelArg,

    /// Measure the images of this split
    #[arg(long, value_enum, default_value_t = SplitName::Test)]
    split: SplitName,

    /// Use N images of the split, and N training images for the probes, drawn at random but the same in every run
    #[arg(long, default_value_t = 10_000)]
    n: usize,

    /// Use the first N images of each split, which say little about the others if the data is sorted
    #[arg(long, value_name = "N", conflicts_with = "n")]
    first: Option<usize>,

    /// Seed of the choice of images and of the noise [default: the run's]
    #[arg(long)]
    seed: Option<u64>,

    #[command(flatten)]
    data: DataArg,

    /// Read the images' factors from a table: names in the first line, then a line for each image of the split
    /// [default: what the data set was generated from, if that is known]
    #[arg(long, value_name = "FILE.csv")]
    factors: Option<PathBuf>,

    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Disentangle {
    pub fn run(self) -> Result<()> {
        at_least_one("--n", self.n)?;
        self.first
            .map_or(Ok(()), |first| at_least_one("--first", first))?;
        let model = self.model.open()?;
        let (dataset, _) = model.data(&self.data)?;
        let images = self.split.of(dataset)?;
        let part = Part::new(images, self.choice());
        let count = part.len();
        if count < FEWEST {
            return Err(Error::request(format!(
                "{}: too few to say anything of factors; at least {FEWEST}",
                counted(count, "image")
            ))
            .with_hint(if images.len() >= FEWEST {
                format!("pass a larger `{}`", self.choice().flag("--n"))
            } else {
                "choose a split with more images by `--split`, or train on data with more".into()
            }));
        }
        let factors = self.factors_of(&part)?;
        if factors.is_none() && images.labels.is_none() {
            return Err(Error::request(format!(
                "{} has neither factors nor labels: there is nothing that its latents could be compared with",
                dataset.name
            ))
            .with_hint(
                "pass `--factors FILE.csv`: names in the first line, then a line for each image of the split",
            ));
        }
        let seed = self.seed.unwrap_or(model.config.seed);
        let rng = Rng::new(seed).stream("disentanglement");
        let bar = ui::image_bar("encoding", count);
        let posteriors = model.posteriors(images, &part.ids, |seen| bar.set_position(seen as u64));
        bar.finish_and_clear();
        let posteriors = posteriors?;
        let drawn = model.config.is_variational();
        let factors = factors.unwrap_or_default();
        let varying = varying(&factors);
        let bar = ui::step_bar(2 * Scores::STEPS);
        let measure = |factors: &[Factor], what: &str| {
            Scores::measure(
                &posteriors.means,
                drawn.then_some(&posteriors.log_vars[..]),
                factors,
                rng,
                &mut |score| {
                    bar.set_message(format!("{what}{score}"));
                    bar.inc(1);
                },
            )
        };
        let scores = measure(&varying, "measuring ");
        let chance = measure(&shuffled(&varying, rng), "measuring the chance level of ");
        bar.finish_and_clear();
        let probes = match part.labels() {
            Some(labels) => Some(self.probe(&model, dataset, &posteriors.means, &labels)?),
            None => None,
        };
        let disentanglement = Disentanglement {
            provenance: model.provenance(self.split.name(), &part, seed)?,
            latents: model.vae.network().latent,
            factors: &factors,
            varying: &varying,
            factor_file: self.factors.as_ref().map(|path| path.display().to_string()),
            scores,
            chance,
            probes,
        };
        show(&disentanglement.report(), self.json)?;
        if !self.json {
            after_latents(&model);
        }
        Ok(())
    }

    fn choice(&self) -> Choice {
        Choice::of(Some(self.n), self.first)
    }

    /// Returns the factors of the images of a part, or `None` if they are not known.
    fn factors_of(&self, part: &Part) -> Result<Option<Vec<Factor>>> {
        let Some(path) = &self.factors else {
            let factors = part.split.factors.as_ref();
            return Ok(factors.map(|factors| factors.columns(&part.ids)));
        };
        let counted = format!("{} images", self.split.name());
        let factors = parse(&files::read(path)?, part.split.len(), path, &counted)?;
        Ok(Some(
            factors.iter().map(|factor| factor.of(&part.ids)).collect(),
        ))
    }

    /// Fits the probes to training images and measures them on the images of the split. If the split is the training
    /// set itself, the probes are fitted to one half of these images and measured on the other.
    fn probe(
        &self,
        model: &LoadedModel,
        dataset: &Dataset,
        latents: &[Vec<f32>],
        labels: &[u32],
    ) -> Result<Probes> {
        let narrow = |labels: &[u32]| -> Result<Vec<u16>> {
            let narrow = |&label: &u32| {
                u16::try_from(label).map_err(|_| {
                    Error::request(format!(
                        "class {label}: probes can tell at most 65536 classes from each other"
                    ))
                })
            };
            labels.iter().map(narrow).collect()
        };
        if self.split == SplitName::Train {
            // The images may be sorted by class.
            let order = Rng::new(0).stream("halves").permutation(latents.len());
            let take = |ids: &[u32]| -> Result<(Vec<Vec<f32>>, Vec<u16>)> {
                let ids = || ids.iter().map(|&id| id as usize);
                let labels: Vec<u32> = ids().map(|id| labels[id]).collect();
                Ok((
                    ids().map(|id| latents[id].clone()).collect(),
                    narrow(&labels)?,
                ))
            };
            let (train, test) = order.split_at(order.len() / 2);
            let (train, test) = (take(train)?, take(test)?);
            return Ok(measure_probes(
                dataset.classes.len(),
                (&train.0, &train.1),
                (&test.0, &test.1),
            ));
        }
        let part = Part::new(&dataset.train, self.choice());
        let known = part.labels().unwrap_or_default();
        let bar = ui::image_bar("encoding training images", part.len());
        let train = model.latents(&dataset.train, &part.ids, |seen| {
            bar.set_position(seen as u64)
        });
        bar.finish_and_clear();
        Ok(measure_probes(
            dataset.classes.len(),
            (&train?, &narrow(&known)?),
            (latents, &narrow(labels)?),
        ))
    }
}

/// Fits the probes to `train` and measures them on `test`. Each of the two is a pair of latents and their labels.
fn measure_probes(
    classes: usize,
    train: (&[Vec<f32>], &[u16]),
    test: (&[Vec<f32>], &[u16]),
) -> Probes {
    let most = (0..classes)
        .map(|class| {
            test.1
                .iter()
                .filter(|&&label| usize::from(label) == class)
                .count()
        })
        .max();
    let linear = ui::working("fitting the linear probe", || {
        Logistic::fit(train.0, train.1, classes, false).accuracy(test.0, test.1)
    });
    let nearest = ui::working("finding the nearest neighbours", || {
        nearest_neighbours(train.0, train.1, test.0, test.1, NEIGHBOURS)
    });
    Probes {
        neighbours: NEIGHBOURS,
        linear,
        nearest,
        chance: most.unwrap_or(0) as f64 / test.1.len().max(1) as f64,
        images: [train.0.len(), test.0.len()],
    }
}
