//! `vae repro`: trains the models of published numbers and measures them by the source's protocol. The numbers are data
//! in the presets.

mod measured;

use std::path::Path;
use std::time::Instant;

use clap::Args;

use self::measured::{Measured, Request, measured, run_name};
use super::candidates::recipes;
use super::model_arg::RUNS;
use super::next::{list_runs, next};
use super::output::show;
use super::run_args::RunArgs;
use crate::check::count;
use crate::config::{Published, PublishedMeasure, PublishedRun, published};
use crate::data::Choice;
use crate::error::{Error, Result, did_you_mean};
use crate::eval::Estimate;
use crate::report::{Cell, Column, Report, Table};
use crate::words::counted;
use crate::{device, ui};

/// The number of test images for log p(x) unless `--images` names another.
const IMAGES: usize = 1000;

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
The published numbers are `[published]` tables in the presets. Ours passes if it is within the tolerance; \
otherwise the exit code is 1. Stopped trainings go on when the same command is given again.

Examples:
  vae repro pytorch-example
  vae repro iwae-1 --only vae-1,iwae-5 --stages 5";

/// Reproduce a published number: train, measure by its protocol, compare
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct Repro {
    /// The published number to reproduce; `list` shows them all
    #[arg(default_value = "list", add = recipes())]
    recipe: String,

    /// Do only these of its trainings, as in `vae-1,iwae-5`
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,

    /// Train the first N of the paper's eight stages of 1, 3, 9, ... epochs (`iwae-1` and `iwae-2` only)
    #[arg(long, value_name = "N")]
    stages: Option<usize>,

    /// Measure log p(x) of N test images, drawn at random: the same ones every time [default: 1000]
    #[arg(long, value_name = "N")]
    images: Option<usize>,

    /// Measure log p(x) of the first N test images
    #[arg(long, value_name = "N", conflicts_with = "images")]
    first: Option<usize>,

    #[command(flatten)]
    run_args: RunArgs,

    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// The comparison of our number with a published one.
struct Outcome {
    run: String,
    ours: Estimate,
    published: f64,
    tolerance: f64,
    protocol: String,
    epochs: usize,
    /// The number of epochs in the source.
    published_epochs: usize,
    active: String,
    /// The name of the recipe's first training, and the mean gain over it, paired image by image.
    better: Option<(String, Estimate)>,
}

const OUTCOMES: &[Column<Outcome>] = &[
    Column {
        key: "run",
        title: "run",
        cell: |outcome| Cell::text(&outcome.run),
    },
    Column {
        key: "ours",
        title: "ours",
        cell: |outcome| Cell::estimate(Some(outcome.ours), 2),
    },
    Column {
        key: "published",
        title: "published",
        cell: |outcome| Cell::number(outcome.published, 2),
    },
    Column {
        key: "tolerance",
        title: "tolerance",
        cell: |outcome| Cell::number(outcome.tolerance, 1),
    },
    Column {
        key: "passed",
        title: "passed",
        cell: |outcome| Cell::Flag(outcome.passed()),
    },
    Column {
        key: "protocol",
        title: "protocol",
        cell: |outcome| Cell::text(&outcome.protocol),
    },
    Column {
        key: "epochs",
        title: "epochs",
        cell: |outcome| Cell::Count(outcome.epochs),
    },
    Column {
        key: "published_epochs",
        title: "published epochs",
        cell: |outcome| Cell::Count(outcome.published_epochs),
    },
];

impl Repro {
    pub fn run(self, began: Instant) -> Result<()> {
        let recipes = published();
        if self.recipe == "list" {
            self.check_list()?;
            show(&list(&recipes), self.json)?;
            if let (Some(first), false) = (recipes.first(), self.json) {
                next(format_args!("repro {}", first.recipe));
            }
            return Ok(());
        }
        let recipe = find(&recipes, &self.recipe)?;
        let epochs = self.epochs(recipe, &recipes)?;
        let runs = self.runs(recipe)?;
        let request = Request {
            epochs,
            images: self.images_of(recipe)?,
            run_args: &self.run_args,
            device: &device::select(&self.run_args.device)?,
            began,
        };
        ui::note(format_args!(
            "{}: {}; {}\ntakes {} on two cores; you can stop it and rerun the same command",
            recipe.recipe,
            recipe.about,
            recipe.source,
            time(&runs, epochs)
        ));
        let mut outcomes: Vec<Outcome> = Vec::new();
        let mut first: Option<(&str, Vec<f64>)> = None;
        for run in runs {
            let found = measured(recipe, run, &request)?;
            let better = first.as_ref().map(|(name, others)| {
                let differences = found
                    .log_px
                    .iter()
                    .zip(others)
                    .map(|(ours, other)| ours - other);
                ((*name).to_owned(), Estimate::of(differences))
            });
            let outcome = Outcome::new(recipe, run, &found, &request, better);
            // A training takes hours, so each number is printed as soon as it is known.
            if !self.json {
                ui::data(outcome.text())?;
            }
            outcomes.push(outcome);
            if first.is_none() && !found.log_px.is_empty() {
                first = Some((&run.name, found.log_px));
            }
        }
        if self.json {
            let mut report = Report::new();
            report.table(Table::of("results", &outcomes, OUTCOMES));
            report.field("source", recipe.source.as_str());
            report.field("unit", "negative nats per image");
            report.field("program_version", env!("CARGO_PKG_VERSION"));
            show(&report, true)?;
        }
        match outcomes.iter().filter(|outcome| !outcome.passed()).count() {
            0 => {
                if !self.json {
                    next(list_runs(&self.run_args.out));
                }
                Ok(())
            }
            1 => Err(Error::failed("1 result is outside its tolerance")),
            failed => Err(Error::failed(format!(
                "{failed} results are outside their tolerance"
            ))),
        }
    }

    /// Checks that no flag is passed to `list`, which trains nothing.
    fn check_list(&self) -> Result<()> {
        let flags = [
            ("--only", !self.only.is_empty()),
            ("--stages", self.stages.is_some()),
            ("--images", self.images.is_some()),
            ("--first", self.first.is_some()),
            ("--data", self.run_args.data.is_some()),
            ("--device", self.run_args.device != "auto"),
            ("--out", self.run_args.out != Path::new(RUNS)),
        ];
        match flags.iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((flag, _)) => Err(Error::request(format!(
                "{flag}: no recipe is named, so nothing is trained"
            ))
            .with_hint("name a recipe, as in `vae repro iwae-1`")),
        }
    }

    fn epochs(&self, recipe: &Published, recipes: &[Published]) -> Result<usize> {
        match self.stages {
            None => Ok(recipe.epochs),
            Some(stages) if recipe.in_stages => {
                count("--stages", stages, 8)?;
                Ok((0..stages as u32).map(|stage| 3_usize.pow(stage)).sum())
            }
            Some(_) => {
                let staged = recipes.iter().filter(|recipe| recipe.in_stages);
                let staged: Vec<&str> = staged.map(|recipe| recipe.recipe.as_str()).collect();
                let name = &recipe.recipe;
                let error = Error::request(format!("--stages: `{name}` is not trained in stages"));
                Err(error.with_hint(format!("these are: {}", staged.join(", "))))
            }
        }
    }

    fn images_of(&self, recipe: &Published) -> Result<Choice> {
        let (flag, images) = match (self.images, self.first) {
            (None, None) => return Ok(Choice::AtRandom(IMAGES)),
            (Some(images), _) => ("--images", images),
            (None, Some(images)) => ("--first", images),
        };
        count(flag, images, usize::MAX)?;
        if recipe.measure == PublishedMeasure::LogPx {
            return Ok(Choice::of(self.images, self.first));
        }
        let error = format!(
            "{flag} {images}: `{}` is measured on every image",
            recipe.recipe
        );
        Err(Error::request(error).with_hint(format!("leave `{flag}` out")))
    }

    fn runs<'a>(&self, recipe: &'a Published) -> Result<Vec<&'a PublishedRun>> {
        if self.only.is_empty() {
            return Ok(recipe.runs.iter().collect());
        }
        let find = |only: &String| {
            let run = recipe.runs.iter().find(|run| run.name == *only);
            run.ok_or_else(|| {
                let names = recipe.runs.iter().map(|run| run.name.as_str());
                let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
                let name = &recipe.recipe;
                let error = Error::request(format!("--only {only}: `{name}` has no such training"));
                error.with_hint(match names[..] {
                    [] => "it has one only: leave the flag out".to_owned(),
                    _ => format!("it has {}", names.join(", ")),
                })
            })
        };
        self.only.iter().map(find).collect()
    }
}

