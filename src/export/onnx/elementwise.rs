//! Functions of single values as operators of ONNX: activations, and the means of likelihoods.

use super::writer::{Attribute, NodeWriter, ValueName};
use crate::ops::plain::DECAY_SLOPE;
use crate::ops::{Activation, LEAK, SMALLEST_LOG_SCALE};

/// Appends an activation.
pub fn activate(x: &str, activation: Activation, to: &mut NodeWriter) -> ValueName {
    match activation {
        Activation::Relu => to.node("Relu", &[x], &[]),
        Activation::Tanh => to.node("Tanh", &[x], &[]),
        Activation::Silu => {
            let gate = to.node("Sigmoid", &[x], &[]);
            to.node("Mul", &[x, &gate], &[])
        }
        Activation::Gelu => {
            let root = to.float(std::f64::consts::FRAC_1_SQRT_2);
            let scaled = to.node("Mul", &[x, &root], &[]);
            let erf = to.node("Erf", &[&scaled], &[]);
            let (one, half) = (to.float(1.0), to.float(0.5));
            let twice = to.node("Add", &[&erf, &one], &[]);
            let share = to.node("Mul", &[&twice, &half], &[]);
            to.node("Mul", &[x, &share], &[])
        }
        Activation::LeakyRelu => to.node("LeakyRelu", &[x], &[("alpha", Attribute::Float(LEAK))]),
        Activation::Elu => to.node("Elu", &[x], &[("alpha", Attribute::Float(1.0))]),
        Activation::Softplus => to.node("Softplus", &[x], &[]),
        Activation::Sigmoid => to.node("Sigmoid", &[x], &[]),
        Activation::None => x.to_owned(),
    }
}

/// Appends the mean of a continuous Bernoulli distribution with the logit l: -g'(|l|), or 1 + g'(|l|) if l is above 0. g' is 1 /
/// (e^d - 1) - 1 / d, and near 0, where these cancel, a series.
pub fn continuous_bernoulli_mean(logit: &str, to: &mut NodeWriter) -> ValueName {
    let (zero, half, one) = (to.float(0.0), to.float(0.5), to.float(1.0));
    let d = to.node("Abs", &[logit], &[]);
    let square = to.node("Mul", &[&d, &d], &[]);
    let [lower @ .., highest] = DECAY_SLOPE;
    let mut series = to.float(highest);
    for coefficient in lower.into_iter().rev() {
        let product = to.node("Mul", &[&series, &square], &[]);
        let coefficient = to.float(coefficient);
        series = to.node("Add", &[&product, &coefficient], &[]);
    }
    let product = to.node("Mul", &[&series, &d], &[]);
    let near = to.node("Sub", &[&product, &half], &[]);
    // At least 1, so that nothing is divided by 0.
    let large = to.node("Max", &[&d, &one], &[]);
    let power = to.node("Exp", &[&large], &[]);
    let less = to.node("Sub", &[&power, &one], &[]);
    let (left, right) = (
        to.node("Div", &[&one, &less], &[]),
        to.node("Div", &[&one, &large], &[]),
    );
    let far = to.node("Sub", &[&left, &right], &[]);
    let is_near = to.node("Less", &[&d, &one], &[]);
    let slope = to.node("Where", &[&is_near, &near, &far], &[]);
    let below = to.node("Neg", &[&slope], &[]);
    let above = to.node("Add", &[&slope, &one], &[]);
    let is_above = to.node("Greater", &[logit, &zero], &[]);
    to.node("Where", &[&is_above, &above, &below], &[])
}

/// Appends the mean of a mixture of logistic distributions, each clamped to the range of the bytes: for a mean m and a scale s,
/// (s / 2) (log(1 + e^((m + 1) / s)) - log(1 + e^((m - 1) / s))).
///
/// # Shapes
/// `outputs`: `[N, O, P]`, `M` means, `M` logarithms of scales and, for more than one component, `M` weights; result: `[N, P]`.
pub fn logistic_mixture_mean(outputs: &str, components: usize, to: &mut NodeWriter) -> ValueName {
    let m = components as i64;
    let parts = to.split(outputs, &vec![m; if m == 1 { 2 } else { 3 }]);
    let (zero, one, two) = (to.float(0.0), to.float(1.0), to.float(2.0));
    let smallest = to.float(SMALLEST_LOG_SCALE);
    let beyond = to.node("Sub", &[&parts[1], &smallest], &[]);
    let beyond = to.node("Softplus", &[&beyond], &[]);
    let log_scale = to.node("Add", &[&beyond, &smallest], &[]);
    let negative = to.node("Neg", &[&log_scale], &[]);
    let narrowness = to.node("Exp", &[&negative], &[]);
    // For a tiny half range the difference below would be mostly rounding, and this one gives the same result.
    let least = to.float(0.005);
    let half = to.node("Max", &[&narrowness, &least], &[]);
    let middle = to.node("Mul", &[&parts[0], &narrowness], &[]);
    // Computed for a mean below the middle, where both terms are small if they are close to each other.
    let distance = to.node("Abs", &[&middle], &[]);
    let side = to.node("Neg", &[&distance], &[]);
    let upper = to.node("Add", &[&side, &half], &[]);
    let lower = to.node("Sub", &[&side, &half], &[]);
    let (upper, lower) = (
        to.node("Softplus", &[&upper], &[]),
        to.node("Softplus", &[&lower], &[]),
    );
    let difference = to.node("Sub", &[&upper, &lower], &[]);
    let range = to.node("Mul", &[&half, &two], &[]);
    let low = to.node("Div", &[&difference, &range], &[]);
    let high = to.node("Sub", &[&one, &low], &[]);
    let is_high = to.node("Greater", &[&middle, &zero], &[]);
    let mut means = to.node("Where", &[&is_high, &high, &low], &[]);
    if let Some(weight) = parts.get(2) {
        let weight = to.node("Softmax", &[weight], &[("axis", Attribute::Int(1))]);
        means = to.node("Mul", &[&means, &weight], &[]);
    }
    let axis = to.ints(&[1]);
    let keepdims = [("keepdims", Attribute::Int(0))];
    let mean = to.node("ReduceSum", &[&means, &axis], &keepdims);
    to.node("Clip", &[&mean, &zero, &one], &[])
}
