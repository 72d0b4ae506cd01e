//! Times the parts of training, from a whole step down to single operations, each of ours beside
//! its plain definition. Run all with `cargo bench`, or those with a name such as `convolve` with
//! `cargo bench -- convolve`. `cargo bench -- roofline` prints what the machine can do beside what
//! each operation reaches instead, and `cargo bench -- cores` the time of a step on more cores.
//! Nothing is downloaded.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a bench stops at what it did not expect"
)]

mod cores;
mod roofline;

use std::time::Duration;

use burn::tensor::{Device, Tensor, TensorData};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use tempfile::TempDir;
use vae::config::find_preset;
use vae::data::digits::{Half, digit};
use vae::data::{self, Data, Noise, Pixels, Sprites, idx};
use vae::device;
use vae::figure::Raster;
use vae::figure::encode_png;
use vae::figure::sheet::Sheet;
use vae::loader::Loader;
use vae::ops::noise;
use vae::ops::{self, Activation, AdamParameter, AdamStep, Convolution, MapLayout, Window, plain};
use vae::os::allocator;
use vae::rng::Rng;
use vae::train::{ModelFile, Training};

/// The number of images in a batch, as in the presets.
const BATCH: usize = 128;

fn main() {
    // The program runs its commands on a worker thread as well.
    allocator::keep_freed_pages();
    let asks_for = |name: &str| std::env::args().any(|argument| argument == name);
    if asks_for("cores") {
        return cores::print();
    }
    let only_roofline = asks_for("roofline");
    rayon::scope(|_| {
        if only_roofline {
            roofline::print();
        } else {
            divan::main();
        }
    });
}

fn cpu() -> Device {
    device::select("auto").expect("a device is built in").device
}

/// Returns standard normal numbers.
fn normal<const D: usize>(name: &str, shape: [usize; D], device: &Device) -> Tensor<D> {
    let mut values = vec![0.0; shape.iter().product()];
    Rng::new(1).stream(name).fill_normal(&mut values);
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Returns a training of a preset on `count` images of noise.
fn training_on_noise(preset: &str, count: usize) -> Training {
    let mut config = find_preset(preset)
        .and_then(|preset| preset.config())
        .expect("a preset");
    let noise = Noise {
        count,
        test: 1,
        ..Noise::default()
    };
    let dataset = noise.draw();
    config.data = Data::Noise(noise);
    Training::new(&config, dataset, &cpu()).expect("a preset can be trained")
}

/// Runs one training step.
fn step(training: Training, image_ids: &[u32]) -> Training {
    training
        .step(image_ids)
        .expect("images in memory can be read")
}

/// Runs the steps of an epoch, and reads their numbers back.
fn train_epoch(mut training: Training) -> Training {
    let batch = training.config().train.batch;
    for image_ids in training.order().chunks(batch) {
        training = step(training, image_ids);
    }
    training.look().expect("finite numbers");
    training
}

#[divan::bench_group(max_time = Duration::from_secs(4))]
mod training {
    use super::*;

    #[divan::bench(args = ["mnist", "mnist-conv"])]
    fn step(bencher: Bencher, preset: &str) {
        // The epoch is long, because its first step also computes the norms of the gradients.
        let mut training = Some(training_on_noise(preset, 50 * BATCH));
        let image_ids: Vec<u32> = (0..BATCH as u32).collect();
        bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
            training = training
                .take()
                .map(|training| super::step(training, &image_ids))
        });
    }

    #[divan::bench(args = ["mnist", "mnist-conv"], sample_count = 10)]
    fn epoch(bencher: Bencher, preset: &str) {
        let count = 5 * BATCH;
        let mut training = Some(training_on_noise(preset, count));
        bencher
            .counter(ItemsCount::new(count))
            .bench_local(|| training = training.take().map(train_epoch));
    }

    /// Measures the conversion of bytes into the input of the model.
    #[divan::bench(args = [Pixels::Grey, Pixels::Threshold, Pixels::Dynamic])]
    fn batch(bencher: Bencher, pixels: Pixels) {
        let (images, device) = (
            Noise {
                count: 2_000,
                test: 1,
                ..Noise::default()
            }
            .draw()
            .train,
            cpu(),
        );
        let indices: Vec<u32> = Rng::new(1)
            .permutation(images.len())
            .into_iter()
            .take(BATCH)
            .collect();
        bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
            Loader {
                pixels,
                pixel_rng: Rng::new(2),
                ..Loader::plain(&device)
            }
            .batch(&images, black_box(&indices))
        });
    }

    #[divan::bench(args = [2, 20])]
    fn latent_noise(bencher: Bencher, latent: usize) {
        let (image_ids, device): (Vec<u32>, Device) = ((0..BATCH as u32).collect(), cpu());
        bencher
            .counter(ItemsCount::new(BATCH))
            .bench_local(|| noise::latents(Rng::new(3), black_box(&image_ids), 1, latent, &device));
    }
}

