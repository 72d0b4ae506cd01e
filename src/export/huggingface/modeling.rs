//! `modeling.py`: the model as a plain `torch.nn.Module`.

use super::body::body;
use super::likelihood;
use super::modules::modules;
use super::prior::PythonPrior;
use super::quoted::listed;
use crate::export::exported_model::ExportedModel;
use crate::model::Graph;

/// Returns the content of the file.
pub fn modeling(model: &ExportedModel) -> String {
    let network = &model.network;
    let distribution = &model.file.config.likelihood;
    let is_variational = model.is_variational();
    let heads: &[&str] = if is_variational {
        &["mean", "log_var"]
    } else {
        &["mean"]
    };
    let encoder = network.encoder_graph().only(heads);
    let decoder = network.outputs_graph(distribution);
    let upper = network.prior_graphs().filter(|_| is_variational);
    let prior = PythonPrior::of(network);

    // An autoencoder does not use its second head and its prior, but its file has their weights.
    let whole = network.encoder_graph();
    let unused = network.prior_graphs();
    let mut graphs = vec![&whole, &decoder];
    graphs.extend(unused.iter().flatten());
    let mut init = modules(&graphs);
    init.extend(prior.parameters.clone());
    init.extend(likelihood::parameters(distribution).map(str::to_owned));

    let label = if model.classes().is_empty() {
        ""
    } else {
        ", label"
    };
    let mut text = head(model, &prior, is_variational);
    text.push_str(
        "\n\nclass VAE(nn.Module):\n    def __init__(self):\n        super().__init__()\n",
    );
    text.push_str(&indented(&init.join("\n"), 2));

    let encoded = if is_variational {
        "Returns the mean and the logarithm of the variance of q(z | image), each [N, D]."
    } else {
        "Returns the latent of each image, [N, D]."
    };
    // The pseudo-inputs of a prior have no class.
    let reads_label = encoder.inputs().any(|(name, _)| name == "label");
    let encoder_label = match label {
        "" => "",
        _ if reads_label => label,
        _ => ", label=None",
    };
    text.push_str(&method(
        &format!("encode(self, image{encoder_label})"),
        encoded,
        &lines(&encoder),
    ));
    text.push_str(&method(
        &format!("decoder_outputs(self, z{label})"),
        "Returns the parameters of p(image | z).",
        &lines(&decoder),
    ));
    text.push_str(&method(
        "mean_image(self, outputs)",
        "Returns the mean of p(image | z) for its parameters, [N, C, H, W].",
        &lines(&network.mean_graph(distribution)),
    ));
    text.push_str(&method(
        &format!("decode(self, z{label})"),
        "Returns the image of each latent, [N, C, H, W].",
        &format!("return self.mean_image(self.decoder_outputs(z{label}))"),
    ));
    text.push_str(&method(
        "log_prob(self, image, outputs)",
        "Returns log p(image | z) for the parameters of the distribution, summed over the values of each image, [N].",
        &likelihood::log_prob(distribution),
    ));
    if !is_variational {
        return without_unused_import(text);
    }
    if let Some([q, p]) = &upper {
        let pair = "Returns the mean and the logarithm of the variance of";
        text.push_str(&method(
            "upper(self, z)",
            &format!("{pair} q(u | z)."),
            &lines(q),
        ));
        text.push_str(&method(
            "lower(self, u)",
            &format!("{pair} p(z | u)."),
            &lines(p),
        ));
    }
    text.push_str(prior.methods);
    text.push_str(&method(
        &format!("sample(self, count{label}, seed=0)"),
        "Returns images of latents drawn from the prior, [count, C, H, W].",
        &format!(
            "\
generator = torch.Generator(self.mean.weight.device).manual_seed(seed)
{}
return self.decode(z{label})",
            prior.sample
        ),
    ));
    text.push_str(&method(
        &format!("elbo(self, image{label}, seed=0)"),
        "Returns the evidence lower bound of each image from one sample of z, in nats, [N].",
        &format!(
            "\
generator = torch.Generator(image.device).manual_seed(seed)
mean, log_var = self.encode(image{label})
z = draw(mean, log_var, noise(generator, *mean.shape))
{}
return self.log_prob(image, self.decoder_outputs(z{label})) - kl",
            prior.kl
        ),
    ));
    without_unused_import(text)
}

