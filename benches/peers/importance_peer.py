"""Estimates log p(x) by importance sampling in PyTorch, from a model file of the program. Run by importance.py.

    python3 importance_peer.py MODE CONFIG WEIGHTS --samples K --images N [--data DIR] [--shape B,K,FORM] ...

    torch          eager
    torch-compile  torch.compile of the log weights of B images and some of their samples of z

The estimate is log 1/K sum_k p(x, z_k) / q(z_k | x) of the first N test images, with the pixels that the program draws, in
float32 and without gradients. `--shape` gives the numbers of images and samples that are decoded together, and the form of
log p(x | z). Without it, the script tries several shapes and prints the fastest. With it, the script prints the estimate and
its seconds, from the images in memory to the last log p(x), after one warm-up of that shape.
"""

import argparse
import json
import math
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

import experiment as plan
import peer
import pixels

# The numbers of images and samples that are decoded together: hundreds to all samples of one image, as people do, or some
# samples of several images.
SHAPES = (1, 250), (1, 500), (1, 1000), (1, 5000), (20, 10), (20, 25), (20, 100), (100, 5), (100, 20), (100, 100)
# A compiler turns each form into a single loop, and needs seconds for each shape.
FORMS = {"torch": ("bce", "softplus", "product", "signs"), "torch-compile": ("softplus",)}
PATIENCE = 0.5  # seconds for each shape


def log_likelihood(logits, x, form):
    """Returns log p(x | z), `[K, B]`, for logits `[K, B, P]` and x `[B, P]` of zeros and ones."""
    if form == "bce":
        return -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(2)
    if form == "softplus":
        return (x * logits - F.softplus(logits)).sum(2)
    if form == "product":
        return torch.einsum("kbp,bp->kb", logits, x) - F.softplus(logits).sum(2)
    return -F.softplus(logits.mul_(1 - 2 * x)).sum(2)


def log_weights_of(model, mode):
    def log_weights(x, mean, log_var, latents, form):
        """Returns log p(x, z) - log q(z | x) of new samples of z, `[K, B]`."""
        noise = torch.randn(latents, *mean.shape)
        z = mean + noise * torch.exp(0.5 * log_var)  # [K, B, D]
        logits = model.decoder(z.flatten(0, 1)).view(latents, *x.shape)
        return log_likelihood(logits, x, form) + 0.5 * (noise * noise - z * z + log_var).sum(2)

    return torch.compile(log_weights, dynamic=False) if mode == "torch-compile" else log_weights


def divisor(number, most):
    """Returns the largest divisor of `number` up to `most`, so that no chunk is shorter and has to be compiled again."""
    return max(d for d in range(1, min(number, most) + 1) if number % d == 0)


def fastest(log_weights, model, x, options):
    """Returns the shape and form that decode most samples per second."""
    speeds = {}
    for images, latents in SHAPES:
        images, latents = divisor(len(x), images), divisor(options.samples, latents)
        for form in FORMS[options.mode]:
            some = x[:images]
            mean, log_var = model.encode(some)
            log_weights(some, mean, log_var, latents, form)
            start, runs = time.perf_counter(), 0
            while time.perf_counter() - start < PATIENCE:
                log_weights(some, mean, log_var, latents, form)
                runs += 1
            speeds[images, latents, form] = runs * images * latents / (time.perf_counter() - start)
    best = max(speeds, key=speeds.get)
    tried = {",".join(map(str, shape)): round(speed) for shape, speed in speeds.items()}
    return {"shape": ",".join(map(str, best)), "tried": tried}


def estimate(log_weights, model, x, samples, images, latents, form):
    """Returns log p(x) and the effective sample size of each image."""
    log_px, effective = [], []
    for some in x.split(images):
        mean, log_var = model.encode(some)
        each = [log_weights(some, mean, log_var, latents, form) for _ in range(samples // latents)]
        each = torch.cat(each).double()  # [K, B]
        total = torch.logsumexp(each, 0)
        log_px.append(total - math.log(samples))
        effective.append(torch.exp(2 * total - torch.logsumexp(2 * each, 0)))
    return torch.cat(log_px), torch.cat(effective)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=list(FORMS))
    parser.add_argument("config")
    parser.add_argument("weights")
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--shape")
    parser.add_argument("--data", default="data")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1, help="the seed of the samples of z")
    parser.add_argument("--pixels-seed", type=int, default=1, help="the program's seed, for the pixels")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    try:
        experiment = plan.read(options.config)
        levels = plan.test_images(options.data, options.images)
    except plan.Refused as error:
        sys.exit(f"error: {error}")
    levels = np.frombuffer(levels, np.uint8).reshape(-1, math.prod(experiment.network.image))
    x = torch.from_numpy(pixels.drawn(experiment.pixels, levels, options.pixels_seed))
    with torch.inference_mode():
        model = peer.torch_network(experiment.network, peer.read_weights(options.weights))
        log_weights = log_weights_of(model, options.mode)
        if options.shape is None:
            print(json.dumps(fastest(log_weights, model, x, options)))
            return
        images, latents, form = options.shape.split(",")
        shape = int(images), int(latents), form
        estimate(log_weights, model, x[: shape[0]], shape[1], *shape)
        start = time.perf_counter()
        log_px, effective = estimate(log_weights, model, x, options.samples, *shape)
        seconds = time.perf_counter() - start
    count = len(x)
    figures = {
        "seconds": seconds,
        "log_px": log_px.mean().item(),
        "log_px_se": log_px.std().item() / count**0.5,
        # The error from the sampling of z alone: Var log(mean w) is about 1/ESS - 1/K.
        "samples_se": (1 / effective - 1 / options.samples).clamp(min=0).sum().sqrt().item() / count,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
