//! `vae repro`: published numbers, trained and measured again by their own protocol.

use std::time::Instant;

use clap::Args;

use super::interrupt;
use super::train::{RunArgs, Train};
use crate::check::count;
use crate::device::{self, SelectedDevice};
use crate::error::{Error, Result, did_you_mean};
use crate::eval::{AggregatePosterior, Estimate, Importance, importance, measure};
use crate::ui;

/// A published number, and how it is found again.
struct Recipe {
    name: &'static str,
    /// Model, data, source.
    about: &'static str,
    preset: &'static str,
    /// Each trained anew.
    runs: &'static [Variant],
    measure: Measure,
    epochs: usize,
    /// Whether its epochs are the stages of Burda et al. 2016.
    in_stages: bool,
    /// How far ours may be from the published number, nats.
    tolerance: f64,
}

struct Variant {
    name: &'static str,
    sets: &'static [&'static str],
    /// Negative nats an image, as the source has it.
    published: f64,
    /// Seconds of an epoch, as it went here on two cores or one; nothing where it was never trained.
    epoch: Option<f64>,
}

/// What is published, lower being better.
#[derive(Clone, Copy)]
enum Measure {
    NegativeElbo,
    TrainingLoss,
    /// -log p(x) from so many latents.
    NegativeLogPx(usize),
}

/// What was found.
struct Measured {
    /// Negative nats an image.
    value: Estimate,
    /// Of each image, where it is log p(x).
    log_px: Vec<f64>,
    /// Which latents' means vary with the image, in words; nothing where that is not looked at.
    active: String,
}

const PLAIN: Variant = Variant {
    name: "",
    sets: &[],
    published: f64::NAN,
    epoch: None,
};

/// The KL from the draw, as `iwae` with K = 1 has it.
const VAE: [&str; 2] = [
    "objective.vae-k.samples=1",
    "objective.vae-k.estimator=sampled",
];

/// In the order of their cost.
const RECIPES: [Recipe; 6] = [
    Recipe {
        name: "pytorch-example",
        about: "the VAE of pytorch/examples, grey MNIST, after 10 epochs",
        preset: "mnist",
        runs: &[Variant {
            published: 105.6,
            epoch: Some(2.0),
            ..PLAIN
        }],
        measure: Measure::NegativeElbo,
        epochs: 10,
        in_stages: false,
        tolerance: 0.5,
    },
    Recipe {
        name: "cvae-tf",
        about: "TensorFlow's convolutional VAE, MNIST cut at one half, after 10 epochs (one user's run)",
        preset: "cvae-tf",
        runs: &[Variant {
            published: 155.9,
            epoch: Some(30.0),
            ..PLAIN
        }],
        measure: Measure::NegativeElbo,
        epochs: 10,
        in_stages: false,
        tolerance: 2.1,
    },
    Recipe {
        name: "keras-io",
        about: "keras.io's convolutional VAE, the training loss (on all 70 000 images) after 10 epochs",
        preset: "vae-keras-io",
        runs: &[Variant {
            published: 152.2,
            epoch: Some(30.0),
            ..PLAIN
        }],
        measure: Measure::TrainingLoss,
        epochs: 10,
        in_stages: false,
        tolerance: 2.0,
    },
    Recipe {
        name: "pythae-vae",
        about: "pythae's VAE, MNIST binarised once (theirs another draw), log p(x) from 200 latents",
        preset: "pythae-vae",
        runs: &[Variant {
            published: 89.8,
            epoch: Some(3.4),
            ..PLAIN
        }],
        measure: Measure::NegativeLogPx(200),
        epochs: 500,
        in_stages: false,
        tolerance: 1.0,
    },
    Recipe {
        name: "iwae-1",
        about: "Burda et al. 2016, table 1: one layer, MNIST drawn afresh, log p(x) from 5000 latents",
        preset: "iwae-1",
        runs: &[
            Variant {
                name: "vae-1",
                sets: &VAE,
                published: 86.76,
                epoch: Some(3.2),
            },
            Variant {
                name: "iwae-5",
                sets: &["objective.iwae.samples=5"],
                published: 85.54,
                epoch: Some(7.3),
            },
            Variant {
                name: "iwae-50",
                sets: &["objective.iwae.samples=50"],
                published: 84.78,
                epoch: Some(26.0),
            },
        ],
        measure: Measure::NegativeLogPx(5000),
        epochs: 3280,
        in_stages: true,
        tolerance: 1.0,
    },
    Recipe {
        name: "iwae-2",
        about: "Burda et al. 2016, table 1: two layers, MNIST drawn afresh, log p(x) from 5000 latents",
        preset: "iwae-2",
        runs: &[
            Variant {
                name: "vae-1",
                sets: &VAE,
                published: 85.33,
                epoch: Some(5.6),
            },
            Variant {
                name: "iwae-5",
                sets: &["objective.iwae.samples=5"],
                published: 83.89,
                epoch: Some(12.9),
            },
            Variant {
                name: "iwae-50",
                sets: &["objective.iwae.samples=50"],
                published: 82.90,
                epoch: None,
            },
        ],
        measure: Measure::NegativeLogPx(5000),
        epochs: 3280,
        in_stages: true,
        tolerance: 1.0,
    },
];

