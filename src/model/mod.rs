//! p(x | z), p(z) and q(z | x): the variational autoencoder of Kingma and Welling (2014).

mod architecture;
mod auto;
mod by_value;
mod condition;
mod conv;
mod dense_form;
mod features;
mod file;
mod forward_pass;
mod graph;
mod initialisation;
mod interpolation;
mod latents;
mod layer;
mod likelihood;
mod load;
mod mlp;
mod model_kind;
mod network;
mod parameters;
mod prior;
mod resnet;
mod rows;
mod training_pass;
mod vae;

pub use crate::ops::{Activation, Window};
pub use architecture::Model;
pub use auto::{Auto, ChosenModel};
pub use condition::{Condition, ConditionMode};
pub use conv::Conv;
pub use features::Features;
pub use file::{FORMAT_VERSION, pack, unpack};
pub use forward_pass::ForwardPass;
pub use graph::{Graph, Node, NodeId, Operation};
pub use initialisation::{Init, Initialisation, OutputBias};
pub use interpolation::{Interpolation, interpolate, moved};
pub use latents::{decode, decode_each, grid};
pub use layer::{
    ConvolutionConfig, ConvolutionLayer, ConvolutionSpec, DenseConfig, DenseLayer, DenseSpec,
    DropoutConfig, DropoutLayer, DropoutSpec, Forward, Layer, LayerConfig, LayerKind, LayerNoise,
    LayerShape, LayerSpec, NormConfig, NormLayer, NormSpec, Padding, PoolConfig, PoolLayer,
    PoolSpec, ResidualConfig, ResidualLayer, ResidualSpec, TransposedConfig, TransposedLayer,
    TransposedSpec, UpsampleConfig, UpsampleLayer, UpsampleSpec, checked_dropout,
};
pub use likelihood::{
    Bernoulli, ContinuousBernoulli, DiscretisedLogistic, Gaussian, GaussianLikelihood,
    ImageDistribution, Laplace, LaplaceLikelihood, Likelihood, LikelihoodKind, LikelihoodModule,
    OutputMap, Scale, Sigma,
};
pub use load::load;
pub use mlp::Mlp;
pub use model_kind::ModelKind;
pub use network::{ConditionSpec, Network};
pub use parameters::{
    LayerParameters, NamedTensor, ParameterShape, export, flat_parameters, import,
    layer_parameters, parameter_names,
};
pub use prior::{
    Encode, Hierarchical, HierarchicalPrior, LatentDistribution, LatentSpace, Prior, PriorKind,
    PriorModule, StandardNormal, Vamp, VampPrior,
};
pub use resnet::Resnet;
pub use rows::{nearest_to_mean, rows};
pub use training_pass::TrainingPass;
pub use vae::{LayerObserver, Vae};