impl Outcome {
    fn new(
        recipe: &Published,
        run: &PublishedRun,
        found: &Measured,
        request: &Request,
        better: Option<(String, Estimate)>,
    ) -> Self {
        let protocol = match recipe.measure {
            PublishedMeasure::Elbo => "-ELBO of the test set, 1 sample of z".to_owned(),
            PublishedMeasure::TrainingLoss => "training loss".to_owned(),
            PublishedMeasure::LogPx => format!(
                "-log p(x) of {}, K = {}",
                request.images.of_images("test images"),
                recipe.importance_samples
            ),
        };
        Self {
            run: run_name(recipe, run),
            ours: found.value,
            published: run.value,
            tolerance: recipe.tolerance,
            protocol,
            epochs: request.epochs,
            published_epochs: recipe.epochs,
            active: found.active.clone(),
            better,
        }
    }

    fn passed(&self) -> bool {
        (self.ours.mean - self.published).abs() <= self.tolerance
    }

    fn text(&self) -> String {
        let verdict = if self.passed() { "PASS" } else { "FAIL" };
        let theirs = if self.epochs < self.published_epochs {
            format!(" (after {})", counted(self.published_epochs, "epoch"))
        } else {
            String::new()
        };
        let Self {
            run,
            published,
            tolerance,
            protocol,
            epochs,
            active,
            ..
        } = self;
        let (mean, error) = (self.ours.mean, self.ours.plus_minus(2));
        let mut text = format!(
            "{verdict}  {run}: ours {mean:.2} {error}, published {published:.2}{theirs}, tolerance {tolerance:.1}; {protocol}, {}{active}",
            counted(*epochs, "epoch")
        );
        if let Some((name, gain)) = &self.better {
            let (mean, error) = (gain.mean, gain.plus_minus(2));
            text +=
                &format!("\n      better than {name} by {mean:.2} {error} nats, image by image");
        }
        text
    }
}