/// Reproduce a published number: train, measure by its protocol, compare
#[derive(Debug, Args)]
pub struct Repro {
    /// Which; `list` shows them all
    #[arg(default_value = "list")]
    recipe: String,

    /// Only some of its trainings, as in `vae-1,iwae-5`
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,

    /// Of `iwae-1` and `iwae-2`: how many of the paper's eight stages of 1, 3, 9, ... epochs
    #[arg(long, value_name = "N")]
    stages: Option<usize>,

    /// Measure log p(x) of the first so many test images
    #[arg(long, value_name = "N", default_value_t = 1000)]
    images: usize,

    #[command(flatten)]
    place: RunArgs,
}

impl Repro {
    pub fn run(self, began: Instant) -> Result<()> {
        if self.recipe == "list" {
            let line = |recipe: &Recipe| {
                let all: Vec<&Variant> = recipe.runs.iter().collect();
                (
                    recipe.name,
                    format!("{}; {}", recipe.about, time(&all, recipe.epochs)),
                )
            };
            return ui::data(
                ui::two_columns(&RECIPES.iter().map(line).collect::<Vec<_>>()).trim_end(),
            );
        }
        let recipe = find(&self.recipe)?;
        let epochs = self.epochs(recipe)?;
        let variants = self.variants(recipe)?;
        count("--images", self.images, usize::MAX)?;
        ui::note(format_args!(
            "{}: {}\ntakes {} on two cores; may be stopped and begun again",
            recipe.name,
            recipe.about,
            time(&variants, epochs)
        ));
        let chosen = device::choose(&self.place.device)?;
        let mut failed = 0;
        let mut first: Option<(&str, Vec<f64>)> = None;
        for variant in variants {
            let Measured {
                value: ours,
                log_px,
                active,
            } = self.measured(recipe, variant, epochs, &chosen, began)?;
            let passed = (ours.mean - variant.published).abs() <= recipe.tolerance;
            failed += usize::from(!passed);
            let short = if epochs < recipe.epochs {
                format!(" (theirs after {} epochs)", recipe.epochs)
            } else {
                String::new()
            };
            ui::data(format_args!(
                "{}  {}: ours {:.2} ± {:.2}, published {:.2}{short}, tolerance {:.1}; {}, {epochs} epochs{active}",
                if passed { "PASS" } else { "FAIL" },
                run_name(recipe, variant),
                ours.mean,
                ours.se,
                variant.published,
                recipe.tolerance,
                self.protocol(recipe),
            ))?;
            // Image by image: what an easy image gives both is no part of the error.
            match &first {
                Some((name, others)) => {
                    let Estimate { mean, se } =
                        Estimate::of(log_px.iter().zip(others).map(|(a, b)| a - b));
                    ui::data(format_args!(
                        "      {} is better than {name} by {mean:.2} ± {se:.2} nats, image by image",
                        variant.name
                    ))?;
                }
                None if !log_px.is_empty() => first = Some((variant.name, log_px)),
                None => {}
            }
        }
        match failed {
            0 => Ok(()),
            _ => Err(Error::failed(format!(
                "{failed} of these numbers are not the published ones"
            ))),
        }
    }

    fn epochs(&self, recipe: &Recipe) -> Result<usize> {
        match self.stages {
            None => Ok(recipe.epochs),
            Some(stages) if recipe.in_stages => {
                count("--stages", stages, 8)?;
                Ok((0..stages as u32).map(|stage| 3_usize.pow(stage)).sum())
            }
            Some(_) => {
                let staged = RECIPES
                    .iter()
                    .filter(|recipe| recipe.in_stages)
                    .map(|recipe| recipe.name);
                Err(Error::request(format!(
                    "--stages: `{}` is not trained in stages",
                    recipe.name
                ))
                .with_hint(format!(
                    "these are: {}",
                    staged.collect::<Vec<_>>().join(", ")
                )))
            }
        }
    }

