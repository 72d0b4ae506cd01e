//! The numbers of a record, by the names that they have in `metrics.jsonl`.

use crate::run::Record;

/// Returns the numbers that a record has, in the order in which they are shown.
pub fn scalars(record: &Record) -> Vec<(String, f64)> {
    let is_train = record.split == "train";
    let known = [
        ("loss", record.loss),
        ("elbo", record.elbo),
        ("elbo_se", record.elbo_se),
        ("reconstruction", Some(record.reconstruction)),
        ("kl", record.kl),
        ("learning_rate", record.learning_rate),
        ("seconds", Some(record.seconds)),
        ("images_per_second", Some(record.images_per_second)),
        // Zero is left out of metrics.jsonl; a curve needs it.
        (
            "skipped_steps",
            is_train.then_some(record.skipped_steps as f64),
        ),
    ];
    let named = known
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let norms = record
        .gradient_norms
        .iter()
        .map(|(layer, norm)| (format!("gradient_norms/{layer}"), *norm));
    named.chain(norms).collect()
}
