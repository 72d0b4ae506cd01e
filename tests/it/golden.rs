//! Tests our numbers against PyTorch's; `tests/golden/README.md` says what the files contain.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::tensor::Tensor;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use vae::data::Batch;
use vae::density::DiagonalGaussian;
use vae::model::{
    Conv, ConvolutionConfig, DenseConfig, LayerConfig, Mlp, ModelKind, NamedTensor, Network,
    Padding, Resnet, TransposedConfig, Vae, export,
};
use vae::objective::{Elbo, LossTerms, ObjectiveKind};
use vae::ops;
use vae::optimizer::{Adam, AdamW, Optimizer, OptimizerState, RmsProp, Sgd};

use crate::models::{
    at, autodiff_device, gap, largest, named_gradients, numbers, plain_device, tensor, wide,
    with_weights,
};

/// The learning rate of every run in the files.
const RATE: f64 = 1e-3;

/// One golden file.
struct Golden {
    /// The shape and the values of each tensor.
    tensors: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
    about: Value,
}

impl Golden {
    fn read(case: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden")
            .join(case)
            .with_extension("safetensors");
        let bytes = fs::read(path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let about = serde_json::from_str(&header.metadata().as_ref().unwrap()["json"]).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let read = |(name, view): (&str, safetensors::tensor::TensorView)| {
            let data = view.data();
            let values = match view.dtype() {
                Dtype::F32 => data
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|&word| f32::from_le_bytes(word).into())
                    .collect(),
                Dtype::F64 => data
                    .as_chunks::<8>()
                    .0
                    .iter()
                    .map(|&word| f64::from_le_bytes(word))
                    .collect(),
                other => panic!("{name} is {other:?}"),
            };
            (name.to_owned(), (view.shape().to_vec(), values))
        };
        Self {
            tensors: tensors.iter().map(read).collect(),
            about,
        }
    }

    fn values(&self, name: &str) -> &[f64] {
        &self
            .tensors
            .get(name)
            .unwrap_or_else(|| panic!("no `{name}`"))
            .1
    }

    /// Returns the values as float32, the type they have in the file.
    fn floats(&self, name: &str) -> Vec<f32> {
        self.values(name)
            .iter()
            .map(|&value| value as f32)
            .collect()
    }

    /// Returns the tensors whose names begin with `prefix`, under their names without it.
    fn under(&self, prefix: &str) -> Vec<NamedTensor> {
        let tensors = self.tensors.iter().filter_map(|(name, (shape, _))| {
            let short = name.strip_prefix(prefix)?;
            Some(NamedTensor {
                name: short.to_owned(),
                shape: shape.clone(),
                values: self.floats(name),
            })
        });
        tensors.collect()
    }

    /// Returns the batch and the noise of `step`; `x` is `[T, B, P]`, `eps` is `[T, B, D]`.
    fn batch(&self, step: usize) -> (Batch, Tensor<3>) {
        let device = autodiff_device();
        let slice = |name: &str| {
            let [_, b, width] = self.tensors[name].0[..] else {
                panic!("`{name}` has not three axes")
            };
            (
                self.floats(name)[step * b * width..][..b * width].to_vec(),
                [b, width],
            )
        };
        let ((x, x_shape), (eps, [b, d])) = (slice("x"), slice("eps"));
        (
            Batch::new(tensor(x, x_shape, &device)),
            tensor(eps, [1, b, d], &device),
        )
    }
}

/// Returns the losses of the float64 run, which the metadata holds as decimal strings.
fn exact_losses(losses: &Value) -> Vec<f64> {
    losses
        .as_array()
        .unwrap()
        .iter()
        .map(|loss| loss.as_str().unwrap().parse().unwrap())
        .collect()
}

fn mlp() -> Network {
    Mlp {
        latent: 4,
        hidden: vec![16],
        ..Mlp::default()
    }
    .network([1, 6, 6])
    .unwrap()
}

fn conv() -> Network {
    let conv = |channels| {
        LayerConfig::from(ConvolutionConfig {
            conv: channels,
            kernel: Some(3),
            stride: Some(2),
            padding: Some(Padding::Zeros(0)),
            ..ConvolutionConfig::default()
        })
    };
    let transposed = |channels, stride| {
        LayerConfig::from(TransposedConfig {
            transposed: channels,
            kernel: Some(3),
            stride: Some(stride),
            padding: Some(Padding::Zeros(1)),
            output_padding: Some(stride - 1),
            ..TransposedConfig::default()
        })
    };
    let dense = LayerConfig::from(DenseConfig {
        dense: 36,
        shape: Some([4, 3, 3]),
        ..DenseConfig::default()
    });
    let model = Conv {
        latent: 2,
        encoder: vec![conv(3), conv(5)],
        decoder: vec![dense, transposed(5, 2), transposed(3, 2), transposed(1, 1)],
        ..Conv::default()
    };
    model.network([1, 12, 12]).unwrap()
}

