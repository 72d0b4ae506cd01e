//! The kinds of networks that a config can ask for. Each becomes a [`Network`].

use super::{Conv, Mlp, Network};
use crate::error::Result;
use crate::registry::registry;

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

registry! {
    /// The networks of encoder and decoder.
    pub enum Model: ModelKind {
        "mlp" => Mlp, "dense layers";
        "conv" => Conv, "a list of convolutional, transposed convolutional and dense layers";
    }
}
