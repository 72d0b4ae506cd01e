//! Interpolation between latents.

use burn::tensor::{Tensor, TensorData};

use super::{Vae, rows};

/// A path from one latent to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// The straight line (1 - t) a + t b.
    Linear,
    /// The arc between the two directions (Shoemake 1985; White 2016 for latents). It stays in the shell that holds the
    /// mass of a normal prior, while a straight line cuts through the middle.
    Spherical,
}

impl Interpolation {
    /// Returns the latent at `t` in [0, 1] between `a` and `b`: exactly `a` at 0 and `b` at 1.
    pub fn between(self, a: &[f32], b: &[f32], t: f32) -> Vec<f32> {
        let [from, to] = match self {
            Self::Linear => [1.0 - t, t],
            Self::Spherical => arc(a, b, t),
        };
        a.iter().zip(b).map(|(a, b)| from * a + to * b).collect()
    }
}

/// Returns the weights of `a` and `b` at `t` along the arc, or along the straight line if the arc is not unique.
fn arc(a: &[f32], b: &[f32], t: f32) -> [f32; 2] {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
    let cos = (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).clamp(-1.0, 1.0);
    let angle = cos.acos();
    let sin = angle.sin();
    // The arc is undefined for a latent of zero and for two latents in the same or in opposite directions. The ends
    // must be exact.
    if !sin.is_finite() || sin < 1e-4 || t == 0.0 || t == 1.0 {
        return [1.0 - t, t];
    }
    [((1.0 - t) * angle).sin() / sin, (t * angle).sin() / sin]
}

/// Decodes `steps` latents from each row of `from` to the same row of `to`, both ends included.
///
/// # Shapes
/// `from`, `to`: rows of `D` numbers; result: `[rows][steps][P]`, in [0, 1]. If the model is conditional, every image
/// is decoded with `class`.
pub fn interpolate(
    vae: &Vae,
    from: &[Vec<f32>],
    to: &[Vec<f32>],
    steps: usize,
    method: Interpolation,
    class: Option<u32>,
) -> Vec<Vec<Vec<f32>>> {
    let device = vae.device();
    let labels = class.and_then(|class| vae.labels(&vec![class; steps]));
    let row = |(a, b): (&Vec<f32>, &Vec<f32>)| {
        let at = |step: usize| method.between(a, b, step as f32 / (steps - 1).max(1) as f32);
        let latents: Vec<f32> = (0..steps).flat_map(at).collect();
        let images = vae.decode_mean(
            Tensor::from_data(TensorData::new(latents, [steps, a.len()]), &device),
            labels.clone(),
        );
        rows(images)
    };
    from.iter().zip(to).map(row).collect()
}

/// Returns latents moved by `strength` times a vector. A strength of 0 changes no bit.
///
/// # Shapes
/// `latents` and the result: `[N, D]`; `vector`: `[D]`.
pub fn moved(latents: Tensor<2>, vector: &[f32], strength: f32) -> Tensor<2> {
    let by: Vec<f32> = vector.iter().map(|value| strength * value).collect();
    let by = TensorData::new(by, [1, vector.len()]);
    let device = latents.device();
    latents + Tensor::<2>::from_data(by, &device)
}
