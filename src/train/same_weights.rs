//! The check that all processes have the same weights, which their kernels and the network's hardware promise.

use crate::error::Result;
use crate::model::{Vae, flat_parameters};
use crate::parallel;

/// Checks that all processes have the same weights.
///
/// # Errors
/// Returns an error that names the first process that differs.
pub fn check_same_weights(vae: &Vae) -> Result<()> {
    if parallel::count() == 1 {
        return Ok(());
    }
    let mut hash = crc32fast::Hasher::new();
    for weight in flat_parameters(vae) {
        let data = weight.inner().into_data();
        data.iter::<f32>()
            .for_each(|value| hash.update(&value.to_le_bytes()));
    }
    let hash = format!("{:08x}", hash.finalize());
    parallel::all_equal("the hash of the weights", &hash)
}
