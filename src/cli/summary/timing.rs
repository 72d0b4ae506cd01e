//! The time of a training step, measured on random images.

use std::time::Instant;

use crate::config::Config;
use crate::data::{Dataset, Noise, Size, Split};
use crate::device::SelectedDevice;
use crate::error::Result;
use crate::model::Network;
use crate::ops::on_host;
use crate::report::{Cell, Report};
use crate::train::Training;
use crate::{device, os, ui};

/// The steps before the first that is timed: memory is taken, and a GPU compiles its kernels.
const BEFORE: usize = 2;

/// The number of times that steps are timed, whose median is reported.
const ROUNDS: usize = 3;

/// The seconds of a round, and the fewest and the most steps.
const SECONDS: f64 = 1.0;
const FEWEST: usize = 2;
const MOST: usize = 100;

/// The learning rate: the weights of a model that learns noise must not leave what is finite.
const LEARNING_RATE: f64 = 1e-6;

/// The measured time of a training step.
pub struct StepTime {
    /// The seconds of a step in each round, in ascending order.
    rounds: [f64; ROUNDS],
    /// The number of steps in a round.
    steps: usize,
    batch: usize,
    /// The device, and the processor and the threads if it is the CPU.
    device: String,
    processor: Option<String>,
    threads: Option<usize>,
}

/// Measures the time of training steps on batches of `batch` random images.
///
/// # Errors
/// Returns an error if the network cannot be trained.
pub fn measure(
    config: &Config,
    network: &Network,
    batch: usize,
    selected: &SelectedDevice,
) -> Result<StepTime> {
    ui::working("timing training steps", || {
        let training = training(config, network, batch, selected)?;
        let ids: Vec<u32> = (0..batch as u32).collect();
        let (mut training, _) = timed(training, &ids, BEFORE - 1)?;
        let first;
        (training, first) = timed(training, &ids, 1)?;
        let steps = ((SECONDS / first) as usize).clamp(FEWEST, MOST);
        let mut rounds = [0.0; ROUNDS];
        for round in &mut rounds {
            (training, *round) = timed(training, &ids, steps)?;
        }
        rounds.sort_by(f64::total_cmp);
        let is_processor = on_host(&selected.device);
        Ok(StepTime {
            rounds,
            steps,
            batch,
            device: selected.title(),
            processor: is_processor.then(os::processor).flatten(),
            threads: is_processor.then(device::threads),
        })
    })
}

/// Prepares a training on random images of the network's shape, with labels if it reads them.
fn training(
    config: &Config,
    network: &Network,
    batch: usize,
    selected: &SelectedDevice,
) -> Result<Training> {
    let [channels, height, width] = network.image_shape;
    let classes = network
        .condition
        .as_ref()
        .map_or(0, |condition| condition.class_count);
    let noise = Noise {
        size: Size::Rectangle([height, width]),
        channels,
        count: batch.max(config.prior.kind().pseudo_inputs()),
        test: 1,
        ..Noise::default()
    };
    let labelled = |split: Split| {
        let labels = (0..split.len() as u32).map(|index| index % classes as u32);
        match classes {
            0 => split,
            _ => {
                let labels = labels.collect();
                split.with_labels(labels)
            }
        }
    };
    let drawn = noise.draw();
    let dataset = Dataset {
        train: labelled(drawn.train.clone()),
        test: labelled(drawn.test.clone()),
        classes: (0..classes).map(|class| class.to_string()).collect(),
        ..drawn
    };
    let mut config = config.clone();
    config.train.learning_rate = LEARNING_RATE;
    // There are no images to choose the best model on.
    config.train.patience = 0;
    Training::new(&config, dataset, &selected.device)
}

/// Takes `steps` steps, and returns the seconds of one. Their numbers are read back, so that a GPU has computed them.
fn timed(mut training: Training, ids: &[u32], steps: usize) -> Result<(Training, f64)> {
    let began = Instant::now();
    for _ in 0..steps {
        training = training.step(ids)?;
    }
    training.look()?;
    Ok((training, began.elapsed().as_secs_f64() / steps as f64))
}

impl StepTime {
    /// Adds the time to a report on a network that is trained on `images` images, if their number is known.
    pub fn add_to(&self, report: &mut Report, images: Option<usize>) -> Result<()> {
        let [least, median, most] = self.rounds;
        let batch = self.batch as f64;
        report.row(
            "step_ms",
            "time of a step",
            Cell::number(1e3 * median, 2),
            format!(
                "ms for {} random images, {:.0} images/s ({:.2} to {:.2} ms in {ROUNDS} times {} steps)",
                self.batch,
                batch / median,
                1e3 * least,
                1e3 * most,
                self.steps
            ),
        );
        if let Some(images) = images {
            let seconds = images.div_ceil(self.batch) as f64 * median;
            report.row(
                "epoch_seconds",
                "time of an epoch",
                Cell::number(seconds, 1),
                format!("s for {images} images, without the test after it"),
            );
        }
        let instructions = match device::kernel_instructions()? {
            Some(instructions) if self.threads.is_some() => Some(instructions.used),
            _ => None,
        };
        let mut words = vec![self.device.clone()];
        words.extend(self.processor.clone());
        words.extend(instructions.map(str::to_owned));
        words.extend(
            self.threads
                .map(|threads| crate::words::counted(threads, "thread")),
        );
        report.text_row("measured on", Cell::text(words.join(", ")), "");
        report.field("step_ms_least", 1e3 * least);
        report.field("step_ms_most", 1e3 * most);
        report.field("steps_measured", ROUNDS * self.steps);
        report.field("images_per_second", batch / median);
        report.field("device", self.device.as_str());
        report.field("processor", self.processor.as_deref());
        report.field("instruction_set", instructions);
        report.field("threads", self.threads);
        Ok(())
    }
}
