//! `mixture-K.safetensors`: a fitted mixture beside its model. The tensors `weights` `[K]`, `means` `[K, D]` and
//! `covariances` `[K, D, D]`, or `variances` `[K, D]`, are float64; the metadata has the key `vae`, as a model file has.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};

use crate::density::{Covariance, GaussianMixture, MixtureComponent};
use crate::error::{Error, Result};
use crate::files;

/// The version of the format and of the fit. A file of another version is fitted again.
pub const VERSION: u32 = 1;

/// The properties of a fitted mixture, and the protocol of its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixtureCard {
    pub mixture_version: u32,
    /// The hash of the model whose latents it was fitted to.
    pub model_hash: String,
    /// The hash of the data that they come from.
    pub data_hash: String,
    pub components: usize,
    /// The number of training images.
    pub images: usize,
    pub iterations: usize,
    pub converged: bool,
    /// The number of test images.
    pub test_images: usize,
    /// The mean log density of a latent of each test image, in nats, with its standard error.
    pub log_density: f64,
    pub log_density_se: Option<f64>,
    /// The same latents under N(0, I).
    pub standard_normal_log_density: f64,
    pub standard_normal_log_density_se: Option<f64>,
}

/// Returns a mixture and its card as the bytes of a file.
pub fn to_bytes(card: &MixtureCard, mixture: &GaussianMixture) -> Result<Vec<u8>> {
    let components = &mixture.components;
    let count = components.len();
    let width = components
        .first()
        .map_or(0, |component| component.mean.len());
    let all = |of: &dyn Fn(&MixtureComponent) -> Vec<f64>| -> Vec<u8> {
        let values = components.iter().flat_map(of);
        values.flat_map(f64::to_le_bytes).collect()
    };
    let weights = all(&|component| vec![component.weight]);
    let means = all(&|component| component.mean.clone());
    let spreads = all(&|component| component.covariance.values().to_vec());
    let spread = if spreads.len() == means.len() {
        ("variances", vec![count, width])
    } else {
        ("covariances", vec![count, width, width])
    };
    let view = |shape, bytes| TensorView::new(Dtype::F64, shape, bytes).map_err(Error::failed);
    let views = [
        ("weights", view(vec![count], &weights)?),
        ("means", view(vec![count, width], &means)?),
        (spread.0, view(spread.1, &spreads)?),
    ];
    let card = serde_json::to_string(card).map_err(Error::failed)?;
    serialize(views, Some(HashMap::from([("vae".to_owned(), card)]))).map_err(Error::failed)
}

/// Reads a file that [`to_bytes`] made, or returns `None` if it is damaged or of another version.
pub fn read(path: &Path) -> Option<(MixtureCard, GaussianMixture)> {
    let bytes = files::read(path).ok()?;
    let tensors = SafeTensors::deserialize(&bytes).ok()?;
    let (_, header) = SafeTensors::read_metadata(&bytes).ok()?;
    let card: MixtureCard = serde_json::from_str(header.metadata().as_ref()?.get("vae")?).ok()?;
    let values = |name: &str| -> Option<Vec<f64>> {
        let tensor = tensors.tensor(name).ok()?;
        let values = tensor.data().as_chunks::<8>().0.iter();
        (tensor.dtype() == Dtype::F64)
            .then(|| values.map(|bytes| f64::from_le_bytes(*bytes)).collect())
    };
    let [weights, means] = [values("weights")?, values("means")?];
    let spreads = values("covariances").or_else(|| values("variances"))?;
    let count = weights.len();
    let is_whole = count == card.components
        && count > 0
        && !means.is_empty()
        && [&means, &spreads]
            .iter()
            .all(|all| all.len().is_multiple_of(count))
        && weights.iter().all(|weight| (0.0..=1.0).contains(weight))
        && (weights.iter().sum::<f64>() - 1.0).abs() < 1e-6
        && means.iter().all(|mean| mean.is_finite());
    if card.mixture_version != VERSION || !is_whole {
        return None;
    }
    let width = means.len() / count;
    let component = |((&weight, mean), spread): ((&f64, &[f64]), &[f64])| {
        Some(MixtureComponent {
            weight,
            mean: mean.to_vec(),
            covariance: Covariance::new(spread.to_vec(), width)?,
        })
    };
    let parts = weights
        .iter()
        .zip(means.chunks_exact(width))
        .zip(spreads.chunks_exact(spreads.len() / count));
    let components: Option<Vec<MixtureComponent>> = parts.map(component).collect();
    Some((
        card,
        GaussianMixture {
            components: components?,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_is_read_as_it_was_written_and_a_damaged_file_is_not() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("mixture-2.safetensors");
        let card = MixtureCard {
            mixture_version: VERSION,
            model_hash: "md5:1".to_owned(),
            data_hash: "md5:2".to_owned(),
            components: 2,
            images: 3,
            iterations: 4,
            converged: true,
            test_images: 1,
            log_density: -0.1,
            log_density_se: None,
            standard_normal_log_density: -1.0 / 3.0,
            standard_normal_log_density_se: Some(0.1),
        };
        for spread in [vec![2.0, 0.1, 0.1, 0.3], vec![0.1, 0.7]] {
            let component = |weight: f64| MixtureComponent {
                weight,
                mean: vec![weight, -1.0 / 3.0],
                covariance: Covariance::new(spread.clone(), 2).unwrap(),
            };
            let mixture = GaussianMixture {
                components: vec![component(0.1), component(0.9)],
            };
            let bytes = to_bytes(&card, &mixture).unwrap();
            files::write(&path, &bytes).unwrap();
            assert_eq!(read(&path), Some((card.clone(), mixture)));
            for length in 0..bytes.len() {
                files::write(&path, &bytes[..length]).unwrap();
                assert_eq!(read(&path), None);
            }
        }
    }
}
