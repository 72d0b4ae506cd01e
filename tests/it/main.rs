//! The integration tests, in one binary, so that burn is linked once.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "clippy.toml exempts test functions, and these are also in functions that tests call"
)]

mod aggregate;
mod anomaly;
mod augmentation;
mod auto_model;
mod averaged_weights;
mod batches;
mod binarized_mnist;
mod changed_configs;
mod cli;
mod cli_anomalies;
mod cli_autoencoder;
mod cli_disentangle;
mod cli_doctor;
mod cli_errors;
mod cli_score;
mod compare;
mod completions;
mod conditional;
mod config_text;
mod contract;
mod data_files;
mod data_places;
mod device;
mod disentanglement;
mod exports;
mod fetch;
mod figures;
mod from_other_data;
mod fuzz;
mod golden;
mod gradients;
mod half_copied_runs;
mod health;
mod idx;
mod images_as_files;
mod importance;
#[cfg(feature = "cpu")]
mod instruction_sets;
mod interpolation;
mod keras;
mod kills;
#[cfg(unix)]
mod large_sets;
mod latents;
mod likelihood_ops;
mod likelihoods;
mod likelihoods_of_pixels;
mod likelihoods_trained;
#[cfg(unix)]
mod limits;
mod list_runs;
mod mangled_configs;
mod mixture;
mod model_file;
mod models;
mod next_commands;
mod not_finite;
mod objectives;
#[cfg(feature = "cpu")]
mod ops;
mod optimizer_ops;
mod own_archives;
mod own_arrays;
mod own_idx;
mod own_images;
mod own_images_in_words;
mod own_labels;
mod parity;
mod parts;
#[cfg(unix)]
mod paths_that_exist;
mod patience;
mod pca;
mod priors;
mod processes;
mod program;
mod projector;
mod random;
mod readme;
mod removed_runs;
mod report_page;
mod residual_ops;
mod resume;
mod rm;
mod sample_quality;
mod sample_ranking;
mod shell;
#[cfg(unix)]
mod signals;
mod skipped_steps;
mod snapshot;
mod sprites;
mod standard_errors;
mod stops;
mod summary;
#[cfg(target_os = "linux")]
mod sweep;
mod sweeping;
mod tensorboard;
mod theory;
mod tidy;
mod tiny;
mod toy_data;
mod training_pass;
mod verdicts;
