#!/usr/bin/env python3
"""Compares every preset with the same model written in PyTorch, following the original and not our TOML.

    python3 tests/presets/check.py [PRESET ...] [--data DIR] [--vae PATH] [--seeds 1,2,3] [--images N] [--threads N]

Both programs train each preset for one epoch (`conv-keras` for two, and the second counts) with three seeds (`vae-bce`
with nine) on the same images: all training images of MNIST for dense networks, the first 12 800 for convolutions, and
images generated here for `beta-vae-sprites`. The mean of our training losses must lie within 1 % of the mean of PyTorch's.
The 1 % does not include the constant that a likelihood adds for any weights. Order and noise differ between the programs.
PyTorch starts from our initial weights, after a check that they have the shapes and the spread of PyTorch's own. With
different weights each seed would end elsewhere (`beta-vae` between 256 and 277 nats), and three seeds could not resolve 1 %.

Needs torch, numpy and the four files of MNIST (in DIR, $VAE_DATA or data/). Exits with 1 if a preset fails. All presets take
about 20 minutes on two cores.
"""

import argparse
import gzip
import json
import math
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOLERANCE = 0.01
CONV_IMAGES = 12_800


# --- Layers with TensorFlow's padding


def same(length, kernel, stride):
    """Returns the zeros before and after for padding "same": output = input / stride, rounded up, with an odd zero last."""
    total = max((math.ceil(length / stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


class Conv(nn.Conv2d):
    """A convolution with padding "same"."""

    def __init__(self, inputs, outputs, kernel, stride=1):
        super().__init__(inputs, outputs, kernel, stride)

    def forward(self, x):
        rows, columns = (same(length, self.kernel_size[0], self.stride[0]) for length in x.shape[2:])
        return super().forward(F.pad(x, (*columns, *rows)))


class Transposed(nn.ConvTranspose2d):
    """The gradient of `Conv`: it cuts off as many rows as `Conv` adds zeros."""

    def __init__(self, inputs, outputs, kernel, stride=1):
        super().__init__(inputs, outputs, kernel, stride)

    def forward(self, x):
        height, width = (length * self.stride[0] for length in x.shape[2:])
        (top, _), (left, _) = (same(length, self.kernel_size[0], self.stride[0]) for length in (height, width))
        return super().forward(x)[:, :, top : top + height, left : left + width]


def glorot(model):
    for layer in model.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)


def image(channels, size):
    return nn.Unflatten(1, (channels, size, size))


# --- Models. Inputs and outputs are flat images; the outputs are logits, before the last sigmoid.


class Vae(nn.Module):
    def __init__(self, encoder, features, latent, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.mean, self.log_var = nn.Linear(features, latent), nn.Linear(features, latent)

    def encode(self, x):
        h = self.encoder(x)
        return self.mean(h), self.log_var(h)

    def decode(self, z, labels):
        return self.decoder(z)


class Conditional(Vae):
    """A VAE that adds the one-hot label to the latent, after a dense layer and a ReLU."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self.condition = nn.Linear(10, 8)

    def decode(self, z, labels):
        return self.decoder(z + F.relu(self.condition(F.one_hot(labels, 10).float())))


class Autoencoder(nn.Module):
    def __init__(self, latent):
        super().__init__()
        self.encoder, self.mean = nn.Sequential(nn.Linear(784, 256), nn.ReLU()), nn.Linear(256, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, 256), nn.ReLU(), nn.Linear(256, 784))

    def forward(self, x):
        return self.decoder(F.relu(self.mean(self.encoder(x))))


def mlp_tf():
    encoder = nn.Sequential(nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 200), nn.ReLU())
    decoder = nn.Sequential(nn.Linear(20, 200), nn.ReLU(), nn.Linear(200, 500), nn.ReLU(), nn.Linear(500, 784))
    return Vae(encoder, 200, 20, decoder)


def cvae_tf():
    encoder = nn.Sequential(
        image(1, 28), nn.Conv2d(1, 32, 3, 2), nn.ReLU(), nn.Conv2d(32, 64, 3, 2), nn.ReLU(), nn.Flatten()
    )
    decoder = nn.Sequential(
        nn.Linear(2, 7 * 7 * 32), nn.ReLU(), image(32, 7),
        Transposed(32, 64, 3, 2), nn.ReLU(), Transposed(64, 32, 3, 2), nn.ReLU(), Transposed(32, 1, 3), nn.Flatten(),
    )
    return Vae(encoder, 6 * 6 * 64, 2, decoder)


def mlp_keras():
    encoder = nn.Sequential(nn.Linear(784, 256), nn.ReLU())
    return Vae(encoder, 256, 2, nn.Sequential(nn.Linear(2, 256), nn.ReLU(), nn.Linear(256, 784)))


def deconv_keras():
    encoder = nn.Sequential(
        image(1, 28), Conv(1, 1, 2), nn.ReLU(), Conv(1, 64, 2, 2), nn.ReLU(), Conv(64, 64, 3), nn.ReLU(),
        Conv(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(14 * 14 * 64, 128), nn.ReLU(),
    )
    decoder = nn.Sequential(
        nn.Linear(2, 128), nn.ReLU(), nn.Linear(128, 14 * 14 * 64), nn.ReLU(), image(64, 14),
        Transposed(64, 64, 3), nn.ReLU(), Transposed(64, 64, 3), nn.ReLU(),
        nn.ConvTranspose2d(64, 64, 3, 2), nn.ReLU(), nn.Conv2d(64, 1, 2), nn.Flatten(),
    )
    return Vae(encoder, 128, 2, decoder)


def conv_keras():
    encoder = nn.Sequential(
        image(1, 28), Conv(1, 32, 3), nn.ReLU(), Conv(32, 64, 3, 2), nn.ReLU(), Conv(64, 64, 3), nn.ReLU(),
        Conv(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(14 * 14 * 64, 32), nn.ReLU(),
    )
    decoder = nn.Sequential(
        nn.Linear(2, 14 * 14 * 64), nn.ReLU(), image(64, 14),
        Transposed(64, 32, 3, 2), nn.ReLU(), Conv(32, 1, 3), nn.Flatten(),
    )
    return Vae(encoder, 32, 2, decoder)


def vae_keras_io():
    encoder = nn.Sequential(
        image(1, 28), Conv(1, 32, 3, 2), nn.ReLU(), Conv(32, 64, 3, 2), nn.ReLU(), nn.Flatten(),
        nn.Linear(7 * 7 * 64, 16), nn.ReLU(),
    )
    decoder = nn.Sequential(
        nn.Linear(2, 7 * 7 * 64), nn.ReLU(), image(64, 7),
        Transposed(64, 64, 3, 2), nn.ReLU(), Transposed(64, 32, 3, 2), nn.ReLU(), Transposed(32, 1, 3), nn.Flatten(),
    )
    return Vae(encoder, 16, 2, decoder)


def vae_of_ae(kind=Vae):
    encoder = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 8), nn.ReLU())
    return kind(encoder, 8, 8, nn.Sequential(nn.Linear(8, 256), nn.ReLU(), nn.Linear(256, 784)))


def beta_vae():
    encoder = nn.Sequential(
        image(1, 28), nn.Conv2d(1, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 32, 4, 2, 1), nn.ReLU(),
        nn.Conv2d(32, 32, 4, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 3 * 32, 256), nn.ReLU(),
    )
    decoder = nn.Sequential(
        nn.Linear(10, 256), nn.ReLU(), nn.Linear(256, 3 * 3 * 32), nn.ReLU(), image(32, 3),
        nn.ConvTranspose2d(32, 32, 4, 2, 1, 1), nn.ReLU(), nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Flatten(),
    )
    return Vae(encoder, 256, 10, decoder)


def beta_vae_sprites():
    down = lambda channels: [nn.Conv2d(channels, 32, 4, 2, 1), nn.ReLU()]
    up = [nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU()]
    encoder = nn.Sequential(
        image(1, 64), *down(1), *down(32), *down(32), *down(32), nn.Flatten(), nn.Linear(4 * 4 * 32, 256), nn.ReLU()
    )
    decoder = nn.Sequential(
        nn.Linear(10, 256), nn.ReLU(), nn.Linear(256, 4 * 4 * 32), nn.ReLU(), image(32, 4),
        nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Flatten(),
    )
    return Vae(encoder, 256, 10, decoder)


def mnist():
    encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU())
    return Vae(encoder, 400, 20, nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784)))


# --- Losses: one value per image, summed over pixels and latents, in nats


def bernoulli(out, x):
    return F.binary_cross_entropy_with_logits(out, x, reduction="none").sum(1)


def gaussian(sigma):
    return lambda out, x: -Normal(torch.sigmoid(out), sigma).log_prob(x).sum(1)


def analytic(reconstruction, beta=1.0):
    def loss(model, x, labels):
        mean, log_var = model.encode(x)
        z = mean + torch.exp(log_var / 2) * torch.randn_like(mean)
        kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)
        return reconstruction(model.decode(z, labels), x) + beta * kl

    return loss


def sampled(reconstruction):
    """Returns the loss -(log p(x|z) + log p(z) - log q(z|x)) for one sample of z."""

    def loss(model, x, labels):
        mean, log_var = model.encode(x)
        q = Normal(mean, torch.exp(log_var / 2))
        z = q.rsample()
        ratio = q.log_prob(z) - Normal(0.0, 1.0).log_prob(z)
        return reconstruction(model.decode(z, labels), x) + ratio.sum(1)

    return loss


def plain(reconstruction, noise=0.0):
    """Returns the loss of an autoencoder. The noise is added to the input; the target is the clean image."""
    return lambda model, x, labels: reconstruction(model(x + noise * torch.randn_like(x) if noise else x), x)


# --- Data

FILES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]


def read_idx(folder, name):
    """Reads an IDX file of bytes, plain or gzipped, as an array."""
    for place in (folder / "mnist", folder):
        for path, opened in ((place / name, open), (place / f"{name}.gz", gzip.open)):
            if path.is_file():
                with opened(path, "rb") as file:
                    data = file.read()
                sizes = struct.unpack_from(f">{data[3]}I", data, 4)
                return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(sizes)
    sys.exit(f"error: {folder}: no {name} there or in its folder mnist; pass `--data DIR`")


def write_mnist(folder, *arrays):
    """Writes training images and labels, then test images and labels, as the four files of MNIST."""
    folder.mkdir()
    for name, array in zip(FILES, arrays):
        head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        (folder / name).write_bytes(head + np.ascontiguousarray(array).tobytes())


def shapes(count):
    """Generates white rectangles and ellipses of random size, place and angle on black, [N, 64, 64]."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:64, 0:64]
    images = np.zeros((count, 64, 64), np.uint8)
    for image in images:
        angle, (cx, cy), (a, b) = rng.uniform(0, math.pi), rng.uniform(18, 46, 2), rng.uniform(5, 15, 2)
        u = (x - cx) * math.cos(angle) + (y - cy) * math.sin(angle)
        v = (y - cy) * math.cos(angle) - (x - cx) * math.sin(angle)
        inside = (u / a) ** 2 + (v / b) ** 2 < 1 if rng.random() < 0.5 else np.maximum(abs(u) / a, abs(v) / b) < 1
        image[inside] = 255
    return images


class Mnist:
    """The images for both programs: arrays for PyTorch, and files in MNIST's format with the same images for ours."""

    def __init__(self, source, folder, most):
        self.source, self.folder, self.most, self.made = source, folder, most, {}

    def images(self, case):
        """Returns training images [N, H, W] and labels [N], and the folder where our program finds them."""
        key = (min(case.images, self.most), case.drawn, case.with_test)
        if key not in self.made:
            self.made[key] = self.make(*key)
        return self.made[key]

    def make(self, count, drawn, with_test):
        tests = count // 5 if with_test else 500
        if drawn:
            x, y = shapes(count + tests), np.zeros(count + tests, np.uint8)
            (x, x_test), (y, y_test) = (np.split(array, [count]) for array in (x, y))
        else:
            x, y, x_test, y_test = (read_idx(self.source, name) for name in FILES)
            count -= tests if with_test else 0
            x, y, x_test, y_test = x[:count], y[:count], x_test[:tests], y_test[:tests]
        folder = self.folder / f"data-{len(self.made)}"
        write_mnist(folder, x, y, x_test, y_test)
        write_mnist(folder.with_name(folder.name + "-one"), x[:1], y[:1], x_test[:1], y_test[:1])
        if with_test:
            x, y = np.concatenate([x, x_test]), np.concatenate([y, y_test])
        return x, y, folder


# --- The presets


@dataclass
class Case:
    model: Callable[[], nn.Module]
    loss: Callable
    optimiser: Callable
    batch: int
    images: int = 60_000
    keras: bool = False  # whether weights are Glorot-uniform and biases zero
    threshold: bool = False
    with_test: bool = False  # whether training includes the test images
    drawn: bool = False  # whether the images are generated instead of MNIST
    constant: float = 0.0  # nats of the loss that do not depend on the weights
    epochs: int = 1  # the last epoch is compared
    seeds: tuple = (1, 2, 3)


def adam(learning_rate, epsilon=1e-8):
    return lambda parameters: torch.optim.Adam(parameters, lr=learning_rate, betas=(0.9, 0.999), eps=epsilon)


def rmsprop(parameters):
    """Returns RMSprop as in Keras 2: rho 0.9, epsilon 1e-7 outside the root, as PyTorch has it."""
    return torch.optim.RMSprop(parameters, lr=1e-3, alpha=0.9, eps=1e-7)


def constant(sigma):
    return 784 * (math.log(sigma) + 0.5 * math.log(2 * math.pi))


HALF = math.sqrt(0.5)  # with this sigma a Gaussian's -log p is the squared error plus a constant
SQUARED = {"batch": 32, "constant": constant(HALF)}
CONV = {"images": CONV_IMAGES}
TF_CONV = {"images": CONV_IMAGES, "keras": True}
CASES = {
    "mnist": Case(mnist, analytic(bernoulli), adam(1e-3), 128),
    "mlp-tf": Case(mlp_tf, analytic(bernoulli), adam(1e-3), 128, keras=True),
    "mlp-tf-gaussian": Case(mlp_tf, analytic(gaussian(0.1)), adam(1e-3), 128, keras=True, constant=constant(0.1)),
    "cvae-tf": Case(cvae_tf, sampled(bernoulli), adam(1e-4, 1e-7), 32, threshold=True, **TF_CONV),
    "mlp-keras": Case(mlp_keras, analytic(bernoulli), rmsprop, 100, keras=True),
    "deconv-keras": Case(deconv_keras, analytic(bernoulli), rmsprop, 100, **TF_CONV),
    # The first steps of RMSprop are as large as the learning rate allows and raise the variances before they fall again.
    # The mean of the first epoch shows little but this peak, whose height varies.
    "conv-keras": Case(conv_keras, analytic(bernoulli, 784 * 5e-4), rmsprop, 16, epochs=2, **TF_CONV),
    "vae-keras-io": Case(vae_keras_io, analytic(bernoulli), adam(1e-3, 1e-7), 128, with_test=True, **TF_CONV),
    "ae-8": Case(lambda: Autoencoder(8), plain(gaussian(HALF)), adam(1e-3), **SQUARED),
    "ae-32": Case(lambda: Autoencoder(32), plain(gaussian(HALF)), adam(1e-3), **SQUARED),
    "ae-denoise": Case(lambda: Autoencoder(32), plain(gaussian(HALF), 0.5), adam(1e-3), **SQUARED),
    "vae-mse": Case(vae_of_ae, analytic(gaussian(HALF), 3.0), adam(1e-3), **SQUARED),
    # Order and noise decide how many of the eight ReLUs before the latents die, so runs with the same weights differ by up
    # to 7 nats.
    "vae-bce": Case(vae_of_ae, analytic(bernoulli), adam(1e-3), 32, seeds=range(1, 10)),
    "cvae": Case(lambda: vae_of_ae(Conditional), analytic(gaussian(HALF), 3.0), adam(1e-3), **SQUARED),
    "beta-vae": Case(beta_vae, analytic(bernoulli, 4.0), adam(5e-4), 64, **CONV),
    "beta-vae-sprites": Case(beta_vae_sprites, analytic(bernoulli, 4.0), adam(5e-4), 64, drawn=True, **CONV),
}


class Refused(Exception):
    """Our weights do not look like weights that PyTorch draws."""


def take(model, tensors):
    """Replaces the model's initial weights by ours. Raises Refused if shapes or spreads differ."""
    # An autoencoder has no variance; ours has the layer for it, but does not use it.
    rest = {name for name in tensors if hasattr(model, "log_var") or not name.startswith("log_var.")}
    for part in ("encoder", "mean", "log_var", "condition", "decoder"):
        layers = [layer for layer in getattr(model, part, nn.Identity()).modules() if hasattr(layer, "weight")]
        for i, layer in enumerate(layers):
            prefix = f"{part}.{i}" if part in ("encoder", "decoder") else part
            for name, own in ((f"{prefix}.weight", layer.weight.data), (f"{prefix}.bias", layer.bias.data)):
                if name not in tensors or tensors[name].shape != own.shape:
                    given = tuple(tensors[name].shape) if name in tensors else "not there"
                    raise Refused(f"{name} is {tuple(own.shape)}, ours {given}")
                rest.remove(name)
                # The limit is five standard errors of the ratio of two root mean squares of uniform numbers; a few numbers
                # are not enough to compare.
                size, our_size = (values.double().square().mean().sqrt().item() for values in (own, tensors[name]))
                if own.numel() >= 16 and abs(our_size - size) > 3.2 / math.sqrt(own.numel()) * size + 1e-20:
                    raise Refused(f"{name} is {size:.4g} wide, ours {our_size:.4g}")
                own.copy_(tensors[name])
    if rest:
        raise Refused(f"only ours has {', '.join(sorted(rest))}")


def theirs(case, images, labels, seed, tensors):
    """Trains in PyTorch. Returns the mean loss over the last epoch, while the weights change."""
    torch.manual_seed(seed)
    model = case.model()
    if case.keras:
        glorot(model)
    take(model, tensors)
    x = torch.tensor(images.reshape(len(images), -1)).float() / 255
    x = (x > 0.5).float() if case.threshold else x
    labels = torch.tensor(labels.astype(np.int64))
    optimiser = case.optimiser(model.parameters())
    for _ in range(case.epochs):
        total = 0.0
        for index in torch.randperm(len(x)).split(case.batch):
            losses = case.loss(model, x[index], labels[index])
            optimiser.zero_grad()
            losses.mean().backward()
            optimiser.step()
            total += losses.detach().double().sum().item()
    return total / len(x)


def read_weights(path):
    """Returns the tensors of a safetensors file."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__")
    tensors = {}
    for name, tensor in header.items():
        first, last = (start + offset for offset in tensor["data_offsets"])
        tensors[name] = torch.tensor(np.frombuffer(data[first:last], np.float32)).reshape(tensor["shape"])
    return tensors


def run(name, case, data, epochs, seed, options, out, *more):
    """Runs our program. Returns the folder of the run."""
    command = [options.vae, "train", "--quiet", "--config", name, "--epochs", epochs, "--seed", seed, "--data", data]
    command += ["--threads", options.threads, "--out", out, "--name", f"{name}-{seed}", *more]
    command += ["--set", "figures=[]"]
    command += ["--set", "data.mnist.pixels=grey"] if case.drawn else []
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {name}: vae ended with {done.returncode}:\n{done.stderr}")
    return out / f"{name}-{seed}"


def ours(name, case, data, seed, options, folder):
    """Returns our mean loss over the last epoch and our initial weights, read after an epoch at a vanishing learning rate."""
    first = run(name, case, data.with_name(data.name + "-one"), 1, seed, options, folder / "first", "--set", "train.learning_rate=1e-30")
    trained = run(name, case, data, case.epochs, seed, options, folder / "runs")
    records = map(json.loads, (trained / "metrics.jsonl").read_text().splitlines())
    loss = [record["loss"] for record in records if record["split"] == "train"][-1]
    return loss, read_weights(first / "model.safetensors")


def check(name, options, mnist, folder):
    case = CASES[name]
    images, labels, data = mnist.images(case)
    a, b = [], []
    try:
        for seed in options.seeds or case.seeds:
            loss, first = ours(name, case, data, seed, options, folder)
            a.append(loss)
            b.append(theirs(case, images, labels, seed, first))
    except Refused as error:
        print(f"FAIL  {name:<17} {error}", flush=True)
        return False
    size = statistics.mean(b) - case.constant
    gap = (statistics.mean(a) - statistics.mean(b)) / size
    text = lambda values: " ".join(f"{value:.2f}" for value in values)
    verdict = "PASS" if abs(gap) <= TOLERANCE else "FAIL"
    print(f"{verdict}  {name:<17} {gap:+7.2%}  ours {text(a)}, PyTorch {text(b)}, {len(images)} images", flush=True)
    return verdict == "PASS"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = lambda text: [int(number) for number in text.split(",")]
    parser.add_argument("presets", nargs="*", metavar="PRESET", help=f"presets to check, from {', '.join(CASES)} (default: all)")
    parser.add_argument("--data", type=pathlib.Path, default=os.environ.get("VAE_DATA", ROOT / "data"))
    parser.add_argument("--vae", type=pathlib.Path, help="use this binary of ours (default: build it)")
    parser.add_argument("--seeds", type=numbers, help="train with these seeds (default 1,2,3; for vae-bce 1 to 9)")
    parser.add_argument("--images", type=int, default=60_000, help="use at most N training images, for a quick look")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="number of threads for each program (default: all cores)")
    options = parser.parse_args()
    if unknown := set(options.presets) - set(CASES):
        parser.error(f"{', '.join(sorted(unknown))}: expected some of {', '.join(CASES)}")
    if options.vae is None:
        subprocess.run(["cargo", "build", "--release", "--manifest-path", ROOT / "Cargo.toml"], check=True)
        options.vae = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "vae"
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory(prefix="vae-presets-") as folder:
        mnist = Mnist(pathlib.Path(options.data), pathlib.Path(folder), options.images)
        passed = [check(name, options, mnist, pathlib.Path(folder)) for name in options.presets or CASES]
    print(f"{sum(passed)} of {len(passed)} within {TOLERANCE:.0%}")
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
