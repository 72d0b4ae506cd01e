//! The logarithms of the likelihoods, and errors: sums over the values of an image of a function of the value and of the
//! decoder's outputs for it. The sum and its derivatives take one pass over the outputs.

mod graph;
mod logistic_mixture;
mod single_output;
mod terms;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, Tensor};

use crate::ops::dense_elbo::PixelLikelihood;
use crate::ops::kernels::flex::tensors::values;
pub use logistic_mixture::discretised_logistic_log_prob;
use single_output::{forward, sum_of_terms};
use terms::{
    AbsoluteTerm, BernoulliTerm, ContinuousBernoulliTerm, LogisticAbsoluteTerm, LogisticSquareTerm,
    SquareTerm,
};

/// The fast form of [`crate::ops::bernoulli_log_prob`]. `x` gets no gradient.
pub fn bernoulli_log_prob(x: Tensor<2>, logits: Tensor<3>) -> Tensor<2> {
    sum_of_terms::<BernoulliTerm>(x, logits)
}

/// The fast form of [`crate::ops::continuous_bernoulli_log_prob`]. `x` gets no gradient.
pub fn continuous_bernoulli_log_prob(x: Tensor<2>, logits: Tensor<3>) -> Tensor<2> {
    sum_of_terms::<ContinuousBernoulliTerm>(x, logits)
}

/// The fast form of [`crate::ops::squared_error`]. `x` gets no gradient.
pub fn squared_error(x: Tensor<2>, outputs: Tensor<3>, logistic: bool) -> Tensor<2> {
    if logistic {
        sum_of_terms::<LogisticSquareTerm>(x, outputs)
    } else {
        sum_of_terms::<SquareTerm>(x, outputs)
    }
}

/// The fast form of [`crate::ops::absolute_error`]. `x` gets no gradient.
pub fn absolute_error(x: Tensor<2>, outputs: Tensor<3>, logistic: bool) -> Tensor<2> {
    if logistic {
        sum_of_terms::<LogisticAbsoluteTerm>(x, outputs)
    } else {
        sum_of_terms::<AbsoluteTerm>(x, outputs)
    }
}

/// Returns log p(x | outputs) of each image, `[B]`, and its derivatives in the outputs times `scale`.
///
/// # Shapes
/// `x`, `outputs` and the derivatives: `[B, P]`.
pub fn terms_and_slopes(
    likelihood: PixelLikelihood,
    x: &FlexTensor,
    outputs: &FlexTensor,
    scale: f32,
) -> (Vec<f32>, FlexTensor) {
    let [b, p] = outputs.shape().dims();
    let forward = match likelihood {
        PixelLikelihood::Bernoulli => forward::<BernoulliTerm>,
        PixelLikelihood::ContinuousBernoulli => forward::<ContinuousBernoulliTerm>,
    };
    let outputs = outputs.reshape(Shape::new([1, b, p]));
    let (sums, slopes) = forward(x, &outputs, Some(scale));
    (values(&sums).to_vec(), slopes.reshape(Shape::new([b, p])))
}
