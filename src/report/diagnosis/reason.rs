//! The reason for a finding, in words and numbers.

use crate::eval::{Diagnostics, Early, Finding};

/// Returns the reason for a finding, in numbers.
pub fn reason(finding: &Finding, health: &Diagnostics) -> String {
    let (active, latents) = (health.active(), health.latents.len());
    let kl = health.kl.map_or(0.0, |kl| kl.mean);
    match finding {
        Finding::SameImages => format!(
            "the {} test images that were looked at are all the same, so a latent has nothing to say",
            health.images
        ),
        Finding::Diverged { best_epoch } => {
            let since = best_epoch.map(|epoch| format!(" since epoch {epoch}"));
            format!(
                "the training diverged{}: the KL is {kl:.3e} nats and the reconstruction {:.3e}",
                since.unwrap_or_default(),
                health.shuffled.reconstruction.mean
            )
        }
        Finding::StandsStill => {
            "the learning rate is so low that the weights are still the first ones".into()
        }
        Finding::TooEarly(Early::FewSteps(1)) => "only 1 step is done".into(),
        Finding::TooEarly(Early::FewSteps(steps)) => format!("only {steps} steps are done"),
        Finding::TooEarly(Early::Settling(epochs)) => format!(
            "the weights of the loss's terms change until {} epochs are done, and the latents with them",
            epochs.ceil()
        ),
        Finding::TooEarly(Early::StillFalling) => "the test loss still falls".into(),
        Finding::DeadLayer { layer } => {
            format!("all units of {layer} give the same for every image, so that nothing passes")
        }
        Finding::Noiseless { latent: index } => format!(
            "the posterior has hardly any variance, as in an autoencoder: z{index} has {:.1e}",
            health.latents[*index].mean_variance
        ),
        Finding::Overfitted { best_epoch } => format!(
            "the test loss was lowest after epoch {best_epoch}; since then only the training images became better"
        ),
        Finding::Collapsed if health.kl.is_none() => {
            "the latent is the same for every image".into()
        }
        Finding::Collapsed => format!(
            "the latent says nothing about the image: {active} of {latents} latents are active, the KL is {kl:.3} nats"
        ),
        Finding::IgnoresLatent => {
            let difference = health.shuffled.difference;
            let (mean, error) = (difference.mean, difference.plus_minus(3));
            let kl = health.kl.map(|kl| format!(", at a KL of {:.2}", kl.mean));
            format!(
                "the decoder ignores the latent: with another image's latent the reconstruction is {mean:.3} {error} nats worse{}",
                kl.unwrap_or_default()
            )
        }
        Finding::UnderRegularised { latent: index } => {
            let latent = health.latents[*index];
            format!(
                "the images' latents are where the prior has little mass: z{index} has mean {:.2} and variance {:.2}, the prior has 0 and 1",
                latent.mean,
                latent.variance()
            )
        }
        Finding::PartlyCollapsed => format!(
            "{active} of {latents} latents carry everything; the others say nothing about the image"
        ),
    }
}
