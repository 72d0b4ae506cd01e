//! p(x | z), p(z) and q(z | x): the variational autoencoder of Kingma and Welling (2014).

mod architecture;
mod condition;
mod conv;
mod file;
mod initialisation;
mod interpolation;
mod latents;
mod layer;
mod likelihood;
mod mlp;
mod network;
mod prior;
mod vae;
mod weights;

pub use crate::ops::{Activation, Window};
pub use architecture::{Model, ModelKind};
pub use condition::{Condition, ConditionMode, Labels};
pub use conv::{Conv, LayerConfig, Padding};
pub use file::{FORMAT_VERSION, pack, unpack};
pub use initialisation::{Initialisation, OutputBias};
pub use interpolation::{Method, interpolate, moved, nearest_to_mean, rows};
pub use latents::{decode, grid};
pub use layer::Layer;
pub use likelihood::{
    Bernoulli, ContinuousBernoulli, DiscretisedLogistic, Gaussian, Laplace, Likelihood,
    LikelihoodKind, Mean, Scale, Sigma,
};
pub use mlp::Mlp;
pub use network::{Features, Kind, LayerSpec, Network};
pub use prior::{
    Hierarchical, Hierarchy, Prior, PriorDensity, PriorKind, PriorSpec, StandardNormal, Vamp,
};
pub use vae::{ForwardPass, Vae};
pub use weights::{NamedTensor, export, import, load};