/// Our kernel, or the plain definition that it is tested against.
#[derive(Clone, Copy, Debug)]
enum Kernel {
    Fast,
    Plain,
}

const KERNELS: [Kernel; 2] = [Kernel::Fast, Kernel::Plain];

impl Kernel {
    fn choose<F>(self, fast: F, plain: F) -> F {
        match self {
            Self::Fast => fast,
            Self::Plain => plain,
        }
    }
}

type Convolve = fn(Tensor<2>, Tensor<4>, Tensor<1>, Convolution) -> Tensor<2>;
type Dense = fn(Tensor<2>, Tensor<2>, Tensor<1>, Activation) -> Tensor<2>;
type LogProb = fn(Tensor<2>, Tensor<3>) -> Tensor<2>;
type SquaredError = fn(Tensor<2>, Tensor<3>, bool) -> Tensor<2>;
type Adam = fn(Vec<AdamParameter<'_>>, AdamStep) -> Vec<Tensor<1>>;
type Draw = fn(Tensor<2>, Tensor<2>, Tensor<3>) -> Tensor<3>;
type Divergence = fn(Tensor<2>, Tensor<2>) -> Tensor<2>;

/// Measures each operation forward only, as in evaluation, and forward and backward, as in
/// training.
#[divan::bench_group(max_time = Duration::from_secs(2))]
mod operations {
    use super::*;

    /// Measures the first layer of `mnist`.
    fn dense(bencher: Bencher, kernel: Kernel, backward: bool) {
        let device = if backward { cpu().autodiff() } else { cpu() };
        let (x, weight) = (
            normal("x", [BATCH, 784], &device),
            normal("weight", [784, 400], &device),
        );
        let [x, weight] = [x, weight].map(|tensor| {
            if backward {
                tensor.require_grad()
            } else {
                tensor
            }
        });
        let bias = normal("bias", [400], &device);
        let dense: Dense = kernel.choose(ops::dense, plain::dense);
        let run = || dense(x.clone(), weight.clone(), bias.clone(), Activation::Relu);
        if backward {
            bencher.bench_local(|| run().sum().backward())
        } else {
            bencher.bench_local(run)
        }
    }

    #[divan::bench(args = KERNELS)]
    fn dense_forward(bencher: Bencher, kernel: Kernel) {
        dense(bencher, kernel, false);
    }

    #[divan::bench(args = KERNELS)]
    fn dense_backward(bencher: Bencher, kernel: Kernel) {
        dense(bencher, kernel, true);
    }

    /// Measures the second layer of `mnist-conv`'s encoder, or of its decoder.
    fn convolution(bencher: Bencher, kernel: Kernel, transposed: bool, backward: bool) {
        let device = if backward { cpu().autodiff() } else { cpu() };
        let (input, output, zeros) = if transposed {
            ([32, 7, 7], [64, 14, 14], 1)
        } else {
            ([32, 13, 13], [64, 6, 6], 0)
        };
        let output_padding = [usize::from(transposed); 2];
        let window = Window {
            kernel: 3,
            stride: 2,
            padding: [(zeros, zeros); 2],
            output_padding,
        };
        let convolution = Convolution {
            input,
            output,
            window,
            activation: Activation::Relu,
            layouts: [MapLayout::ChannelsLast; 2],
        };
        let channels = if transposed { [32, 64] } else { [64, 32] };
        let x = normal("x", [BATCH, input.iter().product()], &device);
        let weight = normal("weight", [channels[0], channels[1], 3, 3], &device);
        let (x, weight) = if backward {
            (x.require_grad(), weight.require_grad())
        } else {
            (x, weight)
        };
        let bias = normal("bias", [64], &device);
        let convolve: Convolve = if transposed {
            kernel.choose(ops::convolve_transposed, plain::convolve_transposed)
        } else {
            kernel.choose(ops::convolve, plain::convolve)
        };
        let run = || convolve(x.clone(), weight.clone(), bias.clone(), convolution);
        if backward {
            bencher.bench_local(|| run().sum().backward())
        } else {
            bencher.bench_local(run)
        }
    }

    #[divan::bench(args = KERNELS)]
    fn convolve_forward(bencher: Bencher, kernel: Kernel) {
        convolution(bencher, kernel, false, false);
    }

    #[divan::bench(args = KERNELS)]
    fn convolve_backward(bencher: Bencher, kernel: Kernel) {
        convolution(bencher, kernel, false, true);
    }

    #[divan::bench(args = KERNELS)]
    fn convolve_transposed_forward(bencher: Bencher, kernel: Kernel) {
        convolution(bencher, kernel, true, false);
    }

    #[divan::bench(args = KERNELS)]
    fn convolve_transposed_backward(bencher: Bencher, kernel: Kernel) {
        convolution(bencher, kernel, true, true);
    }

    fn log_prob(bencher: Bencher, kernel: Kernel, backward: bool) {
        let device = if backward { cpu().autodiff() } else { cpu() };
        let x = normal("x", [BATCH, 784], &device).abs().clamp_max(1.0);
        let logits = normal("logits", [1, BATCH, 784], &device);
        let logits = if backward {
            logits.require_grad()
        } else {
            logits
        };
        let log_prob: LogProb = kernel.choose(ops::bernoulli_log_prob, plain::bernoulli_log_prob);
        let run = || log_prob(x.clone(), logits.clone());
        if backward {
            bencher.bench_local(|| run().sum().backward())
        } else {
            bencher.bench_local(run)
        }
    }

    #[divan::bench(args = KERNELS)]
    fn bernoulli_log_prob_forward(bencher: Bencher, kernel: Kernel) {
        log_prob(bencher, kernel, false);
    }

    #[divan::bench(args = KERNELS)]
    fn bernoulli_log_prob_backward(bencher: Bencher, kernel: Kernel) {
        log_prob(bencher, kernel, true);
    }

    /// Measures the squared error of a Gaussian with a logistic mean.
    fn squared_error(bencher: Bencher, kernel: Kernel, backward: bool) {
        let device = if backward { cpu().autodiff() } else { cpu() };
        let x = normal("x", [BATCH, 784], &device).abs().clamp_max(1.0);
        let outputs = normal("outputs", [1, BATCH, 784], &device);
        let outputs = if backward {
            outputs.require_grad()
        } else {
            outputs
        };
        let squared_error: SquaredError = kernel.choose(ops::squared_error, plain::squared_error);
        let run = || squared_error(x.clone(), outputs.clone(), true);
        if backward {
            bencher.bench_local(|| run().sum().backward())
        } else {
            bencher.bench_local(run)
        }
    }

    #[divan::bench(args = KERNELS)]
    fn squared_error_forward(bencher: Bencher, kernel: Kernel) {
        squared_error(bencher, kernel, false);
    }

    #[divan::bench(args = KERNELS)]
    fn squared_error_backward(bencher: Bencher, kernel: Kernel) {
        squared_error(bencher, kernel, true);
    }

    /// Measures a draw of 20 latents and their KL to the prior.
    #[divan::bench(args = KERNELS)]
    fn code_backward(bencher: Bencher, kernel: Kernel) {
        let device = cpu().autodiff();
        let [mean, log_var] =
            ["mean", "log_var"].map(|name| normal(name, [BATCH, 20], &device).require_grad());
        let noise = normal("noise", [1, BATCH, 20], &device);
        let draw: Draw = kernel.choose(ops::reparameterise, plain::reparameterise);
        let divergence: Divergence =
            kernel.choose(ops::kl_to_standard_normal, plain::kl_to_standard_normal);
        bencher.bench_local(|| {
            let z = draw(mean.clone(), log_var.clone(), noise.clone());
            (z.sum() + divergence(mean.clone(), log_var.clone()).sum()).backward()
        });
    }

    /// Measures the update of the weight of `mnist`'s first layer.
    #[divan::bench(args = KERNELS)]
    fn adam(bencher: Bencher, kernel: Kernel) {
        let device = cpu();
        let zeros = || Tensor::<1>::zeros([784 * 400], &device);
        let (mut weight, gradient) = (
            Some(normal("weight", [784 * 400], &device)),
            normal("gradient", [784 * 400], &device),
        );
        let (mut mean, mut square) = (zeros(), zeros());
        let adam: Adam = kernel.choose(ops::adam, plain::adam);
        let mut step = 0;
        bencher.bench_local(|| {
            step += 1;
            let numbers = AdamStep::new([0.9, 0.999, 1e-8], step, 1e-3);
            // No other reference exists, so that it is changed in place, as in training.
            let held = weight.take().expect("put back");
            let parameter = AdamParameter {
                weight: held,
                gradient: gradient.clone(),
                mean: &mut mean,
                square: &mut square,
            };
            weight = Some(adam(vec![parameter], numbers).swap_remove(0));
        });
    }

    #[divan::bench(args = KERNELS)]
    fn sum_of_squares(bencher: Bencher, kernel: Kernel) {
        let values = normal("values", [784 * 400], &cpu());
        let sum: fn(Tensor<1>) -> Tensor<1> =
            kernel.choose(ops::sum_of_squares, plain::sum_of_squares);
        bencher.bench_local(|| sum(values.clone()));
    }
}

#[divan::bench_group(max_time = Duration::from_secs(2))]
mod files {
    use super::*;

    #[divan::bench]
    fn read_idx(bencher: Bencher) {
        let images = Noise {
            count: 1_000,
            test: 1,
            ..Noise::default()
        }
        .draw()
        .train;
        let bytes = [
            &idx::image_header(1_000, 28, 28)[..],
            &images.to_bytes().unwrap(),
        ]
        .concat();
        bencher
            .counter(BytesCount::new(bytes.len()))
            .bench_local(|| idx::parse_images(black_box(&bytes)).is_ok());
    }

    #[divan::bench]
    fn draw_digit(bencher: Bencher) {
        let mut index = 0;
        bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
            index += 1;
            digit(1, Half::Train, index)
        });
    }

    /// Measures the start of the program, which generates all images.
    #[divan::bench]
    fn load_sprites(bencher: Bencher) {
        bencher.bench_local(|| data::hash(&Sprites::default().draw()));
    }

    /// Measures the work of each step: 64 images are generated and made into a batch.
    #[divan::bench]
    fn draw_sprites(bencher: Bencher) {
        let images = Sprites::default().draw().train;
        let device = cpu();
        let indices: Vec<u32> = (0..64).collect();
        bencher.counter(ItemsCount::new(64_usize)).bench_local(|| {
            Loader {
                pixels: Pixels::Threshold,
                pixel_rng: Rng::new(1),
                ..Loader::plain(&device)
            }
            .batch(&images, &indices)
        });
    }

    #[divan::bench]
    fn draw_noise(bencher: Bencher) {
        let noise = Noise {
            count: 1_000,
            test: 1,
            ..Noise::default()
        };
        bencher
            .counter(BytesCount::new(1_001 * 784_usize))
            .bench_local(|| noise.draw());
    }

    /// Measures the work after each epoch: a sheet of 64 images.
    #[divan::bench]
    fn write_sheet(bencher: Bencher) {
        let image = |index| Raster {
            shape: [1, 28, 28],
            pixels: digit(1, Half::Train, index).pixels.to_vec(),
        };
        let images: Vec<Raster> = (0..64).map(image).collect();
        let sheet = Sheet {
            images: &images,
            columns: 8,
            row_labels: None,
            column_labels: None,
        };
        bencher.bench_local(|| encode_png(&sheet.draw()).is_ok());
    }

    /// Returns the model file of `mnist`, and a folder for it.
    fn model() -> (TempDir, ModelFile) {
        let training = training_on_noise("mnist", 1);
        let file = ModelFile::new(
            training.config(),
            training.dataset(),
            training.data_hash(),
            training.vae(),
        );
        (TempDir::new().expect("a temporary folder"), file)
    }

    #[divan::bench]
    fn write_model(bencher: Bencher) {
        let (folder, model) = model();
        let path = folder.path().join("model.safetensors");
        bencher.bench_local(|| model.write(&path).is_ok());
    }

    #[divan::bench]
    fn read_model(bencher: Bencher) {
        let (folder, model) = model();
        let path = folder.path().join("model.safetensors");
        model
            .write(&path)
            .expect("a temporary folder can be written to");
        bencher.bench_local(|| ModelFile::read(&path).is_ok());
    }
}
