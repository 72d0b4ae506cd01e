//! The latent that stands for an image: a sample from q(z | x), or an autoencoder's only one.

/// Explains why an autoencoder reports no ELBO.
pub const NO_ELBO: &str =
    "an autoencoder has no ELBO: its latent is a point, not a distribution, and has no KL";

/// Explains why an autoencoder's samples mean little.
pub const NO_PRIOR: &str = "an autoencoder's latents have no prior: nothing made them look like the N(0, I) drawn from here";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LatentMode {
    /// A sample from q(z | x).
    #[default]
    Sampled,
    /// The mean, which is an autoencoder's only latent.
    Deterministic,
}

impl LatentMode {
    pub fn is_sampled(self) -> bool {
        self == Self::Sampled
    }
}
