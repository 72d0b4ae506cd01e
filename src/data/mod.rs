//! Where examples come from. How they become batches is the loader's business.

pub mod amat;
pub mod archive;
mod batch;
pub mod binarized_mnist;
mod dataset;
pub mod digits;
mod examples;
pub mod factors;
mod fashion_mnist;
pub mod fetch;
mod generated;
mod generative_factors;
pub mod idx;
mod in_memory;
mod mnist;
mod noise;
mod pixels;
mod source;
mod split;
mod sprites;

pub use batch::{Batch, one_hot};
pub use binarized_mnist::BinarizedMnist;
pub use dataset::{Dataset, SplitName};
pub use digits::Digits;
pub use examples::{Example, ExampleShape, Examples};
pub use factors::Factor;
pub use fashion_mnist::{FASHION_MNIST, FashionMnist};
pub use generated::{Generated, Generator};
pub use generative_factors::GenerativeFactors;
pub use in_memory::InMemory;
pub use mnist::{MNIST, Mnist, TrainOn};
pub use noise::{Noise, Size};
pub use pixels::Pixels;
pub use source::{Data, DataKind, hash, load};
pub use split::Split;
pub use sprites::Sprites;
