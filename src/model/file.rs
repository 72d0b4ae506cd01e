//! `model.safetensors`: the weights with everything that is needed to use them.
//!
//! Tensors have PyTorch's names and layouts. The metadata has one key, `vae`, whose value is JSON. The order of several
//! keys would differ each time the file is written, and the same training must give the same bytes.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};

use super::NamedTensor;
use crate::error::{Error, Result};

/// The version of the format. It is raised when a reader of the older version would misread the file.
pub const FORMAT_VERSION: u32 = 2;

/// Returns tensors and a card as the bytes of a safetensors file.
pub fn pack(card: &impl Serialize, tensors: &[NamedTensor]) -> Result<Vec<u8>> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|tensor| {
            tensor
                .values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        })
        .collect();
    let mut views = Vec::with_capacity(tensors.len());
    for (tensor, bytes) in tensors.iter().zip(&bytes) {
        let view =
            TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).map_err(Error::failed)?;
        views.push((tensor.name.as_str(), view));
    }
    let card = serde_json::to_string(card).map_err(Error::failed)?;
    serialize(views, Some(HashMap::from([("vae".to_owned(), card)]))).map_err(Error::failed)
}

/// Returns the card and the tensors of a file that [`pack`] made.
///
/// # Errors
/// Returns an error if the bytes are not such a file, or have another version of the format.
pub fn unpack<C: for<'de> Deserialize<'de>>(
    path: &Path,
    bytes: &[u8],
) -> Result<(C, Vec<NamedTensor>)> {
    #[derive(Deserialize)]
    struct Version {
        format_version: u32,
    }
    let damaged =
        |what: String| Error::file(path, what).with_hint("expected a file that `vae train` wrote");
    let parsed = SafeTensors::deserialize(bytes)
        .map_err(|error| damaged(format!("not a safetensors file, or a damaged one: {error}")))?;
    let (_, header) =
        SafeTensors::read_metadata(bytes).map_err(|error| damaged(error.to_string()))?;
    let Some(card) = header
        .metadata()
        .as_ref()
        .and_then(|metadata| metadata.get("vae"))
    else {
        return Err(damaged(
            "a safetensors file, but its metadata has no `vae` entry: not one of ours".into(),
        ));
    };
    let version: Version = serde_json::from_str(card)
        .map_err(|error| damaged(format!("its metadata cannot be read: {error}")))?;
    if version.format_version != FORMAT_VERSION {
        return Err(Error::file(
            path,
            format!(
                "written in version {} of the format; this program reads version {FORMAT_VERSION}",
                version.format_version
            ),
        )
        .with_hint("train it again, or use the version of the program that wrote it"));
    }
    let card = serde_json::from_str(card)
        .map_err(|error| damaged(format!("its metadata cannot be read: {error}")))?;
    let mut tensors = Vec::new();
    for (name, view) in parsed.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(damaged(format!(
                "the tensor `{name}` is {:?}; expected F32",
                view.dtype()
            )));
        }
        let values = view
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&word| f32::from_le_bytes(word))
            .collect();
        tensors.push(NamedTensor {
            name: name.to_owned(),
            shape: view.shape().to_vec(),
            values,
        });
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((card, tensors))
}
