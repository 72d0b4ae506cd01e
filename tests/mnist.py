#!/usr/bin/env python3
"""Tests what the README says about the preset `mnist` on real MNIST: python3 tests/mnist.py VAE, with $VAE_DATA set.

Trains the preset and checks the test ELBO after 10 epochs with seed 1 (published: -105.6) and the peak memory. `vae eval`
must print the same ELBO, and the ten lines of Python in configs/README.md must compute it from model.safetensors. Those lines need
numpy and safetensors; if they cannot be installed, that part is skipped with a message.
"""
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

vae, data = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(os.environ["VAE_DATA"])
page = pathlib.Path(__file__).resolve().parent.parent / "configs" / "README.md"


def hold(holds, text):
    print(("ok      " if holds else "FAILED  ") + text, flush=True)
    if not holds:
        sys.exit(1)


def python_with_packages(folder):
    python = pathlib.Path(folder) / "venv" / "bin" / "python"
    make = [[sys.executable, "-m", "venv", str(python.parent.parent)],
            [str(python), "-m", "pip", "install", "-q", "numpy", "safetensors"]]
    made = all(subprocess.run(command, capture_output=True).returncode == 0 for command in make)
    return str(python) if made else None


with tempfile.TemporaryDirectory() as folder:
    output = lambda *command: subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=folder).stdout
    run = pathlib.Path(folder) / output(vae, "train", "--config", "mnist.toml").strip()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    hold(peak < 400, f"peak memory {peak:.0f} MB, below 400")
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    trained = [record for record in records if record["split"] == "test"][-1]["elbo"]
    hold(-106.2 < trained < -105.0, f"test ELBO {trained:.2f} nats after 10 epochs, between -106.2 and -105.0")
    report = json.loads(output(vae, "eval", str(run), "--json"))
    hold(abs(report["elbo"] - trained) <= report["elbo_se"], f"vae eval: {report['elbo']:.2f} ± {report['elbo_se']:.2f}")
    script = next(block for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.S) if "load_file" in block)
    (pathlib.Path(folder) / "elbo.py").write_text(script)
    images = next(data.rglob("t10k-images*.gz"), None)
    python = python_with_packages(folder)
    if python and images:
        printed = output(python, "elbo.py", str(run / "model.safetensors"), str(images)).strip()
        theirs = float(re.search(r"ELBO (-[\d.]+)", printed).group(1))
        hold(abs(theirs - trained) < 0.5, f"ten lines of Python: {printed}")
    else:
        print("skipped: the ten lines of Python, because numpy, safetensors or the gzipped test images are missing")
