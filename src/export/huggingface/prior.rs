//! The prior as Python: samples of z, and the KL from q(z | x) to p(z).

use crate::model::{Network, Prior};

/// The lines of a prior, each without the indentation of its place.
pub struct PythonPrior {
    /// The line of `__init__` that makes its parameters, unless they are layers.
    pub parameters: Option<String>,
    /// Its methods, indented.
    pub methods: &'static str,
    /// The lines that make `z`, `[count, D]`, from `generator`.
    pub sample: String,
    /// The lines that make `kl`, `[N]`, from `mean`, `log_var`, `z` and `generator`.
    pub kl: &'static str,
    pub needs_density: bool,
}

impl PythonPrior {
    /// Returns the lines of a network's prior.
    pub fn of(network: &Network) -> Self {
        let latent = network.latent;
        let values: usize = network.image_shape.iter().product();
        match &network.prior {
            Prior::StandardNormal(_) => Self {
                parameters: None,
                methods: "",
                sample: format!("z = noise(generator, count, {latent})"),
                kl: "kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(1)",
                needs_density: false,
            },
            Prior::Vamp(vamp) => Self {
                parameters: Some(format!(
                    "self.prior = nn.ParameterDict({{\"pseudo_inputs\": torch.zeros({}, {values})}})",
                    vamp.pseudo_inputs
                )),
                methods: VAMP,
                sample: format!(
                    "\
mean, log_var = self.components()
chosen = torch.randint(len(mean), (count,), generator=generator, device=generator.device)
z = draw(mean[chosen], log_var[chosen], noise(generator, count, {latent}))"
                ),
                kl: "kl = log_density(z, mean, log_var) - self.log_prior(z)",
                needs_density: true,
            },
            Prior::Hierarchical(hierarchical) => Self {
                parameters: None,
                methods: HIERARCHICAL,
                sample: format!(
                    "\
u = noise(generator, count, {})
z = draw(*self.lower(u), noise(generator, count, {latent}))",
                    hierarchical.latent
                ),
                kl: "kl = log_density(z, mean, log_var) - self.log_prior(z, generator)",
                needs_density: true,
            },
        }
    }
}

const VAMP: &str = r#"
    def components(self):
        """Returns the means and the logarithms of the variances of q(z | u) for the pseudo-inputs u, each [C, D]."""
        return self.encode(torch.sigmoid(self.prior["pseudo_inputs"]).unflatten(1, SHAPE))

    def log_prior(self, z):
        """Returns log p(z), the logarithm of the mean of q(z | u) over the pseudo-inputs (Tomczak, Welling 2018)."""
        mean, log_var = self.components()
        each = log_density(z.unsqueeze(1), mean, log_var)
        return torch.logsumexp(each, 1) - math.log(len(mean))
"#;

const HIERARCHICAL: &str = r#"
    def log_prior(self, z, generator):
        """Returns an estimate of log p(z) for p(z, u) = p(z | u) p(u), from one u drawn from q(u | z): on average too low."""
        mean, log_var = self.upper(z)
        u = draw(mean, log_var, noise(generator, *mean.shape))
        zero = torch.zeros_like(u)
        return log_density(z, *self.lower(u)) + log_density(u, zero, zero) - log_density(u, mean, log_var)
"#;
