//! The structural similarity index of two images (Wang, Bovik, Sheikh, Simoncelli 2004, Image quality assessment,
//! equation 13), with a Gaussian window of 11x11 and sigma 1.5, K1 = 0.01, K2 = 0.03 and a range of 1:
//!
//! SSIM(x, y) = (2 m_x m_y + C1) (2 s_xy + C2) / ((m_x² + m_y² + C1) (s_x² + s_y² + C2)), C1 = K1², C2 = K2²
//!
//! with the weighted means, variances and covariance of a window; the mean over all windows that lie within the image, and
//! over the channels.

/// The side of the window. Smaller images have no index.
pub const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

/// Returns the index of two images `[C, H, W]`, or `None` if a side is shorter than the window.
pub fn ssim(x: &[f32], y: &[f32], [_, height, width]: [usize; 3]) -> Option<f64> {
    if height < WINDOW || width < WINDOW {
        return None;
    }
    let window = window();
    let channel = height * width;
    let pairs = x.chunks_exact(channel).zip(y.chunks_exact(channel));
    let indices = pairs.map(|(x, y)| {
        let mean = |value: &dyn Fn(f64, f64) -> f64| {
            let values = x.iter().zip(y);
            let values = values.map(|(&x, &y)| value(f64::from(x), f64::from(y)));
            smoothed(&values.collect::<Vec<f64>>(), width, &window)
        };
        let (means_x, means_y) = (mean(&|x, _| x), mean(&|_, y| y));
        let (squares_x, squares_y) = (mean(&|x, _| x * x), mean(&|_, y| y * y));
        let products = mean(&|x, y| x * y);
        let all = (0..means_x.len()).map(|place| {
            let (x, y) = (means_x[place], means_y[place]);
            let variances = squares_x[place] - x * x + squares_y[place] - y * y;
            let covariance = products[place] - x * y;
            (2.0 * x * y + C1) * (2.0 * covariance + C2) / ((x * x + y * y + C1) * (variances + C2))
        });
        all.sum::<f64>() / means_x.len() as f64
    });
    let indices: Vec<f64> = indices.collect();
    Some(indices.iter().sum::<f64>() / indices.len() as f64)
}

/// Returns the weights of the window along one side, whose sum is 1.
fn window() -> [f64; WINDOW] {
    let weights: [f64; WINDOW] = std::array::from_fn(|i| {
        let distance = i as f64 - (WINDOW / 2) as f64;
        (-distance * distance / (2.0 * SIGMA * SIGMA)).exp()
    });
    let sum: f64 = weights.iter().sum();
    weights.map(|weight| weight / sum)
}

/// Returns the weighted mean of every window that lies within the image.
fn smoothed(values: &[f64], width: usize, window: &[f64; WINDOW]) -> Vec<f64> {
    let weighted = |values: &mut dyn Iterator<Item = f64>| -> f64 {
        values
            .zip(window)
            .map(|(value, weight)| value * weight)
            .sum()
    };
    let columns = width - WINDOW + 1;
    let along: Vec<f64> = values
        .chunks_exact(width)
        .flat_map(|row| {
            row.windows(WINDOW)
                .map(|part| weighted(&mut part.iter().copied()))
        })
        .collect();
    let rows = along.len() / columns - WINDOW + 1;
    (0..rows * columns)
        .map(|place| weighted(&mut along[place..].iter().copied().step_by(columns)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fidelity::psnr;
    use super::*;

    const SHAPE: [usize; 3] = [1, 16, 13];

    fn images() -> [Vec<f32>; 2] {
        let places = (0..16).flat_map(|i| (0..13).map(move |j| (i, j)));
        let x: Vec<f64> = places
            .clone()
            .map(|(i, j)| f64::from((3 * i + 5 * j) % 17) / 16.0)
            .collect();
        let noise = places.map(|(i, j)| 0.1 * f64::from(i * j % 3));
        let y = x
            .iter()
            .zip(noise)
            .map(|(x, noise)| (0.8 * x + noise) as f32)
            .collect();
        [x.iter().map(|&x| x as f32).collect(), y]
    }

    /// The numbers are those of `structural_similarity` of scikit-image with `gaussian_weights=True`,
    /// `use_sample_covariance=False` and `data_range=1`, computed from its definition in NumPy.
    #[test]
    fn the_indices_are_those_of_scikit_image() {
        let [x, y] = images();
        let inverted: Vec<f32> = x.iter().map(|x| 1.0 - x).collect();
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found}");
        near(ssim(&x, &y, SHAPE).unwrap(), 0.936_485_582);
        near(ssim(&x, &inverted, SHAPE).unwrap(), -0.990_264_906);
        near(psnr(&x, &y), 19.398_358_257);
    }

    #[test]
    fn equal_images_have_index_1_and_channels_are_averaged() {
        let [x, y] = images();
        assert!((ssim(&x, &x, SHAPE).unwrap() - 1.0).abs() < 1e-9);
        assert_eq!(psnr(&x, &x), 100.0);
        let both = ssim(
            &[x.clone(), x.clone()].concat(),
            &[x.clone(), y.clone()].concat(),
            [2, 16, 13],
        );
        let expected = (1.0 + ssim(&x, &y, SHAPE).unwrap()) / 2.0;
        assert!((both.unwrap() - expected).abs() < 1e-9);
    }

    #[test]
    fn an_image_smaller_than_the_window_has_no_index() {
        assert_eq!(ssim(&[0.0; 110], &[0.0; 110], [1, 11, 10]), None);
        assert!(ssim(&[0.0; 121], &[0.0; 121], [1, 11, 11]).is_some());
    }
}
