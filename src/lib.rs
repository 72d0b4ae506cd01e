//! `vae` trains variational autoencoders and uses the trained models. The program is the binary; the library exists because tests
//! and benches can only import a library, and promises nothing to other crates.
//!
//! Notation: `x` data, `z` latent, `q` posterior, `p` prior or likelihood; `N` items, `B` batch, `K` samples of `z`, `D` latents,
//! `P = C * H * W` values of an image. Numbers are sums over values and latents and means over images, in nats.

pub mod check;
pub mod cli;
pub mod config;
pub mod data;
pub mod density;
pub mod device;
pub mod error;
pub mod eval;
pub mod export;
pub mod figure;
pub mod files;
pub mod loader;
pub mod model;
pub mod objective;
pub mod ops;
pub mod optimizer;
pub mod os;
mod panics;
pub mod parallel;
mod registry;
pub mod report;
pub mod rng;
pub mod run;
pub mod schedule;
pub mod train;
pub mod ui;
pub mod words;
