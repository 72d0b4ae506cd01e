#!/usr/bin/env python3
"""Tests what the program writes for TensorBoard with TensorBoard itself: python3 tests/tensorboard.py VAE.

Trains the preset `smoke` with `--log tensorboard`, and reads scalars, images and histograms back with TensorBoard's own reader
and from its web server; does the same for `vae export`, for a training that was killed and resumed while TensorBoard was looking
on, and for the files of `vae embed --projector`. TensorBoard, NumPy and Pillow are installed into an environment of their own; if
they cannot be, the test is skipped with a message.
"""
import csv
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

PACKAGES = ["tensorboard", "numpy", "pillow"]
SMOKE = ["train", "-q", "--config", "smoke", "--epochs", "6", "--set", "data.digits.validation=100", "--threads", "1"]
LOGGED = [*SMOKE, "--log", "tensorboard"]
KEYS = ["loss", "elbo", "elbo_se", "reconstruction", "kl", "learning_rate", "seconds", "images_per_second"]


def hold(holds, text):
    print(("ok      " if holds else "FAILED  ") + text, flush=True)
    if not holds:
        sys.exit(1)


def with_packages(folder):
    """Returns a Python that has the packages, or None if they cannot be installed."""
    python = pathlib.Path(folder) / "venv" / "bin" / "python"
    commands = [[sys.executable, "-m", "venv", str(python.parent.parent)],
                [str(python), "-m", "pip", "install", "-q", *PACKAGES]]
    made = all(subprocess.run(command, capture_output=True).returncode == 0 for command in commands)
    return str(python) if made else None


if len(sys.argv) == 2:
    with tempfile.TemporaryDirectory() as folder:
        python = with_packages(folder)
        if python is None:
            print(f"skipped: TensorBoard, because pip cannot install {', '.join(PACKAGES)}")
            sys.exit(0)
        sys.exit(subprocess.run([python, __file__, sys.argv[1], folder]).returncode)

# This file is called like the package.
sys.path = [folder for folder in sys.path if pathlib.Path(folder).resolve() != pathlib.Path(__file__).resolve().parent]

import numpy as np
from google.protobuf import text_format
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

vae, place = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2])
output = lambda *command: subprocess.run(
    [vae, *map(str, command)], check=True, stdout=subprocess.PIPE, text=True, cwd=place).stdout
single = lambda value: float(np.float32(value))


def reader(folder):
    """Returns TensorBoard's reader of a folder, which keeps every event."""
    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0, "histograms": 0, "tensors": 0})


def read(folder):
    """Returns all that a folder has: by kind and tag, a list of step and value."""
    events = reader(folder)
    events.Reload()
    tags = events.Tags()
    scalars = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags["scalars"]}
    images = {tag: [(event.step, event.encoded_image_string) for event in events.Images(tag)] for tag in tags["images"]}
    counts = lambda value: (value.min, value.max, value.num, value.sum, value.sum_squares, *value.bucket_limit, *value.bucket)
    histograms = {tag: [(event.step, counts(event.histogram_value)) for event in events.Histograms(tag)]
                  for tag in tags["histograms"]}
    return {"scalars": scalars, "images": images, "histograms": histograms}


def logged(run):
    """Returns all that a run's log has, by split."""
    return {folder.name: read(folder) for folder in (run / "tensorboard").iterdir()}


def timeless(log):
    """Returns a log without the numbers that differ between two trainings that do the same."""
    for split in log.values():
        for tag in ["seconds", "images_per_second"]:
            del split["scalars"][tag]
    return log


