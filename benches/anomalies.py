#!/usr/bin/env python3
"""Compares the scores of `vae score` with other detectors on the same pixels, and counts how well its promise is kept.

    python3 benches/anomalies.py detect   --tiles DIR | --mnist DIR [--digits 0,1,...] [--vae target/release/vae] [--set KEY=VALUE]
    python3 benches/anomalies.py coverage --tiles DIR | --mnist DIR [--divisions 200]

`--tiles` names the magnetic tiles in MVTec's layout, `--mnist` the folder of MNIST's four files. `detect` trains a model on
normal images, and prints for every score the area under the ROC curve with its error by the bootstrap: by kind of defect on the
tiles, and with each digit as the abnormal one on MNIST (ten models, each of 6000 training images). PyOD's VAE, and
scikit-learn's principal components and isolation forest, are trained on all normal training images, ours on those that are
left when it has set aside some to choose the epoch and to calibrate. `coverage` divides normal images that no model has
seen into calibration and test images, as often as `--divisions` says, and prints the share that is flagged.
Needs numpy, pillow, scikit-learn and pyod (which needs torch).
"""

import argparse
import gzip
import json
import pathlib
import re
import subprocess
import sys
import time
import tomllib

import numpy
from PIL import Image

SCORES = ("elbo", "reconstruction", "error", "complexity", "map", "kl", "iw")
SLOW = ("regret",)
RATES = (0.01, 0.05, 0.1)
SIDE = 64
# The network for MNIST; for the tiles, the program chooses.
DENSE = pathlib.Path(__file__).resolve().parent / "networks" / "without-a-digit.toml"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("what", choices=["detect", "coverage"])
    add("--tiles", type=pathlib.Path, metavar="DIR")
    add("--mnist", type=pathlib.Path, metavar="DIR")
    add("--digits", type=lambda text: [int(digit) for digit in text.split(",")], default=list(range(10)))
    add("--divisions", type=int, default=200, help="divisions into calibration and test images (default 200)")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="change a value of the config, as in `vae train`")
    add("--slow", action="store_true", help="also the score `regret`, which fits a posterior to every image")
    add("--no-peers", action="store_true", help="leave the other detectors out")
    add("--seed", type=int, default=1)
    add("--work", type=pathlib.Path, default=pathlib.Path("target/anomalies"), help="folder of the images and runs")
    add("--vae", type=pathlib.Path, default=pathlib.Path("target/release/vae"), help="our program")
    options = parser.parse_args()
    if (options.tiles is None) == (options.mnist is None):
        parser.error("name either --tiles or --mnist")
    options.vae = options.vae.resolve()
    return options


# ---------------------------------------------------------------------------------------------------------------- images


def tile(path):
    """Returns a tile as a square, the whole image on black."""
    image = Image.open(path).convert("L")
    scale = SIDE / max(image.size)
    size = [max(1, round(length * scale)) for length in image.size]
    square = Image.new("L", (SIDE, SIDE))
    square.paste(image.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR),
                 [(SIDE - length) // 2 for length in size])
    return numpy.asarray(square)


def tiles(folder):
    """Returns the training images and the test images by kind, `[N, H, W]` in bytes."""
    read = lambda place: numpy.stack([tile(path) for path in sorted(place.iterdir())])
    kinds = {place.name: read(place) for place in sorted((folder / "test").iterdir())}
    return read(folder / "train" / "good"), kinds


def idx(folder, name):
    for path in sorted(folder.glob(name + "*")):
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
        sizes = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
        return numpy.frombuffer(raw, numpy.uint8, offset=4 + 4 * raw[3]).reshape(sizes)
    raise SystemExit(f"{folder}: no file {name}*")


def without_digit(folder, digit, count=6000):
    """Returns training images without a digit, and all test images in two kinds."""
    x, y = idx(folder, "train-images"), idx(folder, "train-labels")
    test, classes = idx(folder, "t10k-images"), idx(folder, "t10k-labels")
    return x[y != digit][:count], {"good": test[classes != digit], str(digit): test[classes == digit]}


def write(folder, images):
    if folder.exists():
        return
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:05}.png")


# ------------------------------------------------------------------------------------------------------------------ ours


def run(options, *words):
    done = subprocess.run([options.vae, *map(str, words)], capture_output=True, text=True, cwd=options.work)
    if done.returncode:
        sys.exit(f"vae {' '.join(map(str, words))}: {done.stderr}")
    return done


