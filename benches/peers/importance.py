#!/usr/bin/env python3
"""Measures the speed of estimating log p(x) by importance sampling beside PyTorch, in turn, with the same weights, images,
pixels and cores.

    python3 benches/peers/importance.py [--run RUN] [--samples 5000] [--images 1000] [--data DIR] [--rounds 3] ...

RUN is the folder of a run on MNIST with binary pixels, such as a run of the preset iwae-1. Without it, that preset is
trained for `--epochs` first. Progress goes to stderr, the table to stdout as Markdown. benches/README.md explains each
number.
"""

import argparse
import functools
import json
import os
import pathlib
import shutil
import statistics
import tempfile
import tomllib

import compare
import experiment as plan

MODES = "torch", "torch-compile"
OURS = compare.OURS


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = lambda text: [name for name in text.split(",") if name]
    add = parser.add_argument
    add("--run", type=pathlib.Path, help="measure the model in this run's folder (default: train iwae-1)")
    add("--epochs", type=int, default=2, help="without `--run`, train iwae-1 for this many epochs (default 2)")
    add("--samples", type=int, default=5000, help="draw K samples of z per image (default 5000)")
    add("--images", type=int, default=1000, help="measure on the first N test images (default 1000)")
    add("--data", default=os.environ.get("VAE_DATA", compare.ROOT / "data"), help="read MNIST from this folder or its subfolder mnist")
    add("--rounds", type=int, default=3, help="start each program this many times, in turn (default 3)")
    add("--modes", type=names, default=[*MODES], help=f"measure these peers (default {','.join(MODES)})")
    add("--threads", type=int, default=2, help="give every process this many threads and cores (default 2)")
    add("--tolerance", type=float, default=0.1, help="the largest difference of a peer's log p(x) from ours, in nats (default 0.1)")
    add("--vae", type=pathlib.Path, help="use this binary of ours (default: build it)")
    add("--venv", type=pathlib.Path, default=compare.TARGET / "peers", help="find the peers in this environment (default target/peers)")
    add("--install", action="store_true", help="make the environment of `--venv` first")
    add("--json", type=pathlib.Path, help="write all raw figures to this file")
    # The class of compare.py asks for these, which this script does not offer.
    parser.set_defaults(gpu=False, simd=None)
    options = parser.parse_args()
    if unknown := set(options.modes) - set(MODES):
        parser.error(f"--modes: {', '.join(unknown)}; expected some of {', '.join(MODES)}")
    if not 1 <= options.images <= 10_000:
        parser.error("--images: expected 1 to 10000, the number of test images")
    return options


class Bench(compare.Bench):
    def __init__(self, options):
        super().__init__(options)
        run = options.run or self.trained()
        self.config, self.model = run / "config.toml", self.folder / "model.safetensors"
        for path in (self.config, run / "model.safetensors"):
            if not path.is_file():
                compare.fail(f"{path} is not there; --run takes the folder of a run")
        # Outside the run's folder, the program writes no report beside the model.
        shutil.copy(run / "model.safetensors", self.model)
        experiment = plan.read(self.config)
        if experiment.data != "mnist" or experiment.pixels == "grey":
            raise plan.Refused(f"{self.config}: expected a run on MNIST with binary pixels")
        self.pixels_seed = tomllib.loads(self.config.read_text(encoding="utf-8"))["seed"]
        self.tried = {}

    def trained(self):
        compare.say(f"training iwae-1, epochs: {self.options.epochs}")
        words = ["--epochs", self.options.epochs, "--out", self.folder, "--name", "run", "--data", self.options.data]
        compare.run([self.vae, "train", "-q", "--config", "iwae-1", *words])
        return self.folder / "run"

    def ours(self):
        options = self.options
        words = ["eval", self.model, "--importance-samples", options.samples, "--first", options.images, "--no-reconstruction"]
        words += ["--json", "-q", "--data", options.data, "--threads", options.threads]
        process = compare.Process([self.vae, *words], self.environment, "stdout")
        if process.failure:
            return {"failure": process.failure}
        report = json.loads(process.lines[-1])
        figures = {"seconds": report["importance_seconds"], "log_px": report["log_px"], "log_px_se": report["log_px_se"]}
        return {**figures, "peak_bytes": process.peak, "cores_others_used": process.others}

    def peer(self, mode, seed, shape=None):
        options = self.options
        with tempfile.TemporaryDirectory() as cache:
            environment = {**self.environment, "TORCHINDUCTOR_CACHE_DIR": cache}
            words = [mode, self.config, self.model, "--samples", options.samples, "--images", options.images]
            words += ["--data", options.data, "--threads", options.threads, "--seed", seed]
            words += ["--pixels-seed", self.pixels_seed, *(["--shape", shape] if shape else [])]
            process = compare.Process([self.python, compare.HERE / "importance_peer.py", *words], environment, "stdout")
        if process.failure:
            return {"failure": process.failure}
        return {**json.loads(process.lines[-1]), "peak_bytes": process.peak, "cores_others_used": process.others}

    def measure(self):
        """Measures all programs in turn, round after round."""
        runs = {mode: [] for mode in [OURS, *self.options.modes]}
        latents = self.options.images * self.options.samples
        for seed in range(1, self.options.rounds + 1):
            for mode in runs:
                if mode != OURS and mode not in self.tried:
                    self.tried[mode] = self.peer(mode, seed)
                    compare.say(f"{mode}, images,samples,form: {json.dumps(self.tried[mode])}")
                shape = None if mode == OURS else self.tried[mode].get("shape")
                if mode != OURS and not shape:
                    runs[mode].append(self.tried[mode])
                    continue
                estimate = self.ours if mode == OURS else functools.partial(self.peer, mode, seed, shape)
                figures = self.steady(estimate, f"round {seed}, {mode}", functools.partial(brief, latents))
                runs[mode].append(figures)
                if mode == OURS and "failure" in figures:
                    compare.fail(f"vae {figures['failure']}")
        return runs


