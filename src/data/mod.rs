//! Where images come from, and how their bytes become what a model reads.

pub mod amat;
pub mod archive;
pub mod binarized_mnist;
pub mod digits;
pub mod factors;
mod fashion_mnist;
pub mod fetch;
pub mod idx;
mod images;
mod mnist;
mod noise;
mod pixels;
pub mod resident;
mod source;
mod sprites;
mod truth;

pub use binarized_mnist::BinarizedMnist;
pub use digits::Digits;
pub use factors::Factor;
pub use fashion_mnist::{FASHION_MNIST, FashionMnist};
pub use images::{Dataset, Generator, Images};
pub use mnist::{MNIST, Mnist, TrainOn};
pub use noise::{Noise, Size};
pub use pixels::Pixels;
pub use source::{Data, DataKind, hash, load};
pub use sprites::Sprites;
pub use truth::GenerativeFactors;
