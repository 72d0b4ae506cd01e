#!/usr/bin/env python3
"""What several processes cost and gain: `python3 benches/processes.py VAE [shards] [processes]`, VAE a binary with the feature `mpi`.

`shards` prints the cost of shards on one process; `processes` the gain of two processes with a core each over one process with one
core, and a projection to more machines from these terms and a network's bandwidth. Everything is measured in turn, in ROUNDS
rounds of EPOCHS epochs of a few steps. A time is that of the fastest epoch, because other programs disturb a measurement in one
direction only; a gain is also given for the median epochs.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

VAE = str(Path(sys.argv[1]).resolve())
ROUNDS = int(os.environ.get("ROUNDS", "3"))
EPOCHS = 12
ENVIRONMENT = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}

# The model, the images of an epoch, and how the config is named. The images of the built-in digits cost what MNIST's do.
RESNET = ["--config", "digits", "--set", "model.resnet=", "--set", "model.resnet.latent=16"]
MODELS = {
    "`mnist`, 784-400-20": (["--config", "mnist"], 8192),
    "`mnist-conv`": (["--config", "mnist-conv"], 1024),
    "residual network, 28x28": (RESNET, 512),
}
# Seconds for one message between two machines, twice a step for each doubling of their number.
LATENCY = 30e-6


def step_seconds(model, batch, shards, processes, threads, folder):
    """Returns the seconds of a step in each epoch, and the number of parameters."""
    arguments, images = MODELS[model]
    images = max(images, batch)
    name = f"run-{len(os.listdir(folder))}"
    words = [
        *["train", "-q", *arguments, "--set", f"data.digits.train={images}", "--set", "data.digits.test=16"],
        *["--set", f"train.batch={batch}", "--set", f"train.shards={shards}", "--epochs", str(EPOCHS)],
        *["--threads", str(threads), "--device", "cpu", "--out", folder, "--name", name],
    ]
    launcher = ["mpirun", "-n", str(processes)] if processes > 1 else ["taskset", "-c", f"0-{threads - 1}"]
    subprocess.run([*launcher, VAE, *words], check=True, capture_output=True, env=ENVIRONMENT)
    run = Path(folder) / name
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    seconds = [record["seconds"] / -(-images // batch) for record in records if record["split"] == "train"]
    return seconds, json.loads((run / "about.json").read_text())["parameters"]


def table(head, rows):
    print("\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    sys.stdout.flush()


def of_shards(measured):
    """Prints the cost of shards on one process."""
    cores = len(os.sched_getaffinity(0))
    shards, batches = [1, 2, 8], [128, 256, 1024]
    found = measured([(model, batch, v, 1, cores) for model in MODELS for batch in batches for v in shards])
    rows = []
    for model in MODELS:
        for batch in batches:
            times = [min(found[model, batch, v, 1, cores][0]) for v in shards]
            rows.append([model, str(batch), f"{1e3 * times[0]:.1f} ms", *(f"{time / times[0]:.2f} x" for time in times[1:])])
    table(["model", "batch", "a step", *(f"with {v} shards" for v in shards[1:])], rows)


def of_processes(measured):
    """Prints the gain of two processes, and the projection to more."""
    found = measured([(model, 256, 2, processes, 1) for model in MODELS for processes in [1, 2]])
    halves = measured([(model, 128, 1, 1, 1) for model in MODELS])
    rows, terms = [], {}
    for model in MODELS:
        (ones, parameters), (twos, _) = found[model, 256, 2, 1, 1], found[model, 256, 2, 2, 1]
        one, two, half = min(ones), min(twos), min(halves[model, 128, 1, 1, 1][0])
        median = statistics.median(ones) / statistics.median(twos)
        sent = 2 * 4 * parameters / 2
        terms[model] = (parameters, half / 128, max(two - half, 0))
        rows.append([
            *[model, f"{parameters:,}".replace(",", " "), f"{1e3 * one:.1f} ms", f"{1e3 * two:.1f} ms", f"{one / two:.2f} x, {median:.2f} x"],
            *[f"{1e6 * max(two - half, 0):.0f}", f"{sent / 1e6:.2f} MB"],
        ])
    head = ["model", "parameters", "one process, one core", "two", "gain: fastest epoch, median epoch", "µs more than half a batch", "sent by each"]
    table(head, rows)

    rows = []
    for model, (parameters, image, more) in terms.items():
        for machines in [8, 64]:
            batch = 128 * machines
            alone = image * batch
            gains = []
            for gigabits in [1, 10, 100]:
                sent = 2 * 4 * parameters * (machines - 1) / machines
                network = sent / (gigabits * 1e9 / 8) + 2 * LATENCY * machines.bit_length()
                gains.append(f"{alone / (image * 128 + more + network):.1f} x")
            rows.append([model, str(machines), str(batch), *gains])
    table(["model", "machines of one core", "batch", "1 Gbit/s", "10 Gbit/s", "100 Gbit/s"], rows)


def main():
    tables = sys.argv[2:] or ["shards", "processes"]
    with tempfile.TemporaryDirectory() as folder:

        def measured(settings):
            """Returns the seconds of each setting: (model, batch, shards, processes, threads)."""
            found = {}
            for _ in range(ROUNDS):
                for setting in settings:
                    seconds, parameters = step_seconds(*setting, folder)
                    found[setting] = (found.get(setting, ([], 0))[0] + seconds, parameters)
            return found

        if "shards" in tables:
            of_shards(measured)
        if "processes" in tables:
            of_processes(measured)


if __name__ == "__main__":
    main()
