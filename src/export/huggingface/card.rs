//! `README.md`: the model's card, with a head in YAML that the Hub reads.

use super::quoted::{in_markdown, listed, quoted};
use crate::data::Pixels;
use crate::error::Result;
use crate::export::exported_model::ExportedModel;
use crate::export::measured_elbo::MeasuredElbo;
use crate::model::Features;
use crate::words::counted;

/// The words in a card that a person replaces.
pub const TO_DO: &str = "TODO before uploading";

/// Returns the content of the card.
pub fn card(model: &ExportedModel, has_samples: bool) -> Result<String> {
    let config = &model.file.config;
    let shape = Features::Map(model.network.image_shape);
    let data = in_markdown(&model.data);
    let (kind, task) = if model.is_variational() {
        (
            "A variational autoencoder",
            "unconditional-image-generation",
        )
    } else {
        ("An autoencoder", "image-feature-extraction")
    };
    let mut text = head(model, task);
    text.push_str(&format!("\n# {}\n\n", in_markdown(&model.name)));
    text.push_str(&format!(
        "{kind} of images of {shape} (channels, height, width) with {} and {} trained parameters, trained on {data} by the command-line program `vae` {}.\n",
        counted(model.network.latent, "latent"),
        config.parameter_count(&model.network),
        env!("CARGO_PKG_VERSION"),
    ));
    if has_samples {
        text.push_str("\n![Samples from the prior](samples.png)\n\n*Samples from the prior: means of p(x|z).*\n");
    }
    text.push_str(&format!("\n## What it is\n\n{}\n", facts(model)));
    let to_do = format!(
        "\n## Data and limits\n\n{TO_DO}: say what the images show, who owns them, and what the model must not be used for.\n"
    );
    text.push_str(&to_do);
    text.push_str(&format!("\n## How good it is\n\n{}\n", quality(model)));
    text.push_str(&format!(
        "\n## Use it with PyTorch\n\n```python\n{}\n```\n\n{}\n",
        example(model),
        images(model)
    ));
    let use_it = if model.is_variational() {
        "vae sample model.safetensors --out samples.png\n"
    } else {
        ""
    };
    text.push_str(&format!(
        "\n## Use it with vae\n\n`vae` is the program that trained it (the package `vae-cli`).\n\n```console\n{use_it}vae embed model.safetensors my-images --out latents\nvae reconstruct model.safetensors my-images --out reconstructions.png\n```\n"
    ));
    text.push_str(&format!(
        "\n<details><summary>The config of the training</summary>\n\n{}\n</details>\n",
        fenced(&config.to_toml()?)
    ));
    Ok(text)
}

/// Returns the head in YAML.
fn head(model: &ExportedModel, task: &str) -> String {
    let mut lines = vec![
        "---".to_owned(),
        "library_name: vae".to_owned(),
        "# license: choose one before you upload this folder, such as mit".to_owned(),
        format!("pipeline_tag: {task}"),
        "tags:".to_owned(),
    ];
    let kind = if model.is_variational() {
        "variational-autoencoder"
    } else {
        "autoencoder"
    };
    for tag in ["vae", kind, "pytorch", "safetensors"] {
        lines.push(format!("- {tag}"));
    }
    if let Some(elbo) = &model.elbo {
        lines.extend(model_index(model, task, elbo));
    }
    lines.push("---".to_owned());
    lines.join("\n") + "\n"
}

/// Returns the measured ELBO as the Hub reads it.
fn model_index(model: &ExportedModel, task: &str, elbo: &MeasuredElbo) -> Vec<String> {
    let error = elbo
        .elbo_se
        .map_or("null".to_owned(), |error| error.to_string());
    let text = format!(
        "\
model-index:
- name: {}
  results:
  - task:
      type: {task}
    dataset:
      type: {data}
      name: {data}
      split: {}
    metrics:
    - type: elbo
      name: ELBO, nats per image
      value: {}
      args:
        standard_error: {error}
        images: {}
        pixels: {}
        samples_per_image: {}
        seed: {}
        is_log_likelihood: {}",
        quoted(&model.name),
        quoted(&elbo.split),
        elbo.elbo,
        elbo.images,
        quoted(&elbo.pixels),
        elbo.samples_per_image,
        elbo.seed,
        elbo.caveat.is_none(),
        data = quoted(&elbo.data),
    );
    text.lines().map(str::to_owned).collect()
}

/// Returns what the model consists of.
fn facts(model: &ExportedModel) -> String {
    let config = &model.file.config;
    let mut facts = vec![
        format!("- network: `{}`", config.model.tag()),
        format!("- p(x|z): `{}`", config.likelihood.tag()),
    ];
    if model.is_variational() {
        facts.push(format!("- p(z): `{}`", model.network.prior.tag()));
    }
    facts.push(format!("- objective: `{}`", config.objective.tag()));
    let classes = model.classes();
    if !classes.is_empty() {
        facts.push(format!(
            "- conditional on the class: {}",
            in_markdown(&listed(classes))
        ));
    }
    facts.join("\n")
}

/// Returns what was measured.
fn quality(model: &ExportedModel) -> String {
    if !model.is_variational() {
        return "An autoencoder has no ELBO and no samples.".to_owned();
    }
    let Some(elbo) = &model.elbo else {
        return "`vae eval` had not measured the ELBO of this model when this card was written."
            .to_owned();
    };
    let mut text = format!(
        "The ELBO is {} nats per image (the mean and its standard error over {} of {} {}, {} pixels, {} of z per image, seed {}).",
        elbo.number(),
        counted(elbo.images, "image"),
        in_markdown(&elbo.data),
        elbo.split,
        elbo.pixels,
        counted(elbo.samples_per_image, "sample"),
        elbo.seed,
    );
    if let Some(caveat) = &elbo.caveat {
        text.push_str(&format!(" It is no bound on a log-likelihood: {caveat}."));
    }
    text
}

/// Returns the lines that load the model and use it.
fn example(model: &ExportedModel) -> String {
    let count = model.classes().len();
    let first = if model.is_variational() && count == 0 {
        "images = model.sample(16, seed=1)".to_owned()
    } else if model.is_variational() {
        format!(
            "label = torch.eye({count})[torch.arange(16) % {count}]  # the classes in turn\nimages = model.sample(16, label, seed=1)"
        )
    } else {
        let [c, h, w] = model.network.image_shape;
        let label = if count == 0 { "" } else { ", label" };
        let made = if count == 0 {
            String::new()
        } else {
            format!("label = torch.eye({count})[:1]\n")
        };
        format!("{made}z = model.encode(torch.rand(1, {c}, {h}, {w}){label})")
    };
    format!(
        "\
import torch
from safetensors.torch import load_file
from modeling import VAE

model = VAE()
model.load_state_dict(load_file(\"model.safetensors\"))
{first}"
    )
}

/// Returns what an image must be like.
fn images(model: &ExportedModel) -> String {
    let [c, h, w] = model.network.image_shape;
    let colour = if c == 1 { "grey" } else { "colour" };
    let pixels = match model.pixels() {
        Pixels::Grey => "",
        Pixels::Threshold => " A value above one half is 1, any other 0.",
        Pixels::Dynamic | Pixels::Static => {
            " In training, each value was 1 with the grey level as its probability, and 0 otherwise."
        }
    };
    format!("Images are `[N, {c}, {h}, {w}]`, {colour}, with values from 0 to 1.{pixels}")
}

/// Returns a text as a block of code that it cannot end.
fn fenced(text: &str) -> String {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}toml\n{text}{fence}\n")
}
