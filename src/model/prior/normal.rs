//! N(0, I) (Kingma, Welling 2014).

use serde::{Deserialize, Serialize};

use super::{PriorKind, PriorSpec};
use crate::error::Result;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandardNormal {}

impl PriorKind for StandardNormal {
    fn spec(&self, _latent: usize) -> Result<PriorSpec> {
        Ok(PriorSpec::Normal)
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }
}
