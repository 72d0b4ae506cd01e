#!/usr/bin/env python3
"""Compares how fast photographs are read and fitted: `vae data` and torchvision's ImageFolder with a DataLoader.

    python3 benches/peers/loading.py [--images 10000] [--folder DIR] [--size 64] [--threads 2] [--rounds 3] [--vae target/release/vae]

Draws JPEGs of 640 x 480 into a temporary folder (noise of several scales, so that they have as many bytes as photographs), or
takes the folder `--folder`, whose JPEGs lie in a folder for each class; then times both programs in turn, in new processes: `vae data FOLDER --size N --no-cache` with `--threads`, and a
DataLoader with as many workers over ImageFolder with Resize, CenterCrop and PILToTensor, torch's own threads set to one.
Both read all images to their fitted bytes; the page cache holds the files for both. Prints the median seconds of each, and
their ratio. Needs torch, torchvision and Pillow (`requirements.txt`).
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

WIDTH, HEIGHT = 640, 480

PEER = """
import sys, time
import torch, torchvision
from torchvision import transforms
folder, size, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(1)
begin = time.perf_counter()
fit = transforms.Compose([transforms.Resize(size), transforms.CenterCrop(size), transforms.PILToTensor()])
images = torchvision.datasets.ImageFolder(folder, fit)
count = sum(len(batch) for batch, _ in torch.utils.data.DataLoader(images, batch_size=256, num_workers=workers))
print(count, time.perf_counter() - begin)
"""


def draw(folder, count):
    import numpy
    from PIL import Image

    random = numpy.random.default_rng(1)
    coarse = [random.integers(0, 256, (HEIGHT // scale, WIDTH // scale, 3), dtype="uint8") for scale in (160, 40, 8, 2)]
    layers = [numpy.asarray(Image.fromarray(noise).resize((WIDTH, HEIGHT)), dtype="float32") for noise in coarse]
    for index in range(count):
        folder_of_class = folder / str(index % 2)
        folder_of_class.mkdir(exist_ok=True)
        image = sum(
            weight * numpy.roll(layer, random.integers(0, 400, 2), (0, 1))
            for weight, layer in zip((0.5, 0.3, 0.15, 0.05), layers)
        )
        Image.fromarray(image.clip(0, 255).astype("uint8")).save(folder_of_class / f"{index}.jpg", quality=90)


def ours(options, folder):
    words = [options.vae, "data", folder, "--size", options.size, "--no-cache", "--json", "--quiet", "--threads", options.threads]
    begin = time.perf_counter()
    done = subprocess.run([str(word) for word in words], capture_output=True, check=True)
    seconds = time.perf_counter() - begin
    return json.loads(done.stdout)["summary"]["images"], seconds


def torchvision(options, folder):
    words = [sys.executable, "-c", PEER, folder, options.size, options.threads]
    begin = time.perf_counter()
    done = subprocess.run([str(word) for word in words], capture_output=True, check=True)
    whole = time.perf_counter() - begin
    count, seconds = done.stdout.split()
    return int(count), float(seconds), whole


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--vae", default="target/release/vae")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or pathlib.Path(name)
        if options.folder is None:
            draw(folder, options.images)
        sizes = [path.stat().st_size for path in folder.rglob("*.jpg")]
        print(f"{len(sizes)} JPEGs, {sum(sizes) / len(sizes) / 1000:.0f} kB each, to {options.size} x {options.size}")
        times = {"vae": [], "torchvision": []}
        for round_ in range(options.rounds):
            for program, measure in (("vae", ours), ("torchvision", torchvision)):
                count, seconds, *whole = measure(options, folder)
                if count != len(sizes):
                    sys.exit(f"error: {program} read {count} images; expected {len(sizes)}")
                times[program].append(seconds)
                beside = f" ({whole[0]:.1f} s with the imports)" if whole else ""
                print(f"round {round_ + 1}: {program} {seconds:.1f} s{beside}", flush=True)
        medians = {program: statistics.median(seconds) for program, seconds in times.items()}
        print(f"medians: vae {medians['vae']:.1f} s, torchvision {medians['torchvision']:.1f} s; "
              f"ours is {medians['torchvision'] / medians['vae']:.2f} times as fast")


if __name__ == "__main__":
    main()
