//! The speed-up of a training step on more cores: measured on those that the machine has, and simulated from the times of all
//! items of all jobs of a step on one core. `cargo bench -- cores` prints it.

use std::time::Instant;

use vae::ops::simulation::simulate;
use vae::train::Training;

use crate::{step, training_on_noise};

/// The numbers of cores that are simulated.
const CORES: [usize; 5] = [2, 4, 8, 16, 64];

/// The time that each way of running a step is repeated for, in turn with the others, and the smallest number of its steps.
const SECONDS: f64 = 1.0;
const STEPS: usize = 7;

/// Prints a table of Markdown.
#[expect(clippy::print_stdout, reason = "the table is the result")]
pub fn print() {
    let here = std::thread::available_parallelism().map_or(1, usize::from);
    let simulated = CORES.map(|cores| format!("{cores}, simulated")).join(" | ");
    println!("| model | batch | ms on one core | in jobs | {here}, measured | {simulated} |");
    println!("|---|---|---|---|---|{}", "---|".repeat(CORES.len()));
    for preset in ["mnist", "mnist-conv"] {
        for batch in [16, 128, 1024] {
            println!("{}", row(preset, batch, here));
        }
    }
}

/// Returns the line of a preset with a batch size. The fastest step of each kind counts, and the kinds take turns, because a
/// virtual machine is not always as fast.
fn row(preset: &str, batch: usize, here: usize) -> String {
    let pools = [1, here].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads can be started")
    });
    let [alone, all] = &pools;
    let mut steps = Steps::new(preset, batch);
    let mut fastest = [f64::INFINITY; 2 + CORES.len()];
    let mut in_jobs = 0.0;
    let start = Instant::now();
    let mut rounds = 0;
    while rounds < STEPS || start.elapsed().as_secs_f64() < SECONDS * fastest.len() as f64 {
        let measured = [alone, all].map(|pool| {
            let start = Instant::now();
            pool.install(|| steps.next());
            start.elapsed().as_secs_f64()
        });
        let simulated = CORES.map(|cores| {
            let time = alone.install(|| simulate(cores, || steps.next()));
            in_jobs = time.in_jobs.as_secs_f64() / time.alone.as_secs_f64();
            time.simulated.as_secs_f64()
        });
        let times = measured.into_iter().chain(simulated);
        for (fastest, time) in fastest.iter_mut().zip(times) {
            *fastest = fastest.min(time);
        }
        rounds += 1;
    }
    let mut cells = vec![
        format!("`{preset}`"),
        batch.to_string(),
        format!("{:.2}", fastest[0] * 1e3),
        format!("{:.0} %", in_jobs * 100.0),
    ];
    cells.extend(
        fastest[1..]
            .iter()
            .map(|time| format!("{:.1}", fastest[0] / time)),
    );
    format!("| {} |", cells.join(" | "))
}

/// The steps of a training, always on the same images.
struct Steps {
    training: Option<Training>,
    image_ids: Vec<u32>,
}

impl Steps {
    /// Prepares a training and takes its first steps, which are slower.
    fn new(preset: &str, batch: usize) -> Self {
        // The epoch is long, because its first step also computes the norms of the gradients.
        let mut steps = Self {
            training: Some(training_on_noise(preset, 50 * batch)),
            image_ids: (0..batch as u32).collect(),
        };
        (0..3).for_each(|_| steps.next());
        steps
    }

    fn next(&mut self) {
        let training = self.training.take();
        self.training = training.map(|training| step(training, &self.image_ids));
    }
}