/// Returns the text without `math` where it has no use.
fn without_unused_import(text: String) -> String {
    if text.contains("math.") {
        text
    } else {
        text.replacen("import math\n\n", "", 1)
    }
}

/// Returns the beginning of the file, up to the class.
fn head(model: &ExportedModel, prior: &PythonPrior, is_variational: bool) -> String {
    let what = if is_variational {
        "A variational autoencoder"
    } else {
        "An autoencoder"
    };
    let shape = model.network.image_shape.map(|length| length.to_string());
    let shape = shape.join(", ");
    let classes = model.classes();
    let count = classes.len();
    let labelled = if classes.is_empty() {
        String::new()
    } else {
        format!(
            "`label` is [N, {count}]: 1 for the image's class and 0 for the others, as in F.one_hot(torch.tensor([3]), {count}).float().\n"
        )
    };
    let example = match (is_variational, classes.is_empty()) {
        (true, true) => "images = model.sample(16, seed=1)".to_owned(),
        (true, false) => format!(
            "label = F.one_hot(torch.arange(16) % {count}, {count}).float()\n    images = model.sample(16, label, seed=1)"
        ),
        (false, _) => match model.network.condition.as_ref().and_then(|it| it.encoder) {
            Some(_) => "z = model.encode(images, label)".to_owned(),
            None => "z = model.encode(images)".to_owned(),
        },
    };
    let mut text = format!(
        r#""""{what} as a plain torch.nn.Module, written by vae {}. The module needs only PyTorch.

    from safetensors.torch import load_file
    model = VAE()
    model.load_state_dict(load_file("model.safetensors"))
    {example}

Images are [N, {shape}], in [0, 1]. {labelled}Dropout is left out, because it acts only in training.
"""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

SHAPE = ({shape})
"#,
        env!("CARGO_PKG_VERSION")
    );
    if !classes.is_empty() {
        text.push_str(&format!("CLASSES = [{}]\n", listed(classes)));
    }
    let mut functions: Vec<&'static str> =
        vec![likelihood::functions(&model.file.config.likelihood)];
    if is_variational {
        functions.push(DRAWING);
    }
    if is_variational && prior.needs_density {
        functions.push(DENSITY);
    }
    for function in functions
        .into_iter()
        .filter(|function| !function.is_empty())
    {
        text.push('\n');
        text.push_str(function.trim_end_matches('\n'));
        text.push('\n');
    }
    text
}

/// The drawing of latents.
const DRAWING: &str = r#"
def noise(generator, *shape):
    """Returns standard normal numbers."""
    return torch.randn(*shape, generator=generator, device=generator.device)


def draw(mean, log_var, noise):
    """Returns a sample of a Gaussian with independent values."""
    return mean + torch.exp(0.5 * log_var) * noise
"#;

/// The density of latents.
const DENSITY: &str = r#"
def log_density(z, mean, log_var):
    """Returns the logarithm of the density of a Gaussian with independent values, summed over them."""
    return -0.5 * ((z - mean).square() / log_var.exp() + log_var + math.log(2 * math.pi)).sum(-1)
"#;

fn lines(graph: &Graph) -> String {
    body(graph).join("\n")
}

fn method(signature: &str, what: &str, body: &str) -> String {
    format!(
        "\n    def {signature}:\n        \"\"\"{what}\"\"\"\n{}",
        indented(body, 2)
    )
}

fn indented(text: &str, depth: usize) -> String {
    let indent = "    ".repeat(depth);
    text.lines()
        .map(|line| format!("{indent}{line}\n"))
        .collect()
}