    fn variants(&self, recipe: &'static Recipe) -> Result<Vec<&'static Variant>> {
        if self.only.is_empty() {
            return Ok(recipe.runs.iter().collect());
        }
        let find = |only: &String| {
            recipe
                .runs
                .iter()
                .find(|variant| variant.name == only)
                .ok_or_else(|| {
                    let names: Vec<&str> = recipe
                        .runs
                        .iter()
                        .map(|variant| variant.name)
                        .filter(|name| !name.is_empty())
                        .collect();
                    let error = Error::request(format!(
                        "--only {only}: `{}` has no such training",
                        recipe.name
                    ));
                    error.with_hint(match names[..] {
                        [] => "it has one only: leave the flag out".to_owned(),
                        _ => format!("it has {}", names.join(", ")),
                    })
                })
        };
        self.only.iter().map(find).collect()
    }

    /// Trains, or goes on, and measures.
    fn measured(
        &self,
        recipe: &Recipe,
        variant: &Variant,
        epochs: usize,
        chosen: &SelectedDevice,
        began: Instant,
    ) -> Result<Measured> {
        let mut sets: Vec<String> = variant.sets.iter().map(|set| (*set).to_owned()).collect();
        sets.push("figures=[]".to_owned());
        let name = format!("repro-{}-{epochs}", run_name(recipe, variant));
        let trained = Train::named(recipe.preset, sets, epochs, &name, self.place.clone())
            .train(chosen, began)?;
        if let Measure::TrainingLoss = recipe.measure {
            let last = trained
                .history
                .iter()
                .rfind(|record| record.split == "train");
            let loss = last.and_then(|record| record.loss).unwrap_or(f64::NAN);
            return Ok(Measured {
                value: Estimate {
                    mean: loss,
                    se: 0.0,
                },
                log_px: Vec::new(),
                active: String::new(),
            });
        }
        let opened = &trained.model;
        let config = &opened.config;
        let protocol = opened.protocol(1, None);
        let (dataset, _) = opened.data(None)?;
        let test = &dataset.test;
        let mut log_px = Vec::new();
        let mut active = String::new();
        let value = match recipe.measure {
            Measure::NegativeLogPx(samples) => {
                let images = self.images.min(test.len());
                let bar = ui::sample_bar((samples * images) as u64);
                let bounds = importance(
                    &opened.vae,
                    test,
                    images,
                    protocol,
                    &[samples],
                    &mut |done| {
                        bar.set_position(done);
                        !interrupt::asked()
                    },
                );
                bar.finish_and_clear();
                let bounds = bounds?;
                if interrupt::asked() {
                    return Err(Error::interrupted("stopped; the same command goes on"));
                }
                log_px = bounds
                    .first()
                    .map(|bound| bound.log_px.clone())
                    .unwrap_or_default();
                let latent_count =
                    AggregatePosterior::read(&opened.vae, test, test.len(), protocol, &mut |_| {})?
                        .latents();
                // All are of a distribution: the largest variance plays no part.
                let count = latent_count
                    .iter()
                    .filter(|latent| latent.is_active(0.0))
                    .count();
                let layer = if config.prior.is_normal() {
                    ""
                } else {
                    " of the first layer"
                };
                active = format!("; {count} of {} latents{layer} active", latent_count.len());
                bounds.first().map(Importance::bound)
            }
            _ => measure(&opened.vae, test, protocol, &mut |_| {})?.elbo(),
        };
        let Some(Estimate { mean, se }) = value else {
            return Err(Error::failed(format!(
                "{}: nothing was measured",
                recipe.name
            )));
        };
        Ok(Measured {
            value: Estimate { mean: -mean, se },
            log_px,
            active,
        })
    }

    fn protocol(&self, recipe: &Recipe) -> String {
        match recipe.measure {
            Measure::NegativeElbo => "-ELBO of the test set, 1 sample of z".to_owned(),
            Measure::TrainingLoss => "training loss".to_owned(),
            Measure::NegativeLogPx(samples) => {
                format!(
                    "-log p(x) of the first {} test images, K = {samples}",
                    self.images
                )
            }
        }
    }
}

/// How long these trainings take, of so many epochs each.
fn time(variants: &[&Variant], epochs: usize) -> String {
    let seconds: f64 = variants
        .iter()
        .filter_map(|variant| variant.epoch)
        .sum::<f64>()
        * epochs as f64;
    let about = match seconds {
        ..90.0 => format!("about {seconds:.0} seconds"),
        ..7200.0 => format!("about {:.0} minutes", seconds / 60.0),
        _ => format!("about {:.0} hours", seconds / 3600.0),
    };
    let unknown: Vec<&str> = variants
        .iter()
        .filter(|variant| variant.epoch.is_none())
        .map(|variant| variant.name)
        .collect();
    if unknown.is_empty() {
        about
    } else {
        format!("{about}, and longer for {}", unknown.join(", "))
    }
}

fn run_name(recipe: &Recipe, variant: &Variant) -> String {
    if variant.name.is_empty() {
        recipe.name.to_owned()
    } else {
        format!("{}-{}", recipe.name, variant.name)
    }
}

fn find(name: &str) -> Result<&'static Recipe> {
    static ALL: &[Recipe] = &RECIPES;
    ALL.iter()
        .find(|recipe| recipe.name == name)
        .ok_or_else(|| {
            let names = || ALL.iter().map(|recipe| recipe.name);
            Error::request(format!("`{name}`: no such recipe")).with_hint(
                match did_you_mean(name, names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
                },
            )
        })
}
