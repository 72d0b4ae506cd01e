//! The kinds of networks that a config can ask for. Each turns its table into a [`Blueprint`].

use super::{Blueprint, Conv, Mlp};
use crate::error::Result;
use crate::registry::registry;

pub trait Architecture {
    /// What can be checked before the pictures are known, and so before they are downloaded.
    fn check(&self) -> Result<()>;

    /// The layers of encoder and decoder for pictures of shape `[C, H, W]`.
    ///
    /// # Errors
    /// Where the layers do not fit each other or the pictures; the message says which layer gives what.
    fn blueprint(&self, picture: [usize; 3]) -> Result<Blueprint>;
}

registry! {
    /// The networks of encoder and decoder.
    pub enum Model: Architecture {
        "mlp" => Mlp, "dense layers";
        "conv" => Conv, "a list of convolutional, transposed convolutional and dense layers";
    }
}
