//! The numbers that an earlier `vae eval` kept in the run's folder.

use super::measured::NATS;
use crate::cli::loaded_model::LoadedModel;
use crate::eval::Estimate;
use crate::report::{Cell, Report};
use crate::run::KeptEvaluation;

/// Returns the estimate of log p(x) that `vae eval` kept in the run's folder, if it is of this model.
pub fn kept_log_px(model: &LoadedModel) -> Option<Report> {
    let kept = KeptEvaluation::read(&model.run_folder()?).ok()??;
    if !kept.is_of_model(&model.hash) || kept.split.as_deref() != Some("test") {
        return None;
    }
    let (key, title, mean, se) = match (kept.log_px, kept.iw_bound) {
        (Some(mean), _) => ("log_px", "log p(x)", mean, kept.log_px_se),
        (None, Some(mean)) => ("iw_bound", "IW bound", mean, kept.iw_bound_se),
        (None, None) => return None,
    };
    let (samples, images) = (kept.importance_samples?, kept.images?);
    let all = kept.images_in_split.map(|all| format!(" of {all}"));
    let remark = format!(
        "{NATS}, from K = {samples} importance samples; `vae eval` measured {images}{} test images",
        all.unwrap_or_default()
    );
    let mut report = Report::new();
    report.row(
        key,
        title,
        Cell::estimate(Some(Estimate { mean, se }), 2),
        remark,
    );
    Some(report)
}