/// Parses the layers of a convolutional model.
fn layers(toml: &str, image_shape: [usize; 3]) -> Network {
    let model: Conv = toml::from_str(toml).unwrap();
    model.network(image_shape).unwrap()
}

fn terms(vae: &Vae, golden: &Golden, step: usize) -> LossTerms {
    let (batch, noise) = golden.batch(step);
    Elbo::default().terms(vae, &batch, noise, at(0.0))
}

/// Trains for ten steps from the initial weights and on the batches of the file. Returns the losses
/// and the last weights.
fn train(
    golden: &Golden,
    network: &Network,
    rule: &Optimizer,
    clip: Option<f64>,
) -> (Vec<f64>, Vec<NamedTensor>) {
    let mut vae = with_weights(network, &golden.under("init."), &autodiff_device());
    let mut updater = OptimizerState::new(rule.clone(), clip, &vae);
    let mut losses = Vec::new();
    for step in 0..golden.tensors["x"].0[0] {
        let loss = terms(&vae, golden, step).loss;
        let each = numbers(loss.clone().inner());
        losses.push(each.iter().sum::<f64>() / each.len() as f64);
        let mut gradients = loss.mean().backward();
        vae = updater.update(vae, &mut gradients, step as u64 + 1, RATE);
    }
    (losses, export(&vae))
}

/// Losses of about 100 nats are sums of 144 float32 numbers, each accurate to 1e-7, hence the
/// tolerance of 3e-5.
fn assert_losses(case: &str, ours: &[f64], exact: &[f64]) {
    assert_eq!(ours.len(), 10);
    for (step, (ours, exact)) in ours.iter().zip(exact).enumerate() {
        assert!(
            (ours - exact).abs() < 3e-5,
            "{case}: loss {step} is {ours}, PyTorch's in float64 is {exact}"
        );
    }
}

fn assert_weights(case: &str, ours: &[NamedTensor], name: &str, theirs: &[f64]) {
    let ours = ours
        .iter()
        .find(|tensor| tensor.name == name)
        .unwrap_or_else(|| panic!("{case}: no `{name}`"));
    let gap = gap(&wide(&ours.values), theirs);
    assert!(
        gap < 1e-5,
        "{case}: after ten steps `{name}` is off by {gap:e}"
    );
}

/// Compares the loss terms and gradients of the first step, then ten steps of Adam.
fn assert_model(case: &str, network: &Network) {
    let golden = Golden::read(case);
    let vae = with_weights(network, &golden.under("init."), &autodiff_device());
    let first = terms(&vae, &golden, 0);
    for (name, ours) in [
        ("reconstruction", &first.reconstruction),
        ("kl", first.kl.as_ref().unwrap()),
    ] {
        let (ours, theirs) = (numbers(ours.clone().inner()), golden.values(name));
        let gap = gap(&ours, theirs);
        assert!(
            gap < 2e-6 * largest(theirs.to_vec()),
            "{case}: {name} of step 0 is off by {gap:e}"
        );
    }

    let gradients = named_gradients(&vae, &first.loss.mean().backward());
    assert_eq!(gradients.len(), golden.under("grad.").len());
    for ours in &gradients {
        let theirs = golden.values(&format!("grad.{}", ours.name));
        let gap = gap(&wide(&ours.values), theirs) / largest(theirs.to_vec());
        // The terms of this gradient nearly cancel: burn's own convolutions are off by 8e-6, and tiles round three times as much.
        let cancels = case == "resnet" && ours.name == "encoder.3.norm1.bias";
        assert!(
            gap < if cancels { 3e-5 } else { 1e-5 },
            "{case}: the gradient of `{}` is off by {gap:e} of its largest number",
            ours.name
        );
    }

    let (losses, last) = train(&golden, network, &Optimizer::default(), None);
    assert_losses(
        case,
        &losses,
        &exact_losses(&golden.about["losses_float64"]),
    );
    assert_eq!(last.len(), golden.under("final.").len());
    for tensor in golden.under("final.") {
        assert_weights(case, &last, &tensor.name, &wide(&tensor.values));
    }
}

#[test]
fn a_dense_vae_computes_what_pytorch_computes() {
    assert_model("mlp", &mlp());
}

#[test]
fn a_convolutional_vae_computes_what_pytorch_computes() {
    assert_model("conv", &conv());
}

#[test]
fn a_residual_vae_computes_what_pytorch_computes() {
    let model = Resnet {
        latent: 3,
        channels: vec![4, 6],
        groups: 2,
        ..Resnet::default()
    };
    assert_model("resnet", &model.network([2, 9, 7]).unwrap());
}