def distinct(options, name):
    """Returns the name with the settings, so that what is kept of other settings is not taken."""
    settings = [f"seed-{options.seed}", *options.set]
    return "-".join([name, *(re.sub("[^A-Za-z0-9.]+", "-", setting) for setting in settings)])


def train(options, name, place):
    if not (options.work / "runs" / name).exists():
        start = time.monotonic()
        words = [word for change in options.set for word in ("--set", change)]
        if options.mnist:
            words += ["--config", DENSE]
        run(options, "train", "--data", place, "--name", name, "--seed", options.seed, *words)
        print(f"{name}: trained in {time.monotonic() - start:.0f} s", file=sys.stderr)
    return f"runs/{name}"


def scores(options, model, place, name):
    """Returns the scores of a folder's images, which are kept in the work folder."""
    kept = options.work / "scores" / f"{model.replace('/', '-')}-{place.name}-{name}.json"
    if not kept.exists():
        done = run(options, "score", model, place, "--score", name, "--fdr", 0.1, "--json")
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps([image["score"] for image in json.loads(done.stdout)["images"]]))
    return numpy.array(json.loads(kept.read_text()), float)


# ----------------------------------------------------------------------------------------------------------------- peers


def peers(train_images, kinds, latents, seed):
    """Returns the scores of each peer by kind."""
    from pyod.models.vae import VAE
    from sklearn.decomposition import PCA
    from sklearn.ensemble import IsolationForest

    flat = lambda images: images.reshape(len(images), -1).astype("float32") / 255
    x = flat(train_images)
    def error(components):
        pca = PCA(components, random_state=seed).fit(x)
        return lambda images: ((images - pca.inverse_transform(pca.transform(images))) ** 2).sum(1)

    forest = IsolationForest(random_state=seed).fit(x)
    judges = {
        "PyOD VAE": VAE(random_state=seed, verbose=0).fit(x).decision_function,
        f"sklearn PCA, {latents} components": error(latents),
        f"sklearn PCA, {2 * latents} components": error(2 * latents),
        "sklearn isolation forest": lambda images: -forest.score_samples(images),
    }
    return {name: {kind: judge(flat(images)) for kind, images in kinds.items()} for name, judge in judges.items()}


# --------------------------------------------------------------------------------------------------------------- figures


def areas(normal, abnormal, seed, resamples=200):
    """Returns the area under the ROC curve, and those of resamples, which are the same for scores of equally many images."""
    from sklearn.metrics import roc_auc_score

    random = numpy.random.default_rng(seed)
    truth = numpy.r_[numpy.zeros(len(normal)), numpy.ones(len(abnormal))]
    area = lambda a, b: roc_auc_score(truth, numpy.r_[a, b])
    drawn = []
    for _ in range(resamples):
        drawn.append(area(random.choice(normal, len(normal)), random.choice(abnormal, len(abnormal))))
    return area(normal, abnormal), numpy.array(drawn)


def detect_set(options, name, train_images, kinds):
    """Returns the areas of each detector by kind, and those of their resamples."""
    name = distinct(options, name)
    place = options.work / name
    write(place / "train" / "good", train_images)
    for kind, images in kinds.items():
        write(place / "test" / kind, images)
    model = train(options, name, place.resolve())
    found = {}
    for score in SCORES + SLOW * options.slow:
        found[score] = {kind: scores(options, model, place.resolve() / "test" / kind, score) for kind in kinds}
    if not options.no_peers:
        network = tomllib.loads((options.work / model / "config.toml").read_text())["model"]
        (settings,) = network.values()
        found |= peers(train_images, kinds, settings["latent"], options.seed)
    found["size of the PNG"] = {
        kind: numpy.array([path.stat().st_size for path in sorted((place / "test" / kind).iterdir())]) for kind in kinds
    }
    results = {}
    for detector, by_kind in found.items():
        abnormal = {kind: values for kind, values in by_kind.items() if kind != "good"}
        if len(abnormal) > 1:
            abnormal["all"] = numpy.concatenate(list(abnormal.values()))
        results[detector] = {kind: areas(by_kind["good"], values, options.seed) for kind, values in abnormal.items()}
    return results


