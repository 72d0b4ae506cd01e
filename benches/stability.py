#!/usr/bin/env python3
"""Measures whether training slows down, or its memory grows, over an hour.

    python3 benches/stability.py [--config mnist] [--minutes 60] [--data DIR] [--threads 2] [--vae target/release/vae]

Trains for `--minutes`. In a window at the start and in one at the end it times the epochs, and a fixed loop of Python on as
many cores, with the trainer stopped (SIGSTOP). The loop shows whether the machine, not the program, has become slower or
busier. Prints the median of images per second over rounds of the loop per second for both windows, their ratio, and the
memory. Other processes between the two windows do not matter. Needs Linux, and no packages.
"""

import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "peers"))
from compare import rounds

SAMPLES, EPOCHS, SECONDS = 6, 3, 0.5


def resident(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS"))


class Run:
    def __init__(self, options, folder):
        words = [options.vae, "train", "-q", "--config", options.config, "--threads", options.threads, "--epochs", 10**6]
        words += ["--out", folder, "--name", "run", *(["--data", options.data] if options.data else [])]
        self.metrics = folder / "run" / "metrics.jsonl"
        self.process = subprocess.Popen([str(word) for word in words])
        self.threads = options.threads

    def epochs(self):
        """Returns the images per second of each epoch so far."""
        if self.process.poll() is not None:
            sys.exit(f"error: training ended with {self.process.returncode}")
        lines = self.metrics.read_text(encoding="utf-8").splitlines() if self.metrics.exists() else []
        records = [json.loads(line) for line in lines if line.endswith("}")]
        return [record["images_per_second"] for record in records if record["split"] == "train"]

    def wait(self, count):
        while len(epochs := self.epochs()) < count:
            time.sleep(0.05)
        return epochs

    def reference(self):
        self.process.send_signal(signal.SIGSTOP)
        speed = rounds(self.threads, SECONDS) / SECONDS
        self.process.send_signal(signal.SIGCONT)
        return speed

    def window(self):
        """Returns the median ratio of a few epochs to the loop before and after them, and the memory."""
        ratios = []
        for _ in range(SAMPLES):
            before, done = self.reference(), len(self.epochs())
            # Skip the epoch that contains the pause.
            speeds = self.wait(done + 1 + EPOCHS)[done + 1 :]
            ratios.append(statistics.median(speeds) / statistics.mean([before, self.reference()]))
        return statistics.median(ratios), resident(self.process)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--config", default="mnist")
    add("--minutes", type=float, default=60)
    add("--data", default=os.environ.get("VAE_DATA"))
    add("--threads", type=int, default=2)
    add("--vae", default="target/release/vae")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vae-stability-") as folder:
        start, run = time.monotonic(), Run(options, pathlib.Path(folder))
        try:
            run.wait(2)
            first, memory = run.window()
            print(f"start: {first:.2f} images per round of the loop, {memory:.0f} MiB", flush=True)
            while (left := options.minutes * 60 - (time.monotonic() - start)) > 0:
                time.sleep(min(left, 5))
                run.epochs()
            last, later = run.window()
            print(f"end:   {last:.2f} images per round of the loop, {later:.0f} MiB, {len(run.epochs())} epochs")
            print(f"ratio {last / first:.3f}, memory {later - memory:+.0f} MiB, after {options.minutes:.0f} minutes")
        finally:
            run.process.send_signal(signal.SIGCONT)
            run.process.kill()
            run.process.wait()


if __name__ == "__main__":
    main()
