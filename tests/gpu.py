#!/usr/bin/env python3
"""Tests a binary that has a GPU backend: python3 tests/gpu.py VAE [DEVICE [--needed]]

DEVICE is a name that `--device` takes (default `wgpu`): a real GPU, or the software Vulkan of CI (Debian:
mesa-vulkan-drivers, libvulkan1). Without an adapter the binary must end with an error. With one it must train, evaluate
and draw, and its first 50 losses must be those of the processor. If this machine has no adapter, the script says so and
skips that part; with `--needed` it fails.
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
# Compile each kernel once instead of trying several forms, which takes minutes on a software adapter.
environment = {**os.environ, "NO_COLOR": "1", "CUBECL_AUTOTUNE_LEVEL": "minimal"}
nowhere = dict.fromkeys(["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "__EGL_VENDOR_LIBRARY_FILENAMES"], "/nowhere")
nowhere["CUDA_VISIBLE_DEVICES"] = ""
# An epoch has one step, so the loss of an epoch is the loss of a step. There are enough images and latents for the device
# to make their pixels and their noise itself.
STEPS = ["--config", "smoke", "--set", "data.digits.train=128", "--set", "data.digits.test=8", "--set",
         "data.digits.pixels=dynamic", "--set", "train.batch=128", "--set", "model.mlp.latent=512"]
# CUDA may round the factors of a product to TF32.
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
    """Returns the largest relative difference between the losses, of which there must be LOSSES each."""
    hold(len(these) == len(those) == LOSSES, f"{len(these)} and {len(those)} losses")
    return max(abs(a - b) / abs(b) for a, b in zip(these, those))


def fails(folder, wanted, parts, **more):
    done = call(folder, "train", "--config", "smoke", "--device", wanted, **more)
    print("        " + done.stderr.strip().replace("\n", "\n        "))
    hold(done.returncode == 2 and not done.stdout, f"--device {wanted}: exit code 2")
    for part in [f"error: --device {wanted}: ", "\nhint: ", *parts]:
        hold(part in done.stderr, f"... with {part.strip()!r} in the message")
    hold(not (pathlib.Path(folder) / "runs").exists(), "and no run was started")


with tempfile.TemporaryDirectory() as folder:
    place = pathlib.Path(folder)
    if sys.platform == "linux":
        # On other systems nothing can hide Metal and DirectX 12.
        print("Without an adapter:")
        fails(folder, backend, ["install ", "--device cpu"], **nowhere)
        done = call(folder, "train", "--config", "smoke", "--epochs", 1, "--device", "auto", "--name", "auto", **nowhere)
        hold(done.returncode == 0 and "images of 1x28x28" in done.stderr and ", on cpu" in done.stderr, "auto uses the CPU")
        hold(done.stderr.count("no GPU was found") == 1, "and says so once")
        subprocess.run(["rm", "-r", str(place / "runs")], check=True)

    print("With an adapter:")
    listed = output(folder, "devices")
    print("        " + listed.replace("\n", "\n        "))
    if f"{backend}:0" not in listed:
        hold("--needed" not in sys.argv, f"skipped: there is no adapter for {backend}")
        sys.exit(0)
    there = listed.split("on this machine:")[1].split("auto:")
    if all("software" in line for line in there[0].splitlines() if f"{backend}:" in line) and "cuda:0" not in there[0]:
        hold(there[1].strip().startswith("cpu"), "auto never takes a software adapter")
        # No buffer of a software adapter can hold a layer of a gigabyte; a buffer of a real GPU may.
        done = call(folder, "train", "--config", "smoke", "--device", device, "--set", "model.mlp.hidden=[300000]",
                    "--out", "large", RUST_BACKTRACE="0")
        print("        " + done.stderr.strip().replace("\n", "\n        "))
        hold(done.returncode == 1 and "allocate" in done.stderr and "\nhint: " in done.stderr,
             "a layer that is too large for a buffer of the adapter is an error")
    fails(folder, f"{backend}:99", [f"this machine has {backend}:0"])

    begun = time.monotonic()
    run = output(folder, "train", "--config", "smoke", "--device", device, "--name", "smoke")
    report = json.loads(output(folder, "eval", run, "--device", device, "--json"))
    output(folder, "sample", run, "--device", device, "--n", 16, "--out", "sheet.png")
    hold((place / "sheet.png").stat().st_size > 0, "a sheet of samples")
    print(f"        {time.monotonic() - begun:.0f} s for the preset smoke, eval and sample")
    other = json.loads(output(folder, "eval", run, "--device", "cpu", "--json"))
    apart = abs(report["elbo"] - other["elbo"]) / abs(other["elbo"])
    hold(apart < WITHIN, f"test ELBO of its model: {report['elbo']:.4f}; on the processor: {other['elbo']:.4f}")

    begun = time.monotonic()
    here = place / output(folder, "train", *STEPS, "--epochs", LOSSES, "--device", "cpu", "--name", "here")
    half = place / output(folder, "train", *STEPS, "--epochs", LOSSES // 2, "--device", "cpu", "--name", "half")
    away = place / output(folder, "train", *STEPS, "--epochs", LOSSES, "--device", device, "--name", "there")
    output(folder, "train", "--resume", half, "--epochs", LOSSES, "--device", device)
    apart = furthest(losses(away), losses(here))
    print(f"        first and last loss: {losses(away)[0]:.4f}, {losses(away)[-1]:.4f}; {time.monotonic() - begun:.0f} s")
    hold(apart < WITHIN, f"{LOSSES} losses within {apart:.1e} of the processor's")
    apart = furthest(losses(half), losses(here))
    hold(apart < WITHIN, f"started on the processor and resumed on the device: within {apart:.1e}")
    for run in (here, away):
        output(folder, "train", "--resume", run, "--epochs", LOSSES + 10, "--device", "cpu")
    apart = furthest(losses(away)[-LOSSES:], losses(here)[-LOSSES:])
    hold(apart < WITHIN, f"started on the device and resumed on the processor: within {apart:.1e}")
    done = call(folder, "train", *STEPS, "--epochs", 4, "--device", device, "--set", "train.learning_rate=1e30")
    hold(done.returncode == 1 and "training broke at step" in done.stderr, "the device reports numbers that are not finite")