fn list(recipes: &[Published]) -> Report {
    let about = |recipe: &Published| {
        let runs: Vec<&PublishedRun> = recipe.runs.iter().collect();
        format!("{}; {}", recipe.about, time(&runs, recipe.epochs))
    };
    let names = recipes
        .iter()
        .map(|recipe| (recipe.recipe.clone(), about(recipe)));
    let mut report = Report::new();
    report.table(Table::names("recipes", names));
    report
}

/// Returns the time that these trainings take with `epochs` epochs each, in words.
fn time(runs: &[&PublishedRun], epochs: usize) -> String {
    let seconds = runs.iter().filter_map(|run| run.epoch_seconds);
    let seconds = seconds.sum::<f64>() * epochs as f64;
    let about = match seconds {
        ..90.0 => format!("about {seconds:.0} seconds"),
        ..7200.0 => format!("about {:.0} minutes", seconds / 60.0),
        _ => format!("about {:.0} hours", seconds / 3600.0),
    };
    let unknown = runs.iter().filter(|run| run.epoch_seconds.is_none());
    let unknown: Vec<&str> = unknown.map(|run| run.name.as_str()).collect();
    if unknown.is_empty() {
        about
    } else {
        format!("{about}, and longer for {}", unknown.join(", "))
    }
}

fn find<'a>(recipes: &'a [Published], name: &str) -> Result<&'a Published> {
    let names = || recipes.iter().map(|recipe| recipe.recipe.as_str());
    let found = recipes.iter().find(|recipe| recipe.recipe == name);
    found.ok_or_else(|| {
        Error::request(format!("`{name}`: no such recipe")).with_hint(
            match did_you_mean(name, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
            },
        )
    })
}
