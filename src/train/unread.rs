//! The numbers of the steps that are still on the device. They are read back all at once, because a GPU would wait.

use burn::tensor::Tensor;

use crate::error::Result;
use crate::parallel;

/// A step whose numbers are still on the device.
#[derive(Debug)]
pub struct UnreadStep {
    /// The loss sums of each of this process's shards, `[3 S]`.
    pub sums: Tensor<1>,
    /// The global norm of the gradients, `[1]`, if steps can be skipped.
    pub norm: Option<Tensor<1>>,
    /// The number of images.
    pub images: usize,
}

/// The numbers of a step.
#[derive(Clone, Debug)]
pub struct StepNumbers {
    /// The loss sums of each shard, over all processes.
    pub sums: Vec<[f32; 3]>,
    pub norm: Option<f32>,
    pub images: usize,
}

impl StepNumbers {
    /// Returns the loss sums of the whole batch.
    pub fn total(&self) -> [f64; 3] {
        let add = |total: [f64; 3], sums: &[f32; 3]| {
            [0, 1, 2].map(|term| total[term] + f64::from(sums[term]))
        };
        self.sums.iter().fold([0.0; 3], add)
    }
}

/// Reads the numbers of steps back. This process has computed `own` shards of each step. Either all steps have a norm, or none
/// has.
///
/// # Errors
/// Returns the error of a process that has failed.
pub fn read(steps: impl Iterator<Item = UnreadStep>, own: usize) -> Result<Vec<StepNumbers>> {
    let (mut sums, mut norms, mut images) = (Vec::new(), Vec::new(), Vec::new());
    for step in steps {
        sums.push(step.sums);
        norms.extend(step.norm);
        images.push(step.images);
    }
    let steps = images.len();
    let own_sums = values(sums).into_iter().map(f64::from).collect();
    let all = parallel::gather(own_sums)?;
    let all: Vec<f32> = all.into_iter().map(|sum| sum as f32).collect();
    // By process, step and shard.
    let (all, _) = all.as_chunks::<3>();
    let norms = values(norms);
    let numbers = images.into_iter().enumerate().map(|(step, images)| {
        let of_process = |all: &[[f32; 3]]| all[step * own..(step + 1) * own].to_vec();
        StepNumbers {
            sums: all.chunks(steps * own).flat_map(of_process).collect(),
            norm: norms.get(step).copied(),
            images,
        }
    });
    Ok(numbers.collect())
}

fn values(tensors: Vec<Tensor<1>>) -> Vec<f32> {
    if tensors.is_empty() {
        return Vec::new();
    }
    Tensor::cat(tensors, 0).into_data().iter().collect()
}
