//! Batches whose noise depends on what the images are, so that an image has the same noise wherever it lies.

use md5::{Digest, Md5};

use crate::data::{Batch, Split};
use crate::error::Result;
use crate::loader::Loader;

/// A batch, and the ids that its noise depends on in place of the image ids.
pub struct ContentBatch {
    pub batch: Batch,
    /// `[B]`: the first bytes of the MD5 of each image's levels. Different images may share an id, and then share noise.
    pub noise_ids: Vec<u32>,
}

impl ContentBatch {
    /// Reads the images `ids` of a split.
    ///
    /// # Errors
    /// Returns an error if an image cannot be read.
    pub fn read(loader: &Loader, split: &Split, ids: &[u32]) -> Result<Self> {
        let noise_id = |&id: &u32| -> Result<u32> {
            let [a, b, c, d, ..]: [u8; 16] = Md5::digest(split.image(id as usize)?).into();
            Ok(u32::from_le_bytes([a, b, c, d]))
        };
        let noise_ids = ids.iter().map(noise_id).collect::<Result<Vec<u32>>>()?;
        Ok(Self {
            batch: loader.batch_with_noise_ids(split, ids, &noise_ids)?,
            noise_ids,
        })
    }
}
