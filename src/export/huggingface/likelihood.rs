//! The likelihood as Python: log p(x | z) as a function of the decoder's outputs.

use crate::model::{Likelihood, Scale, Sigma};

/// Returns the body of `log_prob(self, image, outputs)`, without its indentation.
pub fn log_prob(likelihood: &Likelihood) -> String {
    let learned = "self.likelihood[\"log_sigma\"].exp()";
    match likelihood {
        Likelihood::Bernoulli(_) => "\
cross_entropy = F.binary_cross_entropy_with_logits(outputs, image, reduction=\"none\")
return -cross_entropy.flatten(1).sum(1)"
            .to_owned(),
        Likelihood::Gaussian(gaussian) => {
            let sigma = match gaussian.sigma {
                Sigma::Fixed(sigma) => sigma.to_string(),
                Sigma::Learned | Sigma::Optimal => learned.to_owned(),
            };
            format!(
                "\
pixel = torch.distributions.Normal(self.mean_image(outputs), {sigma})
return pixel.log_prob(image).flatten(1).sum(1)"
            )
        }
        Likelihood::Laplace(laplace) => {
            let scale = match laplace.scale {
                Scale::Fixed(scale) => scale.to_string(),
                Scale::Learned => format!("{learned} / math.sqrt(2)"),
            };
            format!(
                "\
pixel = torch.distributions.Laplace(self.mean_image(outputs), {scale})
return pixel.log_prob(image).flatten(1).sum(1)"
            )
        }
        // x l - max(l, 0) - log((1 - e^-|l|) / |l|)
        Likelihood::ContinuousBernoulli(_) => "\
size = outputs.abs().clamp(min=1e-6)  # nothing is divided by 0
log_normaliser = outputs.clamp(min=0) + torch.log(-torch.expm1(-size) / size)
return (image * outputs - log_normaliser).flatten(1).sum(1)"
            .to_owned(),
        Likelihood::DiscretisedLogistic(logistic) => format!(
            "\
mean, log_scale, weight = logistic_mixture(outputs, {})
byte = (255 * image).round().flatten(1).unsqueeze(1)
start, end = (2 * byte - 256) / 255, (2 * byte - 254) / 255  # of the byte's bin in [-1, 1]
narrowness = torch.exp(-log_scale)
below_end = F.logsigmoid((end - mean) * narrowness)
above_start = F.logsigmoid((mean - start) * narrowness)
within = torch.log(-torch.expm1(-2 / 255 * narrowness))
# The first bin has no start, and the last one no end.
log_share = torch.where(byte < 0.5, below_end, below_end + above_start + within)
log_share = torch.where(byte > 254.5, above_start, log_share)
return torch.logsumexp(log_share + F.log_softmax(weight, 1), 1).sum(1)",
            logistic.components
        ),
        #[cfg(test)]
        Likelihood::Toy(_) => String::new(),
    }
}

/// Returns the line of `__init__` that makes the parameters of the likelihood, if it has any.
pub fn parameters(likelihood: &Likelihood) -> Option<&'static str> {
    let is_learned = match likelihood {
        Likelihood::Gaussian(gaussian) => !matches!(gaussian.sigma, Sigma::Fixed(_)),
        Likelihood::Laplace(laplace) => laplace.scale == Scale::Learned,
        _ => false,
    };
    is_learned.then_some("self.likelihood = nn.ParameterDict({\"log_sigma\": torch.zeros(1)})")
}

/// Returns the functions beside the class that a likelihood needs.
pub fn functions(likelihood: &Likelihood) -> &'static str {
    match likelihood {
        Likelihood::ContinuousBernoulli(_) => CONTINUOUS_BERNOULLI,
        Likelihood::DiscretisedLogistic(_) => LOGISTIC_MIXTURE,
        _ => "",
    }
}

const CONTINUOUS_BERNOULLI: &str = r#"
def continuous_bernoulli_mean(logits):
    """Returns the mean of a continuous Bernoulli distribution (Loaiza-Ganem, Cunningham 2019, equation 8)."""
    size = logits.abs().double().clamp(min=1e-5)  # in float64, because the two terms cancel
    low = 1 / size - 1 / torch.expm1(size)
    return torch.where(logits > 0, 1 - low, low).to(logits.dtype)

"#;

const LOGISTIC_MIXTURE: &str = r#"
def logistic_mixture(outputs, components):
    """Splits the decoder's outputs into means, logarithms of scales and logits of weights, each [N, M, P]."""
    count = 2 if components == 1 else 3 * components
    parts = outputs.flatten(1).unflatten(1, (count, -1)).split(components, 1)
    log_scale = F.softplus(parts[1] + 7) - 7  # at least -7
    return parts[0], log_scale, parts[2] if components > 1 else torch.zeros_like(parts[0])


def logistic_mixture_mean(outputs, components):
    """Returns the mean of a mixture of logistic distributions that are clamped to [-1, 1], scaled to [0, 1], [N, P]."""
    mean, log_scale, weight = logistic_mixture(outputs, components)
    narrowness = torch.exp(-log_scale)
    half = narrowness.clamp(min=0.005)
    middle = mean * narrowness
    side = -middle.abs()
    low = (F.softplus(side + half) - F.softplus(side - half)) / (2 * half)
    means = torch.where(middle > 0, 1 - low, low)
    return (means * weight.softmax(1)).sum(1).clamp(0, 1)

"#;
