//! How far a training has come: plain numbers, saved with every checkpoint.

use serde::{Deserialize, Serialize};

/// Numbers that change during training. Noise, order and binarised pixels need no place here, because they are functions of
/// the seed and the step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done since the start.
    pub step: u64,
    /// Loss sums of the current epoch.
    pub sums: LossSums,
    /// Gradient norms of the current epoch. States that older programs wrote have none.
    #[serde(default)]
    pub gradient_norms: GradientNorms,
    /// Seconds of training in the current epoch, without evaluation and images.
    pub seconds: f64,
    /// The best validation score so far, in nats: a [`crate::run::Record::score`].
    pub best: Option<f64>,
    /// The length of `metrics.jsonl` in bytes; what lies beyond was written after this state.
    pub metrics_length: u64,
}

impl Progress {
    /// Clears what belongs to one epoch.
    pub fn start_epoch(&mut self) {
        self.sums = LossSums::default();
        self.gradient_norms = GradientNorms::default();
        self.seconds = 0.0;
    }
}

/// Sums over images, nats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossSums {
    pub loss: f64,
    pub reconstruction: f64,
    pub kl: f64,
    pub images: u64,
}

impl LossSums {
    /// Adds the sums of a step over `images` images.
    pub fn add(&mut self, [loss, reconstruction, kl]: [f32; 3], images: usize) {
        self.loss += f64::from(loss);
        self.reconstruction += f64::from(reconstruction);
        self.kl += f64::from(kl);
        self.images += images as u64;
    }

    /// Returns the means of loss, reconstruction and KL, nats per image.
    pub fn means(self) -> [f64; 3] {
        [self.loss, self.reconstruction, self.kl].map(|sum| sum / self.images as f64)
    }
}

/// Sums of the gradient norms of each layer, over some of the steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GradientNorms {
    pub steps: u64,
    /// `[L]`, in the network's order.
    pub sums: Vec<f64>,
}

impl GradientNorms {
    /// Adds a step's squared norms, unless single precision cannot hold one of them.
    pub fn add(&mut self, squares: &[f32]) {
        if squares.iter().all(|square| square.is_finite()) {
            self.steps += 1;
            self.sums.resize(squares.len(), 0.0);
            self.sums
                .iter_mut()
                .zip(squares)
                .for_each(|(sum, square)| *sum += f64::from(*square).sqrt());
        }
    }

    /// Returns the mean of each layer, `[L]`; empty if no step was added.
    pub fn means(&self) -> impl Iterator<Item = f64> {
        self.sums.iter().map(|sum| sum / self.steps as f64)
    }
}
