#!/usr/bin/env python3
"""Tests `vae export --to onnx` with onnxruntime: python3 tests/onnx.py VAE.

Needs onnx, onnxruntime, numpy and Pillow. Trains small models for an epoch and the presets on other data, checks the files, and
compares encoder, decoder and score with what `vae` prints for 64 images. use.py must print the same for an image.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

# Not this file.
sys.path.pop(0)
import numpy as np
import onnx
import onnxruntime

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from exported import CLASSES, Trained, models

vae = str(pathlib.Path(sys.argv[1]).resolve())
only = sys.argv[2:]


def feed(session, **given):
    return session.run(None, {wanted.name: given[wanted.name] for wanted in session.get_inputs()})


def test(trained):
    paths = [pathlib.Path(line) for line in trained.call("export", "-q", str(trained.run), "--to", "onnx").splitlines()]
    folder = trained.folder / paths[0].parent
    sessions = {}
    for path in (trained.folder / path for path in paths):
        if path.suffix == ".onnx":
            onnx.checker.check_model(onnx.load(path), full_check=True)
            sessions[path.stem] = onnxruntime.InferenceSession(str(path))
    # The batch alone may vary.
    for session in sessions.values():
        assert all(value.shape[0] == "N" for value in session.get_inputs() + session.get_outputs())
    given = {"image": trained.images, "label": trained.label}
    mean = feed(sessions["encoder"], **given)[0]
    outputs = [output.name for output in sessions["encoder"].get_outputs()]
    assert outputs == (["mean", "log_var"] if trained.is_variational else ["mean"])
    image = feed(sessions["decoder"], z=mean, label=trained.label)[0]
    score, heat = feed(sessions["score"], **given)
    trained.compare(mean, image, score)
    # The map is the squared error of each pixel.
    expected = ((trained.images - image) ** 2).sum(1)
    trained.hold("maps", np.abs(heat - expected).max(), 1e-4)
    about = sessions["score"].get_modelmeta().custom_metadata_map
    assert json.loads(about["classes"]) == CLASSES
    calibration = np.array(json.loads(about["calibration"])["scores"])
    # Printed scores are rounded, and some of these images calibrate: their scores are as high as their own.
    rounding = 1e-5 * (1 + trained.scores)
    low, high = ((1 + (calibration >= (trained.scores + by)[:, None]).sum(1)) / (1 + len(calibration)) for by in (rounding, -rounding))
    trained.hold("p-values", np.maximum(low - trained.p, trained.p - high).max(), 1e-6)
    trained.p_range = low[3], high[3]
    prior = folder / "prior.npy"
    if prior.exists():
        trained.call("sample", "-q", str(trained.run), "--n", "256", "--out", "samples.npy")
        drawn = feed(sessions["decoder"], z=np.load(prior), label=None)[0]
        trained.hold("levels of samples", np.abs(drawn.clip(0, 1) * 255 - trained.bytes("samples.npy")).max(), 0.51)
    return folder


def test_program(trained, folder):
    """Runs use.py as a person does."""
    path = trained.paths[3]
    words = [sys.executable, str(folder / "use.py"), str(path)]
    words += [path.parent.name] if "[condition]" in trained.config else []
    printed = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, cwd=trained.folder).stdout
    found = {line.split()[0]: np.array(line.split()[1:], float) for line in printed.splitlines()}
    trained.hold("latents of use.py", np.abs(found["latent"] - trained.means[3]).max(), 1e-4)
    low, high = trained.p_range
    trained.hold("p-values of use.py", max(low - found["p-value"][0], found["p-value"][0] - high), 1e-6)
    assert (trained.folder / "reconstruction.png").stat().st_size > 0


with tempfile.TemporaryDirectory() as place:
    count = 0
    for name, config, images in models(vae):
        if only and name not in only:
            continue
        trained = Trained(vae, pathlib.Path(place), name, config, images)
        folder = test(trained)
        if name in ("mlp", "class beside", "residual, colours", "autoencoder"):
            test_program(trained, folder)
        count += 1
    print(f"{count} models")
