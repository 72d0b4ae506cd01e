//! Images with keys of their contents, so that what is random about an image is the same wherever it lies.

use md5::{Digest, Md5};

use crate::data::{Batch, Split};
use crate::error::Result;
use crate::loader::Loader;

/// A batch, and what keys its noise.
pub struct KeyedBatch {
    pub batch: Batch,
    /// `[B]`: the first bytes of the MD5 of each image's levels. Different images may share a key, and then share noise.
    pub keys: Vec<u32>,
}

impl KeyedBatch {
    /// Reads the images `ids` of a split.
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn read(loader: &Loader, split: &Split, ids: &[u32]) -> Result<Self> {
        let key = |&id: &u32| -> Result<u32> {
            let [a, b, c, d, ..]: [u8; 16] = Md5::digest(split.image(id as usize)?).into();
            Ok(u32::from_le_bytes([a, b, c, d]))
        };
        let keys = ids.iter().map(key).collect::<Result<Vec<u32>>>()?;
        Ok(Self {
            batch: loader.keyed_batch(split, ids, &keys)?,
            keys,
        })
    }
}
