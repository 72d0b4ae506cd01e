//! p(x | z), p(z) and q(z | x): the variational autoencoder of Kingma and Welling (2014).

mod architecture;
mod blueprint;
mod codes;
mod condition;
mod conv;
mod file;
mod initialisation;
mod interpolation;
mod layer;
mod likelihood;
mod mlp;
mod prior;
mod vae;
mod weights;

pub use crate::ops::{Activation, Window};
pub use architecture::{Architecture, Model};
pub use blueprint::{Blueprint, Features, Kind, LayerSpec};
pub use codes::{decode, grid};
pub use condition::{Condition, Entrance, Labels};
pub use conv::{Conv, LayerConfig, Padding};
pub use file::{Card, FORMAT_VERSION, ModelFile, pack, unpack};
pub use initialisation::{Initialisation, OutputBias};
pub use interpolation::{Method, interpolate, moved, nearest_to_mean, rows};
pub use layer::Layer;
pub use likelihood::{
    Bernoulli, ContinuousBernoulli, DiscretisedLogistic, Gaussian, Laplace, Likelihood, LikelihoodKind, Mean, Scale,
    Sigma,
};
pub use mlp::Mlp;
pub use prior::{Hierarchical, Hierarchy, Prior, PriorAt, PriorKind, PriorSpec, StandardNormal, Vamp};
pub use vae::{Parts, Vae};
pub use weights::{NamedTensor, export, import, load};
