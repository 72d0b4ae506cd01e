#!/usr/bin/env python3
"""Judges the samples of models by a classifier that is trained apart, on real MNIST.

    python3 benches/judge.py --data DIR RUN... [--from prior --from mixture:10] [--n 10000] [--vae target/release/vae]

Trains a small convolutional network on MNIST's training images (a minute on two cores, 99 % of the test images right), and
prints for each run and each origin of the latents which share of the samples it is sure of: a probability of at least 0.9,
and of at least 0.99, for some digit. The test images, and the run's reconstructions of them from posterior means, are what a
perfect sampler could reach. A sure classifier does not make a good image, and it says nothing about variety, so the entropy
of the predicted classes is printed as well: 2.30 nats if all ten are equally frequent. Needs numpy and torch.
"""

import argparse
import gzip
import pathlib
import subprocess
import tempfile

import numpy
import torch
from torch import nn


def read(folder, name):
    for path in sorted(pathlib.Path(folder).glob(name + "*")):
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
        sizes = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
        return numpy.frombuffer(raw, numpy.uint8, offset=4 + 4 * raw[3]).reshape(sizes)
    raise SystemExit(f"{folder}: no file {name}*")


def batch(images):
    return torch.from_numpy(images.astype("float32") / 255).unsqueeze(1)


def trained(images, labels, epochs, seed):
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.25), nn.Linear(64 * 49, 128), nn.ReLU(), nn.Linear(128, 10),
    )
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(epochs):
        for indices in torch.randperm(len(images)).split(128):
            loss = nn.functional.cross_entropy(network(batch(images[indices])), torch.from_numpy(labels[indices]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


@torch.no_grad()
def probabilities(network, images):
    parts = range(0, len(images), 1000)
    return torch.cat([network(batch(images[i : i + 1000])).softmax(1) for i in parts])


def line(name, found):
    sure = found.max(1).values
    shares = torch.bincount(found.argmax(1), minlength=10) / len(found)
    entropy = -(shares * shares.clamp_min(1e-9).log()).sum()
    print(f"{name:42} {100 * (sure >= 0.9).float().mean():6.1f} % {100 * (sure >= 0.99).float().mean():6.1f} % {entropy:6.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--data", required=True)
    parser.add_argument("--from", dest="origins", action="append")
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--vae", default="target/release/vae")
    options = parser.parse_args()
    images, labels = read(options.data, "train-images"), read(options.data, "train-labels").astype("int64")
    test, truth = read(options.data, "t10k-images"), read(options.data, "t10k-labels")
    network = trained(images, labels, options.epochs, seed=1)
    found = probabilities(network, test)
    print(f"the classifier is right for {100 * (found.argmax(1).numpy() == truth).mean():.2f} % of the test images\n")
    print(f"{'sure of a digit with a probability of at least':42}    0.9     0.99   entropy")
    line("test images", found)
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "images.npy")

        def vae(*arguments):
            subprocess.run([options.vae, *arguments, "-q"], check=True, stdout=subprocess.DEVNULL)
            return numpy.load(out)

        for run in options.runs:
            subprocess.run([options.vae, "embed", "-q", run, "--data", options.data, "--out", folder], check=True, stdout=subprocess.DEVNULL)
            line(f"{run}: reconstructions", probabilities(network, vae("decode", run, f"{folder}/latents.npy", "--out", str(out))))
            for origin in options.origins or ["prior", "mixture:10"]:
                data = [] if origin == "prior" else ["--data", options.data]
                line(f"{run}: {origin}", probabilities(network, vae("sample", run, "--from", origin, *data, "--n", str(options.n), "--out", str(out))))


if __name__ == "__main__":
    main()
