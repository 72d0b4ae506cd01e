#!/usr/bin/env python3
"""Holds a binary with a GPU backend to what is promised of it: python3 tests/gpu.py VAE [DEVICE [--needed]]

DEVICE is what `--device` takes, `wgpu` unless it is named: a real GPU, or the software Vulkan of CI (Debian:
mesa-vulkan-drivers, libvulkan1). Without an adapter it ends in an error; with one it trains, evaluates and draws, and its
first 50 losses are those of the processor. Where there is none that is said, and with `--needed` it is a failure.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

vae = str(pathlib.Path(sys.argv[1]).resolve())
device = sys.argv[2] if len(sys.argv) > 2 else "wgpu"
backend = device.split(":")[0]
# Each kernel is compiled once and not tried out in several forms: on a software adapter that takes minutes.
environment = {**os.environ, "NO_COLOR": "1", "CUBECL_AUTOTUNE_LEVEL": "minimal"}
nowhere = dict.fromkeys(["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "__EGL_VENDOR_LIBRARY_FILENAMES"], "/nowhere")
nowhere["CUDA_VISIBLE_DEVICES"] = ""
# One step an epoch, so that the loss of an epoch is that of a step. With so many images and latents the device makes
# their pixels and their noise itself.
STEPS = ["--config", "smoke", "--set", "data.digits.train=128", "--set", "data.digits.test=8", "--set",
         "data.digits.pixels=dynamic", "--set", "train.batch=128", "--set", "model.mlp.latent=512"]
# On CUDA factors may be rounded to TF32.
LOSSES, WITHIN = 50, 1e-2 if backend == "cuda" else 1e-3


def hold(holds, text):
    print(("ok      " if holds else "FAILED  ") + text, flush=True)
    if not holds:
        sys.exit(1)


def call(folder, *words, **more):
    done = subprocess.run([vae, *map(str, words)], capture_output=True, text=True, cwd=folder, timeout=1500,
                          env={**environment, **more})
    hold("panicked" not in done.stderr, f"vae {' '.join(map(str, words))[:70]}: ended with {done.returncode}")
    return done


def output(folder, *words):
    done = call(folder, *words)
    hold(done.returncode == 0, done.stderr.strip().splitlines()[-1] if done.returncode else "and succeeded")
    return done.stdout.strip()


def losses(run):
    records = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [record["loss"] for record in records if record["split"] == "train"]


def furthest(these, those):
    """The largest relative difference of as many losses."""
    hold(len(these) == len(those) == LOSSES, f"{len(these)} and {len(those)} losses")
    return max(abs(a - b) / abs(b) for a, b in zip(these, those))


def fails(folder, wanted, parts, **more):
    done = call(folder, "train", "--config", "smoke", "--device", wanted, **more)
    print("        " + done.stderr.strip().replace("\n", "\n        "))
    hold(done.returncode == 2 and not done.stdout, f"--device {wanted}: exit code 2")
    for part in [f"error: --device {wanted}: ", "\nhint: ", *parts]:
        hold(part in done.stderr, f"... that says {part.strip()!r}")
    hold(not (pathlib.Path(folder) / "runs").exists(), "and no run was begun")


with tempfile.TemporaryDirectory() as folder:
    place = pathlib.Path(folder)
    if sys.platform == "linux":
        # Elsewhere nothing hides Metal and DirectX 12.
        print("Without an adapter:")
        fails(folder, backend, ["install ", "--device cpu"], **nowhere)
        done = call(folder, "train", "--config", "smoke", "--epochs", 1, "--device", "auto", "--name", "auto", **nowhere)
        hold(done.returncode == 0 and "images of 1x28x28" in done.stderr and ", on cpu" in done.stderr, "auto uses the CPU")
        hold(done.stderr.count("no GPU was found") == 1, "and says so once")
        subprocess.run(["rm", "-r", str(place / "runs")], check=True)

    print("With one:")
    listed = output(folder, "devices")
    print("        " + listed.replace("\n", "\n        "))
    if f"{backend}:0" not in listed:
        hold("--needed" not in sys.argv, f"skipped: there is no adapter for {backend}")
        sys.exit(0)
    there = listed.split("on this machine:")[1].split("auto:")
    if all("software" in line for line in there[0].splitlines() if f"{backend}:" in line) and "cuda:0" not in there[0]:
        hold(there[1].strip().startswith("cpu"), "a software adapter is never taken by itself")
        # No buffer of it holds a layer of a gigabyte; a real GPU's may.
        done = call(folder, "train", "--config", "smoke", "--device", device, "--set", "model.mlp.hidden=[300000]",
                    "--out", "large", RUST_BACKTRACE="0")
        print("        " + done.stderr.strip().replace("\n", "\n        "))
        hold(done.returncode == 1 and "allocate" in done.stderr and "\nhint: " in done.stderr,
             "a layer that no buffer of the adapter holds is an error")
    fails(folder, f"{backend}:99", [f"this machine has {backend}:0"])

    begun = time.monotonic()
    run = output(folder, "train", "--config", "smoke", "--device", device, "--name", "smoke")
    report = json.loads(output(folder, "eval", run, "--device", device, "--json"))
    output(folder, "sample", run, "--device", device, "--n", 16, "--out", "sheet.png")
    hold((place / "sheet.png").stat().st_size > 0, "a sheet of samples")
    print(f"        {time.monotonic() - begun:.0f} s for the preset smoke, eval and sample")
    other = json.loads(output(folder, "eval", run, "--device", "cpu", "--json"))
    apart = abs(report["elbo"] - other["elbo"]) / abs(other["elbo"])
    hold(apart < WITHIN, f"test ELBO of its model: {report['elbo']:.4f}, on the processor {other['elbo']:.4f}")

    begun = time.monotonic()
    here = place / output(folder, "train", *STEPS, "--epochs", LOSSES, "--device", "cpu", "--name", "here")
    half = place / output(folder, "train", *STEPS, "--epochs", LOSSES // 2, "--device", "cpu", "--name", "half")
    away = place / output(folder, "train", *STEPS, "--epochs", LOSSES, "--device", device, "--name", "there")
    output(folder, "train", "--resume", half, "--epochs", LOSSES, "--device", device)
    apart = furthest(losses(away), losses(here))
    print(f"        first and last loss: {losses(away)[0]:.4f}, {losses(away)[-1]:.4f}; {time.monotonic() - begun:.0f} s")
    hold(apart < WITHIN, f"{LOSSES} losses within {apart:.1e} of the processor's")
    apart = furthest(losses(half), losses(here))
    hold(apart < WITHIN, f"begun on the processor and gone on with there: within {apart:.1e}")
    for run in (here, away):
        output(folder, "train", "--resume", run, "--epochs", LOSSES + 10, "--device", "cpu")
    apart = furthest(losses(away)[-LOSSES:], losses(here)[-LOSSES:])
    hold(apart < WITHIN, f"begun there and gone on with on the processor: within {apart:.1e}")
    done = call(folder, "train", *STEPS, "--epochs", 4, "--device", device, "--set", "train.learning_rate=1e30")
    hold(done.returncode == 1 and "training broke at step" in done.stderr, "numbers that are not finite are noticed there")
