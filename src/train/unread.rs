//! The numbers of the steps that are still on the device. They are read back all at once, because a GPU would wait.

use burn::tensor::Tensor;

/// A step whose numbers are still on the device.
#[derive(Debug)]
pub struct UnreadStep {
    /// The loss sums, `[3]`.
    pub sums: Tensor<1>,
    /// The global norm of the gradients, `[1]`, if steps can be skipped.
    pub norm: Option<Tensor<1>>,
    /// The number of images.
    pub images: usize,
}

/// The numbers of a step.
#[derive(Clone, Copy, Debug)]
pub struct StepNumbers {
    pub sums: [f32; 3],
    pub norm: Option<f32>,
    pub images: usize,
}

/// Reads the numbers of steps back. Either all have a norm, or none has.
pub fn read(steps: impl Iterator<Item = UnreadStep>) -> Vec<StepNumbers> {
    let (mut sums, mut norms, mut images) = (Vec::new(), Vec::new(), Vec::new());
    for step in steps {
        sums.push(step.sums);
        norms.extend(step.norm);
        images.push(step.images);
    }
    let (sums, norms) = (values(sums), values(norms));
    let sums = sums.as_chunks::<3>().0.iter().zip(images);
    sums.enumerate()
        .map(|(place, (&sums, images))| StepNumbers {
            sums,
            norm: norms.get(place).copied(),
            images,
        })
        .collect()
}

fn values(tensors: Vec<Tensor<1>>) -> Vec<f32> {
    if tensors.is_empty() {
        return Vec::new();
    }
    Tensor::cat(tensors, 0).into_data().iter().collect()
}
