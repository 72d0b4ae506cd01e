//! The config: TOML files, presets and `--set`, read into one checked [`Config`].

mod changes;
mod chosen_model;
mod figures;
mod find;
mod for_images;
mod ignored;
mod json_schema;
mod measure;
mod network;
mod overrides;
mod plan;
mod preset;
mod published;
mod renamed;
mod schema;
mod toml_error;
mod train;
mod type_words;

pub use changes::changes;
pub use figures::Figures;
pub use find::{file_named, find, read};
pub use for_images::ImageSet;
pub use ignored::IgnoredTable;
pub use json_schema::json_schema;
pub use overrides::{set, set_all};
pub use plan::{SweepGrid, SweepPlan, SweepTask, plain_name, point_value, short_keys, varied_keys};
pub use preset::{PRESETS, Preset, find as find_preset};
pub use published::{Published, PublishedMeasure, PublishedRun, published};
pub use schema::Config;
pub use toml_error::explain_value;
pub use train::TrainConfig;