def detect(options):
    if options.tiles:
        results = detect_set(options, "tiles", *tiles(options.tiles))
    else:
        results = {}
        for digit in options.digits:
            one = detect_set(options, f"without-{digit}", *without_digit(options.mnist, digit))
            for detector, by_kind in one.items():
                results.setdefault(detector, {}).update(by_kind)
        for by_kind in results.values():
            # The digits share their normal test images, so that the errors of the ten areas do not give that of the mean.
            by_kind["mean"] = numpy.mean([area for area, _ in by_kind.values()]), None
    kinds = list(next(iter(results.values())))
    print(f"\n| | {' | '.join(kinds)} |\n|---{'|---:' * len(kinds)}|")
    for detector, by_kind in results.items():
        error = lambda drawn: "" if drawn is None else f" ± {drawn.std(ddof=1):.3f}"
        cells = [f"{area:.3f}{error(drawn)}" for area, drawn in by_kind.values()]
        print(f"| {detector} | {' | '.join(cells)} |")


def coverage(options):
    if options.tiles:
        images, kinds = tiles(options.tiles)
        normal = numpy.concatenate([images, kinds["good"]])
        normal = normal[numpy.random.default_rng(options.seed).permutation(len(normal))]
        training, held, name, calibrating = normal[190:], normal[:190], "normal-tiles", 120
    else:
        training, held = idx(options.mnist, "train-images")[:6000], idx(options.mnist, "t10k-images")[:2000]
        name, calibrating = "normal-digits", 1000
    name = distinct(options, name)
    random = numpy.random.default_rng(options.seed)
    divisions = [random.permutation(len(held)) for _ in range(options.divisions)]
    place = options.work / name
    write(place / "train", training)
    for part, chosen in zip(("calibrate", "new"), numpy.split(divisions[0], [calibrating])):
        write(place / part, held[chosen])
    model = train(options, name, (place / "train").resolve())
    print(f"\n{len(held)} normal images, {calibrating} of them calibrate, in {options.divisions} divisions")
    print("\n| score | " + " | ".join(f"{100 * rate:g} %" for rate in RATES) + " | above 5 % with `--confidence 0.95` |")
    print("|---" + "|---:" * (len(RATES) + 1) + "|")
    for score in SCORES + SLOW:
        done = run(options, "calibrate", model, "--normal", place / "calibrate", "--score", score)
        file = json.loads((options.work / model / "calibration.json").read_text())
        report = json.loads(run(options, "score", model, place / "new", "--score", score, "--fpr", 0.05, "--json").stdout)
        values = numpy.empty(len(held))
        values[divisions[0][:calibrating]] = calibration_scores(file, score)
        values[divisions[0][calibrating:]] = [image["score"] for image in report["images"]]
        # The program's own p-values are those that are counted below.
        expected = p_values(values, divisions[0], calibrating)
        difference = numpy.abs([image["p"] for image in report["images"]] - expected).max()
        if difference > 1e-6:
            sys.exit(f"{score}: the p-values differ by {difference}: {done.stderr}")
        print(f"| {score} | {' | '.join(covered(values, divisions, calibrating))} |", flush=True)


def calibration_scores(file, score):
    return file["scores"][score]["scores"]


def p_values(values, division, calibrating):
    kept, new = values[division[:calibrating]], values[division[calibrating:]]
    return (1 + (kept[None, :] >= new[:, None]).sum(1)) / (calibrating + 1)


def covered(values, divisions, calibrating):
    """Returns the share that is flagged at each rate with its error, and how often a confident promise is broken."""
    from scipy.stats import beta, betabinom

    # With rank k, the rate of false alarms is Beta(k, n + 1 - k)-distributed: the largest k that keeps 5 % in 95 % of the cases.
    rank = max(k for k in range(1, calibrating) if beta.sf(0.05, k, calibrating + 1 - k) <= 0.05)
    shares, broken = {rate: [] for rate in RATES}, 0
    for division in divisions:
        p = p_values(values, division, calibrating)
        for rate in RATES:
            shares[rate].append((p <= rate).mean())
        broken += (p <= rank / (calibrating + 1)).mean() > 0.05
    cells = []
    for rate in RATES:
        share = 100 * numpy.array(shares[rate])
        cells.append(f"{share.mean():.2f} ± {share.std(ddof=1) / len(share) ** 0.5:.2f} %")
    # Few images are above 5 % by chance more often than many.
    images = len(values) - calibrating
    chance = betabinom.sf(numpy.floor(0.05 * images), images, rank, calibrating + 1 - rank)
    return cells + [f"{broken} of {len(divisions)} (expected {len(divisions) * chance:.0f})"]


if __name__ == "__main__":
    options = arguments()
    options.work.mkdir(parents=True, exist_ok=True)
    options.work = options.work.resolve()
    detect(options) if options.what == "detect" else coverage(options)
