//! The command line. Each subcommand has a file with its arguments and its `run()`.

mod animate;
mod anomalies;
mod calibrate;
mod calibration;
mod candidates;
mod compare;
mod completions;
mod config;
mod config_name;
mod data;
mod data_arg;
mod decode;
mod destination;
mod devices;
mod diagnosing;
mod disentangle;
mod doctor;
mod draw;
mod edit;
mod embed;
mod end_figures;
mod eval;
mod export;
mod figure_context;
mod figures;
mod image_blocks;
mod image_output;
mod images;
mod images_args;
mod interpolate;
mod interrupt;
mod latent_origin;
mod latent_sampler;
mod list;
mod loaded_model;
mod manifold;
mod manual;
mod map_folder;
mod mixture;
mod model_arg;
mod model_data;
mod next;
mod number_arg;
mod output;
mod reconstruct;
mod report;
mod repro;
mod rm;
mod run_args;
mod sample;
mod sample_quality;
mod sample_sheet;
mod score;
mod score_args;
mod scored_rows;
mod scorer;
mod scoring;
mod summary;
mod sweep;
mod table;
mod test_data;
#[cfg(test)]
mod toy_figure;
mod train;
mod traverse;

use std::process::exit;
use std::time::Instant;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};

use crate::error::{Error, Result, shell_word};
use crate::parallel::WaitArgs;
use crate::words::counted;
use crate::{device, parallel, ui};

/// Train variational autoencoders and put them to use.
#[derive(Debug, Parser)]
#[command(
    name = "vae",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Print only errors on stderr
    #[arg(long, short, global = true)]
    quiet: bool,

    /// Use N threads; results do not depend on it [default and most: one per core]
    #[arg(long, global = true, value_name = "N")]
    threads: Option<usize>,

    #[command(flatten)]
    waits: WaitArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Train(Box<train::Train>),
    Data(data::DataArgs),
    Summary(summary::Summary),
    Eval(eval::Eval),
    Doctor(doctor::Doctor),
    Report(report::ReportCommand),
    Disentangle(disentangle::Disentangle),
    Score(score::ScoreImages),
    Calibrate(calibrate::Calibrate),
    Anomalies(anomalies::Anomalies),
    Compare(compare::Compare),
    Sweep(Box<sweep::Sweep>),
    Repro(repro::Repro),
    #[command(flatten)]
    Figure(figures::FigureCommand),
    Decode(decode::Decode),
    Export(export::Export),
    List(list::List),
    Rm(rm::Rm),
    Devices(devices::Devices),
    Config(config::ConfigArgs),
    Completions(completions::Completions),
    #[command(hide = true)]
    Manual(manual::Manual),
}

impl Command {
    /// Returns whether several processes divide the work of this command.
    fn is_divided(&self) -> bool {
        match self {
            Self::Train(_) | Self::Eval(_) | Self::Score(_) | Self::Disentangle(_) => true,
            Self::Figure(figure) => figure.is_divided(),
            _ => false,
        }
    }
}

/// The flags of `vae eval` in earlier versions, with their names today.
const RENAMED: &[(&str, &str)] = &[
    ("--samples", "--importance-samples"),
    ("--codes", "--samples-per-image"),
];

impl Cli {
    /// Parses the program's arguments. For `--help`, for `--version` and after most mistakes, clap prints its text and
    /// the program ends here. It also ends here once a shell has been told how a word may go on.
    ///
    /// # Errors
    /// Returns an error if a number cannot be read, if a flag has been renamed, or if `vae train` is given a name without a
    /// flag.
    pub fn from_arguments() -> Result<Self> {
        if completions::answer::<Self>()? {
            exit(0);
        }
        let error = match Self::try_parse() {
            Ok(cli) => return Ok(cli),
            Err(error) => error,
        };
        if let Some(wrong) = number_arg::wrong_number(&error) {
            return Err(wrong);
        }
        if error.kind() == ErrorKind::UnknownArgument
            && let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg)
        {
            let words: Vec<String> = std::env::args_os()
                .skip(1)
                .map(|word| word.to_string_lossy().into_owned())
                .collect();
            let is_for = |command: &str| words.iter().any(|word| word == command);
            if let Some((old, new)) = RENAMED.iter().find(|(old, _)| old == argument)
                && is_for("eval")
            {
                return Err(Error::request(format!(
                    "{old}: this flag is called `{new}` now"
                )));
            }
            if is_for("train") && !argument.starts_with('-') {
                return Err(Error::request(format!(
                    "`{argument}`: `vae train` takes a preset only through `--config`"
                ))
                .with_hint(format!(
                    "write: vae train --config {}",
                    shell_word(argument)
                )));
            }
        }
        if !parallel::reports_wrong_requests() {
            // The first process prints the text.
            std::process::exit(0);
        }
        error.exit()
    }

    /// Runs the command, on all processes if there are several. `began` is the time at which the program was started.
    pub fn run(self, began: Instant) -> Result<()> {
        if self.quiet {
            ui::be_quiet();
        }
        if parallel::IS_BUILT_IN || self.command.is_divided() {
            parallel::start(self.waits.timeout())?;
        }
        parallel::end(self.run_here(began))
    }

    /// Runs the command on this process.
    fn run_here(self, began: Instant) -> Result<()> {
        // A command whose work is not divided is the first process's alone.
        if !self.command.is_divided() {
            let processes = parallel::count();
            if !parallel::dismiss()? {
                return Ok(());
            }
            if processes > 1 {
                ui::note(format_args!(
                    "note: one of the {processes} processes runs this command; the others wait until it ends"
                ));
            }
        }
        // Instructions that cannot be used end the program before it has done anything.
        device::kernel_instructions()?;
        let [process, processes] = parallel::local();
        let processes = if self.command.is_divided() {
            processes
        } else {
            1
        };
        device::be_process(process);
        device::start_threads(self.threads, processes)?;
        if let Some(wanted) = self.threads.filter(|wanted| *wanted > device::threads()) {
            ui::note(format_args!(
                "note: --threads {wanted}: this process may use {}, and gets as many threads",
                counted(device::threads(), "core")
            ));
        }
        // Run on a worker thread, which hands work to the other workers cheaply. From outside, each handover costs a
        // sleep.
        let run = || {
            rayon::scope(|_| match self.command {
                Command::Train(train) => train.run(began),
                Command::Data(data) => data.run(),
                Command::Summary(summary) => summary.run(),
                Command::Eval(eval) => eval.run(),
                Command::Doctor(doctor) => doctor.run(),
                Command::Report(report) => report.run(),
                Command::Disentangle(disentangle) => disentangle.run(),
                Command::Score(score) => score.run(),
                Command::Calibrate(calibrate) => calibrate.run(),
                Command::Anomalies(anomalies) => anomalies.run(),
                Command::Compare(compare) => compare.run(),
                Command::Sweep(sweep) => sweep.run(began, self.threads),
                Command::Repro(repro) => repro.run(began),
                Command::Figure(figure) => figure.run(),
                Command::Decode(decode) => decode.run(),
                Command::Export(export) => export.run(),
                Command::List(list) => list.run(),
                Command::Rm(rm) => rm.run(),
                Command::Devices(devices) => devices.run(),
                Command::Config(config) => config.run(),
                Command::Completions(completions) => completions.run(),
                Command::Manual(manual) => manual.run::<Self>(),
            })
        };
        device::guarded(run)
    }
}
