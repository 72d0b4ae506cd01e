//! Examples -> batches on a device: augmented in training, scaled or binarised, corrupted, with one-hot labels.
//!
//! Training, evaluation, PCA and figures all read through here. Nothing else knows that images are bytes, or whether a
//! batch is put together on the host or on a GPU: `placement.rs` decides that.

mod augment_config;
mod augmentation;
mod batches;
mod corruption;
mod placement;
mod resident;
mod scale;

pub use augment_config::AugmentConfig;
pub use augmentation::Augmentation;
pub use batches::Batches;
pub use corruption::Corruption;
pub use placement::Loader;
