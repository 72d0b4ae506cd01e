//! The logarithms of the likelihoods, and errors: sums over the values of an image of a function of the value and of the
//! decoder's outputs for it. The sum and its derivatives take one pass over the outputs.

mod graph;
mod logistic_mixture;
mod single_output;
mod terms;

use burn::tensor::Tensor;

pub use logistic_mixture::discretised_logistic_log_prob;
use single_output::sum_of_terms;
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
