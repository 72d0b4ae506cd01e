//! The trait that every kind of network implements.

use super::network::Network;
use crate::error::Result;

/// The `[model]` table of one kind.
pub trait ModelKind {
    /// Checks what does not depend on the images, so before they are downloaded.
    ///
    /// # Errors
    /// Where a value is not what it can be.
    fn check(&self) -> Result<()>;

    /// Returns the layers of encoder and decoder for images of shape `[C, H, W]`.
    ///
    /// # Errors
    /// Where the layers do not fit each other or the images; the message says which layer gives what.
    fn network(&self, image_shape: [usize; 3]) -> Result<Network>;
}
