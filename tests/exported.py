"""The models that tests/onnx.py and tests/huggingface.py export, and their numbers as `vae` prints them. Needs numpy and Pillow.

Together the models have every kind of layer, activation, likelihood, condition and prior; the presets come with the data replaced.
"""
import csv
import json
import pathlib
import re
import subprocess

import numpy as np
from PIL import Image

CLASSES = ["a", "b \"quoted\" 'name' \\ é"]
SETS = {"grey": (1, 28, 28), "colour": (3, 18, 20), "grey-64": (1, 64, 64), "colour-64": (3, 64, 64)}

DATA = """
[data.images]
size = [{}, {}]
channels = {}
fit = "crop"
pixels = "{}"
test = 0.25
calibration = 0.2
"""

EVERY_LAYER = """
[model.conv]
latent = 3
activation = "elu"
latent_activation = "tanh"
encoder = [
    { conv = 4, stride = 2, activation = "leaky-relu" },
    { norm = 2, activation = "silu" },
    { residual = 6, activation = "gelu" },
    { dropout = 0.1 },
    { pool = 3 },
    { dense = 5, activation = "softplus" },
    { norm = 1 },
]
decoder = [
    { dense = 150, shape = [6, 5, 5], activation = "sigmoid" },
    { residual = 6 },
    { upsample = 3, size = [14, 14] },
    { transposed = 4, kernel = 3, stride = 2, padding = 1, output_padding = 1 },
    { conv = 1, kernel = 2, activation = "none" },
]
"""

PADDINGS = """
[model.conv]
latent = 3
encoder = [
    { conv = 4, kernel = 5, stride = 2, padding = "valid" },
    { conv = 5, kernel = 4, stride = 3, padding = 2 },
    { conv = 5, kernel = 4, stride = 3 },
]
decoder = [
    { dense = 20, shape = [5, 2, 2] },
    { transposed = 6, kernel = 3, stride = 2, padding = "valid" },
    { transposed = 4, kernel = 2, stride = 3 },
    { transposed = 3, kernel = 3, stride = 2 },
    { conv = 1, kernel = 3, padding = "valid", activation = "none" },
]
"""

MLP = "[model.mlp]\nlatent = 4\nhidden = [24]\n"
RESNET = "[model.resnet]\nlatent = 5\nchannels = [8, 12]\n"
CONV = """
[model.conv]
latent = 4
encoder = [{ conv = 6, stride = 2 }, { conv = 8, stride = 2 }]
decoder = [{ dense = 392, shape = [8, 7, 7] }, { transposed = 6, stride = 2 }, { transposed = 1, stride = 2, activation = "none" }]
"""
REST = "\n[optimizer.adam]\n[train]\nepochs = 1\nbatch = 32\n"


def models(vae):
    """Yields the name, the config and the set of images of each model."""
    elbo = "[objective.elbo]\n"
    own = {
        "mlp": (MLP + "[likelihood.bernoulli]\n" + elbo, "grey", "threshold"),
        "every layer": (EVERY_LAYER + '[likelihood.gaussian]\nmean = "linear"\n' + elbo, "grey"),
        "paddings": (PADDINGS + "[likelihood.laplace]\n" + elbo, "grey"),
        "residual, colours": (RESNET + "[likelihood.discretised-logistic]\ncomponents = 3\n" + elbo, "colour"),
        "discretised logistic": (MLP + "[likelihood.discretised-logistic]\n" + elbo, "grey"),
        "continuous Bernoulli": (MLP + "[likelihood.continuous-bernoulli]\n" + elbo, "colour"),
        "learned sigma": (MLP + '[likelihood.gaussian]\nsigma = "learned"\n' + elbo, "grey"),
        "fixed sigma": (MLP + "[likelihood.gaussian]\nsigma = 0.3\n" + elbo, "grey"),
        "fixed scale": (MLP + '[likelihood.laplace]\nscale = 0.2\nmean = "linear"\n' + elbo, "grey"),
        "added class": (MLP + "[condition]\n[likelihood.bernoulli]\n" + elbo, "grey"),
        "class beside": (MLP + '[condition]\ndecoder = "concat"\nencoder = true\n[likelihood.bernoulli]\n' + elbo, "grey"),
        "class in the heads": (CONV + '[condition]\ndecoder = "concat"\nencoder = true\n[likelihood.bernoulli]\n' + elbo, "grey"),
        "vamp": (MLP + "[prior.vamp]\npseudo_inputs = 20\n[likelihood.bernoulli]\n" + elbo, "grey"),
        "hierarchical": (MLP + "[prior.hierarchical]\nlatent = 3\nhidden = [9, 8]\n[likelihood.bernoulli]\n" + elbo, "grey"),
        "autoencoder": (MLP + "[likelihood.gaussian]\nsigma = 0.7\n[objective.autoencoder]\n", "grey"),
    }
    for name, (config, images, *pixels) in own.items():
        yield name, data(images, *pixels) + config + REST, images
    presets = pathlib.Path(__file__).resolve().parent.parent / "configs"
    for preset in sorted(presets.glob("*.toml")):
        config = subprocess.run([vae, "config", preset.stem], check=True, stdout=subprocess.PIPE, text=True).stdout
        kind = {"beta-vae-sprites": "grey-64", "tiles-64": "grey-64", "emoji-64": "colour-64"}.get(preset.stem, "grey")
        # The data, the figures at the end and whatever lasts are left out.
        tables = re.split(r"\n(?=\[)", config)
        kept = [table for table in tables if not re.match(r"\[(data|augment|\[figures|figures|schedule)", table)]
        kept = "\n".join(kept).replace("[prior.vamp]\npseudo_inputs = 500", "[prior.vamp]\npseudo_inputs = 20")
        kept = re.sub(r"(?m)^epochs = \d+", "epochs = 1", kept)
        kept = re.sub(r"(?m)^batch = \d+", "batch = 64", kept)
        yield preset.stem, kept + "\n" + data(kind), kind


