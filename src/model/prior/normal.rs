//! The standard normal prior N(0, I) (Kingma, Welling 2014).

use burn::module::Module;
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Encode, LatentDistribution, LatentSpace, PriorKind, PriorModule};
use crate::density::standard_normal_log_prob;
use crate::error::Result;
use crate::model::Init;
use crate::rng::Rng;

#[derive(Module, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StandardNormal {}

impl PriorKind for StandardNormal {
    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn is_normal(&self) -> bool {
        true
    }

    fn module(&self, _space: LatentSpace, _init: &Init) -> PriorModule {
        self.clone().into()
    }

    fn kl_method(&self) -> &'static str {
        "in closed form"
    }
}

impl LatentDistribution for StandardNormal {
    fn log_prob(&self, z: Tensor<3>, _noise: Tensor<3>, _encode: Encode) -> Tensor<2> {
        standard_normal_log_prob(z)
    }

    fn sample(
        &self,
        noise: Tensor<3>,
        _rng: Rng,
        _image_ids: &[u32],
        _encode: Encode,
    ) -> Tensor<3> {
        noise
    }
}
