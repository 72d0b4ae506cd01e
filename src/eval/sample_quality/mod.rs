//! Measures of how good a model's samples are. Each stands beside the same figure of real held-out images, which is what a
//! perfect sampler could reach.
//!
//! Samples and held-out images are compared with as many training images, in the features of a fixed random
//! convolutional network: precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020),
//! and the unbiased kernel distance (Bińkowski et al. 2018). The numbers depend on that network and on the number of
//! images, so that they are compared only with each other. In pixels, samples that copy a training image are counted.
//! Where there are labels, a classifier that is trained apart predicts the classes of the samples. PSNR and SSIM (Wang
//! et al. 2004) measure reconstructions.

mod classifier;
mod classifier_figures;
mod features;
mod fidelity;
mod kernel_distance;
mod manifold;
mod measure;
mod memorised;
mod nearest;
mod pairs;
mod points;
mod samples;
mod ssim;
mod standardise;

pub use crate::eval::bootstrap::RESAMPLES;
pub use classifier_figures::{CONFIDENT, ClassifierFigures};
pub use features::{NETWORK, RandomNetwork};
pub use fidelity::{Fidelity, psnr};
pub use manifold::NEIGHBOURS;
pub use measure::{FEWEST, SMALLEST_SIDE, SampleQuality, SampleRequest, compared_with};
pub use memorised::{Memorised, QUANTILE};
pub use nearest::NEAREST;
pub use pairs::Compared;
pub use samples::SampleSource;
pub use ssim::{WINDOW, ssim};
