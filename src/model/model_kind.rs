//! The trait that every kind of network implements.

use super::network::Network;
use crate::error::Result;

/// The `[model]` table of one kind.
pub trait ModelKind {
    /// Checks the values that do not depend on the images, so that mistakes are found before a download.
    ///
    /// # Errors
    /// Returns an error if a value is out of its range.
    fn check(&self) -> Result<()>;

    /// Returns `D`, the number of latents.
    fn latent_count(&self) -> usize;

    /// Returns the layers of the encoder and the decoder for images of shape `[C, H, W]`.
    ///
    /// # Errors
    /// Returns an error if the layers do not fit each other or the images; the message names the output of each layer.
    fn network(&self, image_shape: [usize; 3]) -> Result<Network>;
}