def records(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


class Server:
    """TensorBoard's web server, as a person starts it."""

    def __init__(self, folder):
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", "0", "--reload_interval", "1"]
        self.process = subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if found := re.search(r"http://\S+?:\d+/", line):
                self.address = found.group(0)
                break

    def get(self, path, **query):
        with urllib.request.urlopen(f"{self.address}data/plugin/{path}?{urllib.parse.urlencode(query)}") as answer:
            return answer.read()

    def wait_for(self, expected, path, **query):
        """Returns the first answer for which `expected` holds, or the last one after 20 seconds."""
        for _ in range(80):
            try:
                answer = json.loads(self.get(path, **query))
                if expected(answer):
                    return answer
            except urllib.error.HTTPError as error:
                answer = error
            time.sleep(0.25)
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def check_log():
    run = place / output(*LOGGED, "--name", "logged").strip()
    plain = place / output(*SMOKE, "--name", "plain").strip()
    same = (run / "model.safetensors").read_bytes() == (plain / "model.safetensors").read_bytes()
    hold(same, "with the log and without it the model has the same bytes")
    log, lines = logged(run), records(run)
    hold(sorted(log) == ["test", "train", "validation"], "a folder for each split")
    for split, found in log.items():
        own = [line for line in lines if line["split"] == split]
        for key in [key for key in KEYS if any(line.get(key) is not None for line in own)]:
            expected = [(line["step"], single(line[key])) for line in own]
            hold(found["scalars"][key] == expected, f"{split}/{key}: the {len(expected)} numbers of metrics.jsonl")
        events = reader(run / "tensorboard" / split)
        events.Reload()
        times = [event.wall_time for event in events.Scalars("elbo")]
        hold(times == [line["timestamp"] for line in own], f"{split}: the times of the records")
    train = [line for line in lines if line["split"] == "train"]
    for layer in train[0]["gradient_norms"]:
        expected = [(line["step"], single(line["gradient_norms"][layer])) for line in train]
        hold(log["train"]["scalars"][f"gradient_norms/{layer}"] == expected, f"the gradient norm of {layer}")
    hold(log["train"]["scalars"]["epoch"] == [(line["step"], line["epoch"]) for line in train], "the epochs")
    for tag in ["samples", "reconstructions"]:
        expected = [(line["step"], (run / tag / f"epoch-{line['epoch']:04}.png").read_bytes()) for line in train]
        hold(log["test"]["images"][tag] == expected, f"the {len(expected)} images of {tag}")
    output("embed", "logged")
    means = np.load(run / "latents.npy").astype(np.float64)
    for latent, values in enumerate(means.T):
        [(step, found)] = log["test"]["histograms"][f"posterior_means/z{latent}"]
        moments, buckets = found[:5], np.array(found[5:]).reshape(2, -1)
        hold(step == lines[-1]["step"] and np.allclose(
            moments, (values.min(), values.max(), len(values), values.sum(), (values**2).sum())), f"z{latent}: its moments")
        below = np.cumsum(buckets[1])
        hold(all(count == (values <= end + 1e-9).sum() for count, end in zip(below, buckets[0])), f"z{latent}: its buckets")
    written = output("export", "logged", "--to", "tensorboard").split()
    filled = [path for path in (run / "tensorboard").glob("*/*") if path.stat().st_size > 0]
    hold(sorted(filled) == sorted(place / path for path in written), "an export replaces the log, and prints the paths")
    hold(logged(run) == log, "an export has the same events as the log")
    return run, log


def check_kill(log):
    with Server(place / "runs" / "killed") as server:
        folder = place / "runs" / "killed"
        child = subprocess.Popen([vae, *LOGGED, "--name", "killed", "--set", "train.save_every=0"], cwd=place,
                                 stdout=subprocess.DEVNULL)
        while not (folder / "metrics.jsonl").exists() or len(records_so_far(folder)) < 7:
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        child.wait()
        watching = reader(folder / "tensorboard" / "test")
        watching.Reload()
        before = len(watching.Scalars("elbo"))
        hold(2 <= before < 6, f"killed after {before} of 6 epochs")
        query = {"run": "tensorboard/test", "tag": "elbo"}
        server.wait_for(lambda points: len(points) >= before, "scalars/scalars", **query)
        output("train", "-q", "--resume", "killed", "--log", "tensorboard", "--threads", "1")
        expected = log["test"]["scalars"]["elbo"]
        hold(timeless(logged(folder)) == log, "killed and resumed, the events are those of an unbroken training")
        watching.Reload()
        found = [(event.step, event.value) for event in watching.Scalars("elbo")]
        hold(found == expected, "a reader that looked on has no point twice")
        same = lambda points: [(step, single(value)) for _, step, value in points] == expected
        hold(same(server.wait_for(same, "scalars/scalars", **query)), "nor has the web server")


def records_so_far(run):
    return (run / "metrics.jsonl").read_text().splitlines()


def check_server(run, log):
    with Server(place / "runs") as server:
        name = f"{run.name}/tensorboard/test"
        images = server.wait_for(lambda tags: name in tags, "images/tags")
        hold(sorted(images[name]) == ["reconstructions", "samples"], "the web server lists the images")
        histograms = json.loads(server.get("histograms/tags"))
        hold(len(histograms[name]) == 8, "and the histograms")
        one = json.loads(server.get("histograms/histograms", run=name, tag="posterior_means/z0"))
        counts = np.array(one[0][2])
        hold(counts[:, 2].sum() == 200 and counts[0, 0] == log["test"]["histograms"]["posterior_means/z0"][0][1][0],
             "a histogram has every image")
        listed = json.loads(server.get("images/images", run=name, tag="samples", sample=0))
        png = server.get(f"images/individualImage?{listed[-1]['query']}&unused")
        hold(png == log["test"]["images"]["samples"][-1][1], "and shows the last sheet")


def check_projector(run):
    paths = [place / path for path in output("embed", "logged", "--projector").split()]
    folder = run / "projector"
    hold(sorted(paths) == sorted(folder.iterdir()) and len(paths) == 4, "four files for the projector")
    config = text_format.Parse((folder / "projector_config.pbtxt").read_text(), ProjectorConfig())
    [embedding] = config.embeddings
    means = np.load(run / "latents.npy")
    tensors = np.loadtxt(folder / embedding.tensor_path, delimiter="\t", dtype=np.float32)
    hold(np.array_equal(tensors, means), f"{embedding.tensor_name}: the numbers of latents.npy")
    with open(run / "latents.csv") as file:
        expected = [["label", "index"]] + [[row["label"], row["index"]] for row in csv.DictReader(file)]
    metadata = [line.split("\t") for line in (folder / embedding.metadata_path).read_text().splitlines()]
    hold(metadata == expected, "the labels and indices of latents.csv")
    sprite = Image.open(folder / embedding.sprite.image_path)
    hold(list(embedding.sprite.single_image_dim) == [28, 28] and sprite.size == (15 * 28, 14 * 28), "a sprite of 200 images")
    with Server(folder) as server:
        info = server.wait_for(lambda info: info["embeddings"], "projector/info", run=".")
        hold(info["embeddings"][0]["tensorShape"] == [200, 8], "the web server finds the points")
        query = {"run": ".", "name": embedding.tensor_name}
        raw = np.frombuffer(server.get("projector/tensor", **query), np.float32)
        hold(np.array_equal(raw.reshape(200, 8), means), "and serves them")
        hold(server.get("projector/sprite_image", **query) == (folder / "sprite.png").read_bytes(), "and the sprite")


def check_csv(run):
    path = place / output("export", "logged", "--to", "csv").strip()
    with open(path) as file:
        rows = list(csv.DictReader(file))
    for line in records(run):
        [row] = [row for row in rows if int(row["step"]) == line["step"]]
        same = all(float(row[f"{line['split']}/{key}"]) == line[key] for key in KEYS if line.get(key) is not None)
        hold(same, f"metrics.csv: epoch {line['epoch']}, {line['split']}")


run, log = check_log()
check_server(run, log)
check_kill(timeless(log))
check_projector(run)
check_csv(run)
print("TensorBoard reads what vae writes")