def data(images, pixels="grey"):
    channels, height, width = SETS[images]
    return DATA.format(height, width, channels, pixels)


def draw(folder, shape, count, seed):
    """Writes images with a blob and noise into a folder for each class."""
    rng, (channels, height, width) = np.random.default_rng(seed), shape
    rows, columns = np.mgrid[:height, :width]
    for i in range(count):
        y, x, size = rng.uniform(0.2, 0.8) * height, rng.uniform(0.2, 0.8) * width, rng.uniform(0.1, 0.3) * height
        blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / size**2)
        levels = blob[..., None] * rng.uniform(100, 255, channels) + rng.uniform(0, 20, (height, width, channels))
        path = folder / CLASSES[i % 2] / f"{i:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        levels = levels.clip(0, 255).astype(np.uint8)
        Image.fromarray(levels[..., 0] if channels == 1 else levels).save(path)


class Trained:
    """A model with the numbers that `vae` prints for new images."""

    def __init__(self, vae, folder, name, config, images):
        self.vae, self.name, self.folder = vae, name, folder / re.sub(r"\W", "-", name)
        self.folder.mkdir()
        self.shape = SETS[images]
        sets = {part: folder / images / part for part in ("train", "new")}
        for seed, (part, place) in enumerate(sets.items()):
            if not place.exists():
                draw(place, self.shape, {"train": 200, "new": 64}[part], seed)
        (self.folder / "mine.toml").write_text(config)
        self.run = self.folder / self.call("train", "-q", "--config", "mine.toml", "--data", str(sets["train"]), "--out", "runs").strip()
        self.config = config
        self.paths = sorted(sets["new"].rglob("*.png"))
        self.is_variational = "[objective.autoencoder" not in config
        self.call("embed", "-q", str(self.run), str(sets["new"]), "--out", "latents")
        with open(self.folder / "latents" / "latents.csv", newline="") as table:
            self.paths = [pathlib.Path(row["path"]) for row in csv.DictReader(table)]
        # The folder of new images has no names of its own for them.
        self.paths = [path if path.is_absolute() else sets["new"] / path for path in self.paths]
        self.means = np.load(self.folder / "latents" / "latents.npy")
        rows = csv.DictReader(self.call("score", "-q", str(self.run), str(sets["new"]), "--score", "error").splitlines())
        rows = list(rows)
        assert [pathlib.Path(row["path"]).name for row in rows] == [path.name for path in self.paths]
        self.scores, self.p = (np.array([float(row[key]) for row in rows]) for key in ("score", "p"))
        self.images = np.stack([self.read(path) for path in self.paths])
        self.label = np.eye(2, dtype=np.float32)[[CLASSES.index(path.parent.name) for path in self.paths]]
        # A table has the classes beside the latents.
        self.call("decode", "-q", str(self.run), "latents/latents.csv", "--out", "decoded.npy")
        self.decoded = self.bytes("decoded.npy")

    def call(self, *words):
        return subprocess.run([self.vae, *words], check=True, stdout=subprocess.PIPE, text=True, cwd=self.folder).stdout

    def bytes(self, name):
        levels = np.load(self.folder / name)
        return levels[:, None] if levels.ndim == 3 else levels.transpose(0, 3, 1, 2)

    def read(self, path):
        levels = np.asarray(Image.open(path), np.float32) / 255
        levels = (levels > 0.5).astype(np.float32) if 'pixels = "threshold"' in self.config else levels
        return levels[None] if levels.ndim == 2 else levels.transpose(2, 0, 1)

    def report(self):
        """Returns what `vae eval` measures on the new images."""
        samples = ["--samples-per-image", "64"]
        return json.loads(self.call("eval", "-q", str(self.run), str(self.paths[0].parent.parent), "--json", *samples))

    def compare(self, mean, image, score):
        """Holds numbers of another program against those of `vae`. Images are only known as bytes here; their error is not."""
        self.hold("latents", np.abs(mean - self.means).max(), 1e-4)
        levels = np.abs((image.clip(0, 1) * 255) - self.decoded).max()
        self.hold("levels of images", levels, 0.51)
        self.hold("scores", (np.abs(score - self.scores) / np.maximum(1, self.scores)).max(), 1e-4)

    def hold(self, what, difference, most):
        ok = difference <= most
        print(f"{'ok     ' if ok else 'FAILED '} {self.name}: {what} differ by {difference:.2g}", flush=True)
        if not ok:
            raise SystemExit(1)
