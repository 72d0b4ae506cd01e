//! The table `[published]` of a preset: the numbers that others published, and the trainings by which `vae repro`
//! reproduces them.
//!
//! It is not part of an experiment: any config may have it, but only `vae repro` reads it.

use serde::Deserialize;

use super::PRESETS;

/// A published result, trained and measured by the source's protocol.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The name for `vae repro`.
    pub recipe: String,
    /// A short description of the model, the data and the protocol.
    pub about: String,
    /// The page of the source.
    pub source: String,
    pub measure: PublishedMeasure,
    /// The number of importance samples of `log_px`.
    #[serde(default)]
    pub importance_samples: usize,
    pub epochs: usize,
    /// Whether the epochs are the stages of Burda et al. 2016: 1, 3, 9, ...
    #[serde(default)]
    pub in_stages: bool,
    /// The largest accepted difference between our number and the published one, in nats.
    pub tolerance: f64,
    /// The trainings, each with its published number.
    pub runs: Vec<PublishedRun>,
    /// The preset that has the table.
    #[serde(skip)]
    pub preset: String,
}

/// One training of a published result.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedRun {
    /// The name of this training, if there are several.
    #[serde(default)]
    pub name: String,
    /// The values to change in the preset, written as for `--set`.
    #[serde(default)]
    pub set: Vec<String>,
    /// The published number: negative nats per image, lower is better.
    pub value: f64,
    /// The seconds per epoch on two cores; `None` if we never ran this training.
    pub epoch_seconds: Option<f64>,
}

/// The quantity that a published number measures.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum PublishedMeasure {
    Elbo,
    TrainingLoss,
    LogPx,
}

/// Returns the published results of all presets.
pub fn published() -> Vec<Published> {
    #[derive(Deserialize)]
    struct Preset {
        published: Option<Published>,
    }

    let of_preset = |preset: &super::Preset| {
        // The presets are part of the program, and a test checks that they can be read, so no error is lost here.
        let published = toml::from_str::<Preset>(preset.text).ok()?.published?;
        let preset = preset.name.to_owned();
        Some(Published {
            preset,
            ..published
        })
    };
    PRESETS.iter().filter_map(of_preset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn every_published_table_can_be_read_and_its_settings_can_be_set() {
        let tables = PRESETS
            .iter()
            .filter(|preset| preset.text.contains("[published]"));
        let found = published();
        assert_eq!(found.len(), tables.count());
        assert!(found.len() >= 6, "{found:?}");
        for Published {
            preset,
            runs,
            measure,
            importance_samples,
            ..
        } in &found
        {
            assert_eq!(
                *measure == PublishedMeasure::LogPx,
                *importance_samples > 0,
                "{preset}"
            );
            assert!(
                !runs.is_empty()
                    && (runs.len() == 1 || runs.iter().all(|run| !run.name.is_empty()))
            );
            for run in runs {
                let (mut config, _) = config::find(preset).unwrap();
                for assignment in &run.set {
                    config = config::set(&config, assignment).unwrap();
                }
                config.check().unwrap();
            }
        }
    }

    #[test]
    fn the_table_is_no_part_of_the_experiment() {
        let (config, _) = config::find("mnist").unwrap();
        let text = config.to_toml().unwrap();
        assert!(!text.contains("published"), "{text}");
        let again = config::Config::parse(&text, std::path::Path::new("config.toml")).unwrap();
        assert_eq!(again, config);
    }
}