def brief(latents, figures):
    if "failure" in figures:
        return figures["failure"]
    disturbed = f", others used {others:.1f} cores" if (others := figures["cores_others_used"] or 0.0) > 0.1 else ""
    return f"{latents / figures['seconds']:.0f} decoded samples/s, log p(x) {figures['log_px']:.3f}{disturbed}"


def summarise(runs, options):
    """Returns the medians over the rounds, and whether the estimates agree."""
    rows = {}
    for mode, of_mode in runs.items():
        if failures := [run["failure"] for run in of_mode if "failure" in run]:
            rows[mode] = {"void": failures[0]}
            continue
        row = {key: statistics.median(run[key] for run in of_mode) for key in ("seconds", "log_px", "log_px_se", "peak_bytes")}
        row["samples_per_second"] = options.images * options.samples / row["seconds"]
        if mode != OURS:
            row["ratio"] = rows[OURS]["samples_per_second"] / row["samples_per_second"]
            row["difference"] = row["log_px"] - rows[OURS]["log_px"]
            # Ours has as many samples, from other noise.
            row["difference_se"] = 2**0.5 * statistics.median(run["samples_se"] for run in of_mode)
            # The comparison makes a NaN void.
            if not abs(row["difference"]) <= options.tolerance:
                row["void"] = f"its log p(x) is {row['difference']:+.3f} nats from ours"
        rows[mode] = row
    return rows


def table(rows, runs, tried, options, about):
    everyone = [run for of_mode in runs.values() for run in of_mode]
    if (least := min(run.get("cores", options.threads) for run in everyone)) < compare.ENOUGH * options.threads:
        about += f" DISTURBED: the machine gave {least:.1f} of {options.threads} cores for a while."
    if (others := max(run.get("cores_others_used") or 0.0 for run in everyone)) > 0.1:
        about += f" DISTURBED: other processes kept up to {others:.1f} cores busy; measure again on a quiet machine."
    lines = []
    for mode, row in rows.items():
        if "samples_per_second" not in row:
            lines.append([mode, "VOID: " + row["void"], *[""] * 6])
            continue
        ratio, difference = "", ""
        if mode != OURS:
            ratio = "VOID: " + row["void"] if "void" in row else f"{row['ratio']:.2f}"
            difference = f"{row['difference']:+.4f} ± {row['difference_se']:.4f}"
        peak, log_px = f"{row['peak_bytes'] / 2**20:.0f} MiB", f"{row['log_px']:.3f} ± {row['log_px_se']:.3f}"
        start = [mode, f"{row['samples_per_second']:.0f}", ratio, f"{row['seconds']:.2f} s"]
        lines.append([*start, log_px, difference, peak, tried.get(mode, {}).get("shape", "")])
    good = {mode: row["ratio"] for mode, row in rows.items() if mode != OURS and "void" not in row}
    best = min(good, key=good.get, default=None)
    verdict = f"Ours : best PyTorch ({best}): {good[best]:.2f}" if best else "No peer to compare with."
    head = ["who", "decoded samples/s", "ours : this", "estimate", "log p(x), nats", "from ours", "peak memory", "shape"]
    return f"{about}\n\n{compare.table(head, lines)}\n\n{verdict}\n"


def main():
    options = arguments()
    try:
        bench = Bench(options)
    except plan.Refused as error:
        compare.fail(error)
    runs = bench.measure()
    rows = summarise(runs, options)
    about = f"{compare.machine()}, {options.threads} cores; {compare.versions(bench)}. "
    about += f"{options.run or 'iwae-1'}, {options.images} test images, K = {options.samples}; rounds: {options.rounds}. "
    about += f"VOID: a failure, or a log p(x) that differs from ours by more than {options.tolerance} nats."
    if options.json:
        figures = {"about": about, "rows": rows, "runs": runs, "tried": bench.tried}
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(table(rows, runs, bench.tried, options, about))


if __name__ == "__main__":
    main()
