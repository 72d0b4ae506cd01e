//! Examples -> batches on a device: scaled or binarised, corrupted, with one-hot labels.
//!
//! Training, evaluation, PCA and figures all read through here. Nothing else knows that images are bytes, or whether a
//! batch is put together on the host or on a GPU.

mod assemble;
mod batches;
mod corruption;
mod resident;
mod scale;

pub use assemble::Loader;
pub use batches::Batches;
pub use corruption::Corruption;
