//! The integration tests, one binary: it links burn once.

mod aggregate;
mod batches;
mod cli;
mod cli_autoencoder;
mod cli_disentangle;
mod cli_doctor;
mod cli_errors;
mod codes;
mod conditional;
mod config_text;
mod contract;
mod disentanglement;
mod fetch;
mod figures;
mod golden;
mod gradients;
mod health;
mod idx;
mod importance;
mod interpolation;
mod keras;
mod likelihoods;
mod likelihoods_of_pixels;
mod likelihoods_trained;
mod model_file;
mod models;
mod objectives;
#[cfg(feature = "cpu")]
mod ops;
mod pca;
mod program;
mod readme;
mod resume;
mod sprites;
mod theory;
mod tidy;