#[test]
fn every_layer_and_activation_computes_what_pytorch_computes() {
    let network = layers(
        r#"
        latent = 2
        activation = "silu"
        encoder = [
            { conv = 4 },
            { pool = 2 },
            { residual = 6, groups = 2, activation = "gelu" },
            { norm = 3, activation = "elu" },
            { dense = 6, activation = "softplus" },
        ]
        decoder = [
            { dense = 36, shape = [4, 3, 3], activation = "elu" },
            { upsample = 2 },
            { transposed = 3, padding = 1, activation = "leaky-relu" },
            { conv = 3, kernel = 1, activation = "sigmoid" },
            { conv = 1 },
        ]
        "#,
        [1, 6, 6],
    );
    assert_model("layers", &network);
}

#[test]
fn every_optimiser_steps_as_pytorchs_does() {
    let rules: [(&str, Optimizer, Option<f64>); 8] = [
        (
            "adamw",
            Optimizer::AdamW(AdamW {
                weight_decay: 0.01,
                ..AdamW::default()
            }),
            None,
        ),
        ("rmsprop", Optimizer::RmsProp(RmsProp::default()), None),
        (
            "rmsprop_centred",
            Optimizer::RmsProp(RmsProp {
                centred: true,
                ..RmsProp::default()
            }),
            None,
        ),
        ("sgd", Optimizer::Sgd(Sgd::default()), None),
        (
            "sgd_momentum",
            Optimizer::Sgd(Sgd {
                momentum: 0.9,
                ..Sgd::default()
            }),
            None,
        ),
        (
            "sgd_nesterov",
            Optimizer::Sgd(Sgd {
                momentum: 0.9,
                nesterov: true,
                ..Sgd::default()
            }),
            None,
        ),
        ("adam_clipped", Optimizer::default(), Some(1.0)),
        (
            "adam_l2",
            Optimizer::Adam(Adam {
                weight_decay: 0.1,
                ..Adam::default()
            }),
            None,
        ),
    ];
    let (model, golden) = (Golden::read("mlp"), Golden::read("optimisers"));
    let cases = golden.about["losses_float64"].as_object().unwrap();
    assert_eq!(cases.len(), rules.len(), "the file has {:?}", cases.keys());
    for (case, rule, clip) in rules {
        let (losses, last) = train(&model, &mlp(), &rule, clip);
        assert_losses(case, &losses, &exact_losses(&cases[case]));
        let kept = "decoder.0.weight";
        assert_weights(
            case,
            &last,
            kept,
            golden.values(&format!("final.{case}.{kept}")),
        );
    }
}

/// Compares `ours` in float32 with the truth in float64; `scale` is the size of the numbers that
/// are summed on the way.
fn assert_density(name: &str, ours: &[f64], truth: &[f64], scale: &[f64]) {
    assert_eq!([ours.len(), scale.len()], [truth.len(); 2]);
    for (i, (ours, truth)) in ours.iter().zip(truth).enumerate() {
        let allowed = 5e-7 * scale[i] + 1e-7;
        assert!(
            (ours - truth).abs() <= allowed,
            "{name} {i}: {ours} is not {truth}, allowed is {allowed:e}"
        );
    }
}

#[test]
fn densities_are_those_of_torch_distributions() {
    let golden = Golden::read("densities");
    let device = plain_device();
    let column = |name: &str| {
        let values = golden.floats(name);
        let count = values.len();
        tensor(values, [count, 1], &device)
    };
    let pairs = |a: &str, b: &str| {
        golden
            .values(a)
            .iter()
            .copied()
            .zip(golden.values(b).iter().copied())
    };

    let kl = DiagonalGaussian {
        mean: column("kl.mean"),
        log_var: column("kl.log_var"),
    }
    .kl_to_standard_normal();
    let scale: Vec<f64> = pairs("kl.mean", "kl.log_var")
        .map(|(m, v)| m * m + v.exp() + v.abs() + 1.0)
        .collect();
    assert_density("kl", &numbers(kl), golden.values("kl.value"), &scale);

    let normal = DiagonalGaussian {
        mean: column("normal.mean"),
        log_var: column("normal.log_var"),
    };
    let ours = normal.log_prob(column("normal.x").unsqueeze::<3>());
    let truth = golden.values("normal.value");
    let scale: Vec<f64> = truth.iter().map(|value| value.abs() + 4.0).collect();
    assert_density("normal", &numbers(ours), truth, &scale);

    let (x, logits) = (
        column("bernoulli.x"),
        column("bernoulli.logits").unsqueeze::<3>(),
    );
    let scale: Vec<f64> = golden
        .values("bernoulli.logits")
        .iter()
        .map(|logit| logit.abs() + 1.0)
        .collect();
    for term in [ops::bernoulli_log_prob, ops::plain::bernoulli_log_prob] {
        let ours = numbers(term(x.clone(), logits.clone()));
        assert_density("bernoulli", &ours, golden.values("bernoulli.value"), &scale);
    }
    assert!(scale.contains(&101.0), "the extreme logits are among them");
}
