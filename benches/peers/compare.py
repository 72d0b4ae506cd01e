#!/usr/bin/env python3
"""Measures training speed beside the peers: our program, PyTorch and JAX train the same VAE on the same cores or GPU in turn.

    python3 benches/peers/compare.py [CONFIG ...] [--set KEY=VALUE] [--batch 16,128,1024] [--data DIR] [--rounds 3] ...
    python3 benches/peers/compare.py --device cuda --install [--data DIR]

A CONFIG is a preset's name or a TOML file. Progress goes to stderr, the tables to stdout as Markdown. Needs Python 3.11
and, for the peers, a virtual environment, which `--install` makes. benches/README.md explains each number.
"""

import argparse
import functools
import json
import multiprocessing
import os
import pathlib
import re
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import experiment as plan

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
TORCH, JAX = ("torch", "torch-fused", "torch-last", "torch-compile", "torch-graphs"), ("jax", "jax-scan")
ON_CPU, ON_GPU = ("torch", "torch-fused", "torch-compile", *JAX), TORCH
OURS = "vae"
# Our own program with `VAE_SIMD=plain`: burn's stock operations on the same model.
BURN = "burn"
OUR_MODES = {OURS: None, BURN: "plain"}
# The number of test images if an epoch is limited. The program measures on them outside the timed part.
FEW = 200
# Two cores of a virtual machine are sometimes two halves of one core for some seconds; `--threads` then means less.
ENOUGH, TRIES = 0.85, 6
# What holds each program to a set of vector instructions: ours, PyTorch's own kernels, oneDNN, MKL and XLA. JAX's products do
# not follow XLA's flag, so its modes are measured only if they are named.
HELD_TO = {
    "avx2": {
        "VAE_SIMD": "avx2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    }
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = lambda text: [int(number) for number in text.split(",")]
    names = lambda text: [name for name in text.split(",") if name]
    add = parser.add_argument
    add("configs", nargs="*", default=["mnist", "mnist-conv"], metavar="CONFIG")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="change a value of every config, as in `vae train`")
    add("--device", default="cpu", help="run ours on cpu (default), or on cuda[:N] or wgpu[:N], with the peers on CUDA")
    add("--batch", type=numbers, help="images per step (default 16,128,1024; on a GPU 128,1024,8192)")
    add("--data", default=os.environ.get("VAE_DATA", ROOT / "data"), help="read MNIST from this folder or its subfolder mnist")
    add("--rounds", type=int, default=3, help="start each program this many times, in turn (default 3)")
    add("--epochs", type=int, help="train for this many epochs; the first is a warm-up and not counted (default 3; on a GPU 10)")
    add("--images", type=int, help="limit an epoch to the first N images (default: all)")
    add("--jax-conv-images", type=int, default=1280, help="the same limit for JAX's convolutions (default 1280; 0: all)")
    add("--modes", type=names, help=f"measure these peers (default {','.join(ON_CPU)}; on a GPU {','.join(ON_GPU)}); `burn` is our program with burn's own operations")
    add("--simd", choices=[*HELD_TO], help="hold all programs to this instruction set (default: the widest of the machine)")
    add("--threads", type=int, default=2, help="give every process this many threads and cores (default 2)")
    add("--tolerance", type=float, default=0.02, help="the largest relative difference of a peer's loss from ours (default 0.02)")
    add("--vae", type=pathlib.Path, help="use this binary of ours (default: build it)")
    add("--venv", type=pathlib.Path, default=TARGET / "peers", help="find the peers in this environment (default target/peers)")
    add("--install", action="store_true", help="make the environment of `--venv` first")
    add("--json", type=pathlib.Path, help="write all raw figures to this file")
    options = parser.parse_args()
    options.gpu = options.device != "cpu"
    if options.gpu and not re.fullmatch(r"(cuda|wgpu)(:\d+)?", options.device):
        parser.error(f"--device {options.device}: expected cpu, cuda[:N] or wgpu[:N]")
    if options.gpu and options.simd:
        parser.error("--simd: has no effect on a GPU")
    # The device numbers of wgpu and CUDA are unrelated.
    options.peers_device = options.device if options.device.startswith("cuda") else "cuda"
    usual = ON_GPU if options.gpu else ON_CPU
    options.modes = options.modes or [mode for mode in usual if not (options.simd and mode in JAX)]
    options.batch = options.batch or ([128, 1024, 8192] if options.gpu else [16, 128, 1024])
    options.epochs = options.epochs or (10 if options.gpu else 3)
    if unknown := set(options.modes) - {*TORCH, *JAX, BURN}:
        parser.error(f"--modes: {', '.join(unknown)}; expected some of {', '.join([*TORCH, *JAX, BURN])}")
    if options.epochs < 2:
        parser.error("--epochs: expected at least 2, because the first is a warm-up")
    if BURN in options.modes and (options.simd or options.gpu):
        parser.error("--modes burn: has no effect on a GPU, and is not held to an instruction set")
    return options


def say(text):
    print(text, file=sys.stderr, flush=True)


def fail(text):
    sys.exit(f"error: {text}")


def run(command, **more):
    """Runs a command that must succeed. Returns its stdout."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, **more)
    if done.returncode:
        fail(f"`{' '.join(map(str, command))}` ended with {done.returncode}")
    return done.stdout


def install(venv):
    run([sys.executable, "-m", "venv", venv])
    run([venv / "bin" / "python", "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"])


def busy():
    """Returns the seconds that all cores have worked since the machine started, or None if that is unknown."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, _, _, interrupts, soft = map(int, file.readline().split()[1:8])
    except OSError:
        return None
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


def count(results, seconds):
    """Puts the number of rounds of a loop that this process makes into `results`."""
    end, rounds = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        sum(range(2000))
        rounds += 1
    results.put(rounds)


def rounds(processes, seconds=0.15):
    """Returns the number of rounds of the loop that `processes` processes make together."""
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    results = context.SimpleQueue()
    workers = [context.Process(target=count, args=(results, seconds)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    total = sum(results.get() for _ in workers)
    for worker in workers:
        worker.join()
    return total


def cores(processes):
    """Returns the work of `processes` processes side by side, relative to one process alone."""
    return rounds(processes) / max(rounds(1), 1)


class Process:
    """A process that has ended: its lines, the time of the first step, its peak memory, and the number of cores that other
    processes kept busy meanwhile."""

    def __init__(self, command, environment, listen):
        self.lines, self.first_step = [], None
        with tempfile.TemporaryFile("w+") as other:
            begun, busy_before = time.perf_counter(), busy()
            streams = {"stdout": other, "stderr": other, listen: subprocess.PIPE}
            process = subprocess.Popen([str(word) for word in command], text=True, env=environment, **streams)
            for line in getattr(process, listen):
                if line.startswith("first step") and self.first_step is None:
                    self.first_step = time.perf_counter() - begun
                self.lines.append(line.rstrip())
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.others = None
            if busy_before is not None:
                # The machine counts in ticks of about 10 ms per core, which for a short process is more than others use.
                own = usage.ru_utime + usage.ru_stime + 0.05
                self.others = max(0.0, busy() - busy_before - own) / (time.perf_counter() - begun)
            other.seek(0)
            rest = other.read().strip()
        self.failure = None
        if process.returncode:
            told = rest.splitlines() if listen == "stdout" else self.lines
            self.failure = f"ended with {process.returncode}: {told[-1] if told else 'silent'}"
        # Linux counts in KiB, macOS in bytes.
        self.peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Bench:
    def __init__(self, options):
        self.options = options
        self.python = options.venv / "bin" / "python"
        if options.install:
            install(options.venv)
        if not self.python.exists():
            hint = "hint: make the peers' environment with `--install`, or name one with `--venv DIR`"
            fail(f"{self.python} is not there\n{hint}")
        if options.vae is None:
            feature = ["--features", options.device.split(":")[0]] if options.gpu else []
            run(["cargo", "build", "--release", "--manifest-path", ROOT / "Cargo.toml", "--target-dir", TARGET, *feature])
        self.vae = (options.vae or TARGET / "release" / "vae").resolve()
        self.threads()
        self.temporary = tempfile.TemporaryDirectory(prefix="vae-peers-")
        self.folder = pathlib.Path(self.temporary.name)
        self.configs = 0
        self.data = {}  # the folder with the images of each config file

    def threads(self):
        """Gives every process the same number of threads and cores."""
        count = self.options.threads
        if hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))
            if len(cores) < count:
                fail(f"--threads {count}: this machine gives {len(cores)} cores")
            # Child processes inherit the affinity. JAX has no other setting for it.
            os.sched_setaffinity(0, cores[:count])
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        self.environment = {**os.environ, **dict.fromkeys(names, str(count))}
        self.environment |= {"NO_COLOR": "1"}
        if self.options.simd:
            held = HELD_TO[self.options.simd]
            flags = f"{os.environ.get('XLA_FLAGS', '')} {held['XLA_FLAGS']}".strip()
            self.environment |= {**held, "XLA_FLAGS": flags}
        if not self.options.gpu:
            self.environment |= {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}

    def config(self, name, batch, images):
        """Returns the effective config as a file, its experiment and the number of images, at most `images`."""
        sets = [*self.options.set, f"train.batch={batch}", f"train.epochs={self.options.epochs}"]

        def effective():
            words = [word for assignment in sets for word in ("--set", assignment)]
            path = self.folder / "effective.toml"
            path.write_text(run([self.vae, "config", name, *words]), encoding="utf-8")
            return path, plan.read(path)

        path, experiment = effective()
        # Two configs can have the same name; a number makes their files and weights distinct.
        self.configs += 1
        count, data = experiment.count, self.options.data
        if count is None:
            count = plan.mnist_count(data) - experiment.aside
        if images and images < count:
            if experiment.data == "mnist":
                data = self.folder / f"{self.configs}-data"
                plan.first_of_mnist(self.options.data, experiment.aside + images, FEW, data)
            else:
                # The program sets the last images aside, so the first ones remain, for the peers as well.
                sets.append(f"data.{experiment.data}.validation={experiment.aside + count - images}")
                path, experiment = effective()
            count = images
        path = path.rename(self.folder / f"{self.configs}-{pathlib.Path(name).stem}.toml")
        self.data[path] = data
        return path, experiment, count

    def weights(self, config, seed):
        """Returns the initial weights of our run with this seed, from a run with a vanishing learning rate."""
        out, name = self.folder / "weights", f"{config.stem}-{seed}"
        experiment = plan.read(config)
        # One sample of z per image has the same weights, and takes less time to measure.
        sets = ["objective.elbo.beta=1", "train.learning_rate=1e-30", "train.batch=1000"]
        if not experiment.reads_data:
            channels, height, width = experiment.network.image
            sets += [f"data.noise.size=[{height}, {width}]", f"data.noise.channels={channels}", "data.noise.count=1"]
            sets += ["data.noise.test=1", "data.noise.validation=0"]
        words = [word for assignment in sets for word in ("--set", assignment)]
        words += ["--epochs", 1, "--seed", seed, "--out", out, "--name", name]
        words += [*(self.data_words(config) if experiment.reads_data else []), "--device", "cpu"]
        if not (out / name).exists():
            run([self.vae, "train", "-q", "--config", config, *words])
        return out / name / "model.safetensors"

    def data_words(self, config):
        """Returns the flag that names the data; the program refuses one for data that it makes itself."""
        return [] if plan.read(config).data == "noise" else ["--data", self.data[config]]

    def train_ours(self, config, seed, instructions=None):
        out = self.folder / "runs"
        name = f"run-{time.monotonic_ns()}"
        words = ["train", "--config", config, "--seed", seed, "--out", out, "--name", name]
        words += [*self.data_words(config), "--threads", self.options.threads, "--device", self.options.device]
        environment = {**self.environment, "VAE_SIMD": instructions} if instructions else self.environment
        process = Process([self.vae, *words], environment, "stderr")
        if process.failure:
            return {"failure": process.failure}
        records = map(json.loads, (out / name / "metrics.jsonl").read_text().splitlines())
        return self.figures(process, [record for record in records if record["split"] == "train"])

    def train_peer(self, mode, config, seed):
        # torch.compile caches its code; with a folder of its own a process cannot find that of an earlier one.
        with tempfile.TemporaryDirectory() as cache:
            environment = {**self.environment, "TORCHINDUCTOR_CACHE_DIR": cache}
            words = [mode, config, self.weights(config, seed), "--seed", seed]
            words += ["--data", self.data[config], "--threads", self.options.threads]
            words += ["--device", self.options.peers_device] if self.options.gpu else []
            process = Process([self.python, HERE / "peer.py", *words], environment, "stdout")
        if process.failure:
            return {"failure": process.failure}
        return self.figures(process, [json.loads(line) for line in process.lines if line.startswith("{")])

    def figures(self, process, epochs):
        return {
            "loss": epochs[-1]["loss"],
            "images_per_second": [epoch["images_per_second"] for epoch in epochs[1:]],
            "warm_up_seconds": epochs[0]["seconds"],
            "first_step_seconds": process.first_step,
            "peak_bytes": process.peak,
            "cores_others_used": process.others,
        }

    def products(self, config):
        if self.options.gpu:
            return {}
        process = Process(
            [self.python, HERE / "peer.py", "products", config, "--threads", self.options.threads],
            self.environment,
            "stdout",
        )
        if process.failure:
            return {"failure": process.failure}
        return {**json.loads(process.lines[-1]), "cores_others_used": process.others}

    def steady(self, train, where, told=None):
        """Repeats a run until the machine gave all its cores before and after it, at most TRIES times."""
        threads = self.options.threads
        for _ in range(TRIES):
            before = cores(threads)
            figures = train()
            figures["cores"] = min(before, cores(threads))
            say(f"{where}: {(told or brief)(figures)}, cores {figures['cores']:.2f}")
            if figures["cores"] >= ENOUGH * threads or "failure" in figures:
                break
        return figures

    def case(self, name, batch):
        """Measures one config at one batch size: all programs in turn, round after round."""
        options = self.options
        main, experiment, count = self.config(name, batch, options.images)
        where = f"{pathlib.Path(name).stem}, batch {batch}"
        limits = {mode: count for mode in [OURS, *options.modes]}
        if experiment.network.is_convolutional() and options.jax_conv_images and not options.gpu:
            # Whole batches only, because a short one would be slower.
            limit = min(count, -(-options.jax_conv_images // batch) * batch)
            limits |= {mode: limit for mode in options.modes if mode in JAX}
        configs = {count: main}
        for limit in set(limits.values()) - {count}:
            configs[limit] = self.config(name, batch, limit)[0]
        runs = {mode: [] for mode in limits}
        losses, products = {limit: [] for limit in configs}, []
        for seed in range(1, options.rounds + 1):
            for mode, limit in limits.items():
                config = configs[limit]
                train = functools.partial(self.train_peer, mode, config, seed)
                if mode in OUR_MODES:
                    train = functools.partial(self.train_ours, config, seed, OUR_MODES[mode])
                figures = self.steady(train, f"{where}, round {seed}, {mode}")
                runs[mode].append(figures)
                if mode == OURS and "failure" in figures:
                    fail(f"{where}: vae {figures['failure']}")
            products.append(self.products(main))
            losses[count].append(runs[OURS][-1]["loss"])
            for limit in set(configs) - {count}:
                # The loss of a peer that saw fewer images is compared with ours on the same number.
                figures = self.train_ours(configs[limit], seed)
                say(f"{where}, round {seed}, {OURS} on {limit} images, for the loss: {brief(figures)}")
                losses[limit].append(figures.get("loss", float("nan")))
        label = ", ".join([pathlib.Path(name).stem, *options.set])
        case = {"config": label, "batch": batch, "images": limits, "runs": runs}
        flops = experiment.network.flops_per_image(experiment.samples or 1)
        case |= {"our_losses": losses, "products": products, "flops_per_image": flops}
        return summarise(case, options.tolerance)


def brief(figures):
    if "failure" in figures:
        return figures["failure"]
    speed = statistics.median(figures["images_per_second"])
    disturbed = f", others used {others:.1f} cores" if (others := figures["cores_others_used"] or 0.0) > 0.1 else ""
    first = figures["first_step_seconds"]
    return f"{speed:.0f} images/s, loss {figures['loss']:.2f}, first step {first:.2f} s{disturbed}"


def summarise(case, tolerance):
    """Adds the medians over the rounds to `case`, and whether the losses agree."""
    rows = {}
    for mode, runs in case["runs"].items():
        good = [run for run in runs if "failure" not in run]
        if len(good) < len(runs):
            rows[mode] = {"void": next(run["failure"] for run in runs if "failure" in run)}
            continue
        median = lambda key: statistics.median(run[key] for run in good)
        row = {
            "images_per_second": statistics.median(speed for run in good for speed in run["images_per_second"]),
            "loss": median("loss"),
            "our_loss": statistics.median(case["our_losses"][case["images"][mode]]),
            "first_step_seconds": median("first_step_seconds"),
            "peak_bytes": median("peak_bytes"),
        }
        # The comparison makes a NaN void.
        if not abs(row["loss"] - row["our_loss"]) <= tolerance * abs(row["our_loss"]):
            row["void"] = f"its loss is {row['loss']:.2f}, ours {row['our_loss']:.2f}"
        rows[mode] = row
    ours = rows[OURS]["images_per_second"]
    step = case["batch"] / ours
    measured = [products["seconds"] for products in case["products"] if "seconds" in products]
    case |= {"rows": rows, "step_seconds": step, "products_seconds": min(measured, default=None)}
    for family, modes in (("torch", TORCH), ("jax", JAX)):
        speeds = {mode: rows[mode]["images_per_second"] for mode in modes if mode in rows and "void" not in rows[mode]}
        case[family] = max(speeds, key=speeds.get, default=None)
    return case


def machine():
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        name = models[0] if models else name
    return name


def graphics(options):
    """Returns the GPU and its driver under the names of NVIDIA's tool."""
    if not options.gpu:
        return ""
    try:
        number = (options.peers_device + ":0").split(":")[1]
        query = ["nvidia-smi", "-i", number, "--query-gpu=name,driver_version", "--format=csv,noheader"]
        name = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        name = "an unknown GPU"
    return f", {name}; ours on {options.device}"


def versions(bench):
    names = [line.split("==")[0] for line in (HERE / "requirements.txt").read_text().split()]
    code = "import importlib.metadata as m, sys; print(*(f'{n} {m.version(n)}' for n in sys.argv[1:]), sep=', ')"
    return f"{run([bench.vae, '--version']).strip()}, {run([bench.python, '-c', code, *names]).strip()}"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def tables(cases, options, about):
    detail, whole = [], []
    runs = [run for case in cases for runs in (*case["runs"].values(), case["products"]) for run in runs]
    others = max((run.get("cores_others_used") or 0.0 for run in runs), default=0.0)
    least = min(run["cores"] for case in cases for runs in case["runs"].values() for run in runs)
    if least < ENOUGH * options.threads:
        about += f" DISTURBED: the machine gave {least:.1f} of {options.threads} cores for a while."
    if others > 0.1:
        about += f" DISTURBED: other processes kept up to {others:.1f} cores busy; measure again on a quiet machine."
    for case in cases:
        ours = case["rows"][OURS]["images_per_second"]
        for mode, row in case["rows"].items():
            limited = case["images"][mode] != case["images"][OURS]
            start = [case["config"], case["batch"], mode + (f" ({case['images'][mode]} images)" if limited else "")]
            if "images_per_second" not in row:
                detail.append([*start, "VOID: " + row["void"], "", "", "", ""])
                continue
            first = f"{row['first_step_seconds']:.2f} s" + (" *" if mode == "jax-scan" else "")
            ratio = "VOID" if "void" in row else f"{ours / row['images_per_second']:.2f}"
            loss = f"{row['loss']:.2f}" + (f" VOID: {row['void']}" if "void" in row else "")
            peak = f"{row['peak_bytes'] / 2**20:.0f} MiB"
            detail.append([*start, f"{row['images_per_second']:.0f}", ratio, first, peak, loss])
        best = []
        for family in ("torch", "jax"):
            mode = case[family]
            best.append(f"{ours / case['rows'][mode]['images_per_second']:.2f} ({mode})" if mode else "")
        share = ""
        if case["products_seconds"]:
            products, step = case["products_seconds"] * 1e3, case["step_seconds"] * 1e3
            share = f"{products:.2f} ms of our {step:.2f} ms: {100 * products / step:.0f} %"
        flops = f"{case['flops_per_image'] / 1e9:.4f}"
        whole.append([case["config"], case["batch"], flops, f"{ours:.0f}", *best, share])
    head = ["config", "batch", "who", "images/s", "ours : this", "first step", "peak memory", "loss"]
    more = ["config", "batch", "GFLOP per image", "our images/s", "ours : best PyTorch", "ours : best JAX"]
    more.append("products at MKL's rate")
    return f"""{about}

{table(head, detail)}

\\* a scan returns nothing before the end of the first epoch.

{table(more, whole)}
"""


def main():
    options = arguments()
    bench = Bench(options)
    held = f", held to {options.simd}" if options.simd else ""
    about = f"{machine()}, {options.threads} cores{held}{graphics(options)}; {versions(bench)}. "
    about += f"Rounds: {options.rounds}, each of {options.epochs} epochs; the first epoch is not counted. "
    about += f"VOID: a failure, or a loss that differs from ours by more than {options.tolerance:.1%}."
    try:
        cases = [bench.case(name, batch) for name in options.configs for batch in options.batch]
    except plan.Refused as error:
        fail(error)
    if options.json:
        options.json.write_text(json.dumps({"about": about, "simd": options.simd, "cases": cases}, indent=1) + "\n", encoding="utf-8")
    print(tables(cases, options, about))


if __name__ == "__main__":
    main()
