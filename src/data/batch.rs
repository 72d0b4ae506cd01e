//! A batch: what a network reads at a time.

use burn::tensor::{Device, Tensor, TensorData};

/// Examples on a device, as the network reads them.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[B, P]`, values in [0, 1]: what is to be reconstructed.
    pub x: Tensor<2>,
    /// `[B, P]`: what the encoder sees in place of `x`; `None` unless the input is corrupted.
    pub corrupted: Option<Tensor<2>>,
    /// `[B, L]`: the class of each example as a one-hot row; `None` unless the model is conditional.
    pub labels: Option<Tensor<2>>,
}

impl Batch {
    /// Returns a batch without labels whose encoder sees the examples themselves.
    ///
    /// # Shapes
    /// `x`: `[B, P]`.
    pub fn new(x: Tensor<2>) -> Self {
        Self {
            x,
            corrupted: None,
            labels: None,
        }
    }

    /// Returns a batch of values on the host.
    ///
    /// # Shapes
    /// `values`: `B * width` numbers in [0, 1].
    pub fn from_values(values: Vec<f32>, width: usize, device: &Device) -> Self {
        let count = values.len() / width;
        Self::new(Tensor::from_data(
            TensorData::new(values, [count, width]),
            device,
        ))
    }

    #[must_use]
    pub fn with_labels(self, labels: Option<Tensor<2>>) -> Self {
        Self { labels, ..self }
    }

    /// Returns what the encoder sees.
    ///
    /// # Shapes
    /// Result: `[B, P]`.
    pub fn input(&self) -> Tensor<2> {
        self.corrupted.as_ref().unwrap_or(&self.x).clone()
    }

    /// Returns the batch with every tensor changed by `change`, for instance lifted onto an autodiff device.
    #[must_use]
    pub fn map(self, change: impl Fn(Tensor<2>) -> Tensor<2>) -> Self {
        Self {
            x: change(self.x),
            corrupted: self.corrupted.map(&change),
            labels: self.labels.map(&change),
        }
    }
}

/// Returns classes as one-hot rows.
///
/// # Shapes
/// `classes`: `[N]`, each below `class_count`, `L`; result: `[N, L]`.
pub fn one_hot(
    classes: impl ExactSizeIterator<Item = u32>,
    class_count: usize,
    device: &Device,
) -> Tensor<2> {
    let shape = [classes.len(), class_count];
    let mut values = vec![0.0; shape[0] * class_count];
    values
        .chunks_exact_mut(class_count)
        .zip(classes)
        .for_each(|(row, class)| row[class as usize] = 1.0);
    Tensor::from_data(TensorData::new(values, shape), device)
}
