//! Anomalies: how strange an image is to a model, where, and how often a normal image is flagged.
//!
//! A score says how strange an image is; normal images that neither trained nor chose the model calibrate it, so that the rate
//! of false alarms is known; labels, where there are some, say how well abnormal images are found.

mod baselines;
mod conformal;
mod content_batch;
mod detection;
mod discovery;
mod drift;
mod localisation;
mod map;
mod oracle;
mod passes;
mod regions;
mod regret;
mod roc;
mod scores;

pub use baselines::{PcaError, png_sizes};
pub use conformal::{Calibration, FALSE_ALARMS, FalseAlarmPromise, FlaggingRule};
pub use detection::{CHANCE_AUROC, Detection};
pub use discovery::Discoveries;
pub use drift::{Drift, FEWEST_FOR_DRIFT};
pub use localisation::{AUPRO_LIMIT, Localisation, MarkedPixels};
pub use map::{MOST_FOR_MAPS, NormalMaps, PixelMoments, map_score, pixel_maps, smooth};
pub use oracle::Oracle;
pub use roc::{RocPoint, roc_points};
pub use scores::{AnomalyScore, ScoredImage, Scorer};
