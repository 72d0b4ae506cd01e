//! A Gaussian mixture fitted to the latents of the training images, by expectation maximisation.
//!
//! The latents of an image are not a point but a Gaussian, q(z | x_n) = N(m_n, diag(v_n)). The mixture is fitted to the
//! aggregate posterior, the mean of these Gaussians: that is what the decoder was trained on, and the best prior for the
//! ELBO (Hoffman, Johnson 2016). The fit maximises a lower bound on the mean of E_q(z | x_n)[log p(z)], in which the
//! expectation stands inside (Vasconcelos, Lippman 1998, Learning mixture hierarchies, equations 8 to 11):
//!
//! F = 1/N sum_n log sum_k w_k exp(E_q(z | x_n)[log N(z; mu_k, S_k)])
//!
//! It needs m_n and v_n alone, each step has a closed form, and for the points of an autoencoder (v_n = 0) it is the
//! usual log-likelihood. A penalty, -c / 2N sum_k tr(S_k^-1), keeps the components from shrinking to a point (Ciuperca,
//! Ridolfi, Idier 2003); F with the penalty never falls (Dempster, Laird, Rubin 1977).

mod expectation;
mod fit;
mod maximisation;
mod points;
mod score;
mod start;

pub use fit::{MOST_ITERATIONS, MixtureFit, TOLERANCE, fit_mixture};
pub use maximisation::MOST_FULL;
pub use score::{FittedDensities, latent_densities};
