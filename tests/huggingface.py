#!/usr/bin/env python3
"""Tests `vae export --to huggingface` with PyTorch: python3 tests/huggingface.py VAE.

Needs torch, safetensors, numpy, Pillow and PyYAML. Trains small models for an epoch and the presets on other data, and compares what
modeling.py computes with what `vae` prints for 64 images: latents, images, scores, and the ELBO.
"""
import importlib.util
import json
import pathlib
import sys
import tempfile

import numpy as np
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file

from exported import CLASSES, Trained, models

vae = str(pathlib.Path(sys.argv[1]).resolve())
only = sys.argv[2:]
# The samples of z for each image that the ELBO is averaged over.
SAMPLES = 64


def load(folder):
    spec = importlib.util.spec_from_file_location("modeling", folder / "modeling.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.VAE()
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return module, model


@torch.no_grad()
def test(trained):
    report = trained.report() if trained.is_variational else None
    paths = trained.call("export", "-q", str(trained.run), "--to", "huggingface", "--out", "hub").splitlines()
    folder = trained.folder / "hub"
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != ".") == sorted(pathlib.Path(path).name for path in paths)
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert file.metadata()["format"] == "pt"
    assert json.loads((folder / "config.json").read_text())["classes"] == CLASSES
    text = (folder / "README.md").read_text()
    _, head, card = text.split("---\n", 2)
    head = yaml.safe_load(head)
    assert head["library_name"] == "vae" and "license" not in head, head
    module, model = load(folder)
    image, label = torch.tensor(trained.images), torch.tensor(trained.label)
    has_label = "[condition]" in trained.config or "[condition." in trained.config
    labels = [label] if has_label else []
    encoded = model.encode(image, *labels)
    mean = encoded[0] if trained.is_variational else encoded
    decoded = model.decode(mean, *labels)
    score = (image - decoded).square().flatten(1).sum(1)
    trained.compare(mean.numpy(), decoded.numpy(), score.numpy().astype(float))
    # `vae` reads the weights, too.
    trained.call("embed", "-q", "hub/model.safetensors", str(trained.paths[0].parent.parent), "--out", "again")
    assert (np.load(trained.folder / "again" / "latents.npy") == trained.means).all()
    if not trained.is_variational:
        assert not hasattr(model, "elbo")
        return
    assert not has_label or module.CLASSES == CLASSES
    several = [model.elbo(image, *labels, seed=seed).numpy().astype(float) for seed in range(SAMPLES)]
    # Each is a mean over samples; the difference has the error of both.
    by_seed = np.array([each.mean() for each in several])
    error = by_seed.std(ddof=1) / np.sqrt(SAMPLES)
    difference = abs(by_seed.mean() - report["elbo"])
    # One epoch on these images makes a preset diverge, to variances as large as a float32 can hold: samples then have no mean.
    if abs(report["elbo"]) < 1e6:
        trained.hold("ELBOs", difference, max(0.1, 5 * error))
    else:
        print(f"        {trained.name}: an ELBO of {report['elbo']:.1e} is not compared")
    first = [model.sample(16, *[each[:16] for each in labels], seed=7) for _ in range(2)]
    assert first[0].shape == (16, *trained.shape) and (first[0] == first[1]).all()
    # The prior of the class is that of the program: mean images of many samples agree.
    if not has_label:
        trained.call("sample", "-q", str(trained.run), "--n", "2000", "--out", "samples.npy")
        theirs = trained.bytes("samples.npy").astype(float).mean(0) / 255
        ours = model.sample(2000, seed=1).clip(0, 1).numpy().mean(0)
        trained.hold("mean samples", np.abs(ours - theirs).max(), 0.05)


with tempfile.TemporaryDirectory() as place:
    count = 0
    for name, config, images in models(vae):
        if only and name not in only:
            continue
        test(Trained(vae, pathlib.Path(place), name, config, images))
        count += 1
    print(f"{count} models")
