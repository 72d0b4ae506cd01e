"""Checks that one training on several processes gives the same bytes as on one: `python3 tests/mpi.py VAE [CHECK ...]`.

VAE is a binary with the feature `mpi`. The checks are functions of this file; without a name all run but `hosts`, which needs
root. `kills` takes the number of kills from the environment variable KILLS.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

VAE = str(Path(sys.argv[1]).resolve())
SCRATCH = Path(tempfile.mkdtemp(prefix="vae-mpi-"))
ENVIRONMENT = os.environ | {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    # More processes than cores.
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    # What is left of a killed job must not be waited for.
    "OMPI_MCA_orte_abort_on_non_zero_status": "1",
}

# Small trainings, each with what sets it apart: an MLP; clipping, skipped steps and an average; convolutions.
TRAININGS = {
    "smoke": ["--config", "smoke", "--epochs", "2"],
    "limits": [
        *["--config", "smoke", "--epochs", "2", "--set", "train.clip=50", "--set", "train.skip_above=400"],
        *["--set", "train.ema=0.99", "--set", "data.digits.validation=100", "--set", "train.patience=5"],
    ],
    "convolutions": ["--config", ".ci/convolutions.toml", "--epochs", "1"],
}
if "VAE_DATA" in os.environ:
    TRAININGS["mnist"] = ["--config", "mnist", "--epochs", "1"]


def mpirun(count, arguments, *more):
    """Returns the command that runs `vae ARGUMENTS` on `count` processes."""
    return ["mpirun", "-n", str(count), *more, VAE, "--threads", "1", *map(str, arguments)]


def run(command, code=0, **options):
    """Runs a command, and returns its output; its exit code has to be `code`."""
    options.setdefault("timeout", 600)
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, **options)
    if done.returncode != code:
        fail(f"{' '.join(command)}: expected exit code {code}, found {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def fail(what):
    print(f"FAILED: {what}")
    sys.exit(1)


def expect(holds, what):
    if not holds:
        fail(what)


def records(folder):
    """Returns the records of a run without their times."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        del line["seconds"], line["images_per_second"], line["timestamp"]
    return lines


def same(folder, other):
    """Checks that two runs have the same model and the same records."""
    for name in ["model.safetensors", "best.safetensors", "last.safetensors"]:
        ours, theirs = folder / name, other / name
        expect(ours.exists() == theirs.exists(), f"{name}: in one of {folder}, {other} only")
        if ours.exists():
            expect(ours.read_bytes() == theirs.read_bytes(), f"{ours} and {theirs} differ")
    expect(records(folder) == records(other), f"the records of {folder} and {other} differ")


def train(name, count, run_name, code=0, launcher=None, shards=8):
    arguments = ["train", *TRAININGS[name], "--set", f"train.shards={shards}", "--out", SCRATCH, "--name", run_name]
    launcher = launcher or (lambda: mpirun(count, arguments) if count else [VAE, *map(str, arguments)])
    run(launcher(), code)
    return SCRATCH / run_name


def same_bytes():
    for name in TRAININGS:
        alone = train(name, 0, f"{name}-alone")
        for count in [1, 2, 4, 8]:
            same(train(name, count, f"{name}-{count}"), alone)
        print(f"{name}: the same bytes on 1, 2, 4 and 8 processes")


def instruction_sets():
    """One process with AVX2 beside one with all that the processor has."""
    alone = train("smoke", 0, "sets-alone")
    arguments = ["train", *TRAININGS["smoke"], "--set", "train.shards=8", "--out", SCRATCH, "--name", "sets"]
    command = mpirun(1, arguments) + [":", "-n", "1", "-x", "VAE_SIMD=avx2", *mpirun(1, arguments)[3:]]
    if "avx2" not in Path("/proc/cpuinfo").read_text():
        print("skipped: no AVX2")
        return
    run(command)
    same(SCRATCH / "sets", alone)
    print("smoke: the same bytes with two instruction sets in one training")
    command[command.index("VAE_SIMD=avx2")] = "VAE_SIMD=scalar"
    command = [word if word != "sets" else "sets-scalar" for word in command]
    done = run(command, 2)
    expect("the arithmetic is not the same everywhere" in done.stderr, done.stderr)
    print("scalar code beside vectors is refused")


def evaluations():
    folder = train("smoke", 0, "evaluated")
    found = []
    for count in [0, 1, 2, 3]:
        arguments = ["eval", folder, "--importance-samples", "1,20", "--json"]
        done = run(mpirun(count, arguments) if count else [VAE, *map(str, arguments)])
        report = json.loads((folder / "report.json").read_text())
        printed = json.loads(done.stdout)
        for values in [report, printed]:
            for key in [key for key in values if "seconds" in key]:
                del values[key]
        found.append((report, printed))
    expect(all(report == found[0] for report in found), "the reports differ")
    print("eval: the same report on 1, 2 and 3 processes")

    def same_everywhere(name, arguments, made=()):
        outputs = []
        for count in [0, 1, 2, 3]:
            done = run(mpirun(count, arguments) if count else [VAE, *map(str, arguments)])
            outputs.append((done.stdout, [path.read_bytes() for path in made]))
        expect(all(output == outputs[0] for output in outputs), f"{name}: the results differ")
        print(f"{name}: the same bytes on 1, 2 and 3 processes")

    normal, new = SCRATCH / "normal", SCRATCH / "new"
    for place, seed in [(normal, "1"), (new, "2")]:
        run([VAE, "sample", str(folder), "--n", "600", "--seed", seed, "--out", str(place)])
    run([VAE, "calibrate", str(folder), "--normal", str(normal)])
    same_everywhere("score", ["score", folder, new, "--json"])
    same_everywhere("disentangle", ["disentangle", folder, "--json"])
    same_everywhere("embed", ["embed", folder], [folder / "latents.npy", folder / "latents.csv"])
    array = SCRATCH / "samples.npy"
    same_everywhere("sample", ["sample", folder, "--n", "1234", "--out", array], [array])


def refusals():
    def refused(count, arguments, words, code=2):
        done = run(mpirun(count, arguments), code)
        errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        expect(len(errors) == 1 and words in errors[0], f"expected one error with {words!r}, found:\n{done.stderr}")

    smoke = ["train", "--config", "smoke", "--out", SCRATCH]
    refused(2, smoke, "cannot divide train.shards = 1 evenly")
    refused(3, [*smoke, "--set", "train.shards=8"], "cannot divide train.shards = 8 evenly")
    refused(2, [*smoke, "--set", "train.shards=6"], "expected a power of two")
    refused(2, ["train", "--config", "no-such-preset", "--out", SCRATCH], "no-such-preset")
    refused(2, [*smoke, "--set", "train.shards=2", "--set", "objective.beta-tc="], "looks at a batch as a whole")
    # Another config on one of the processes.
    two = [*smoke, "--set", "train.shards=2"]
    command = mpirun(1, two) + [":", "-n", "1", *mpirun(1, [*two, "--seed", "7"])[3:]]
    done = run(command, 2)
    expect("the config (its hash) is not the same everywhere" in done.stderr, done.stderr)
    # An error of one process alone ends all at once.
    (SCRATCH / "file").write_text("")
    began = time.time()
    refused(2, [*two[:-4], "--set", "train.shards=2", "--out", SCRATCH / "file" / "runs"], "file")
    expect(time.time() - began < 20, "the others did not learn of the error of the first process")
    TRAININGS["locked"] = ["--config", "smoke", "--epochs", "400"]
    job = started(1, "locked", "locked")
    time.sleep(2)
    refused(2, ["train", "--resume", SCRATCH / "locked"], "another process is training this run")
    job.terminate()
    job.communicate(timeout=30)
    done = run(mpirun(2, ["devices"]))
    expect(done.stdout.count("instruction set:") == 1, "one process prints")
    print("what cannot be divided is refused, with one message")


def started(count, name, run_name, *more, resume=False):
    out = SCRATCH / run_name
    arguments = ["train", *TRAININGS[name], "--set", "train.shards=8", "--out", SCRATCH, "--name", run_name]
    if resume:
        arguments = ["train", "--resume", out]
    arguments += more
    return subprocess.Popen(
        mpirun(count, arguments), env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def ranks_of(launcher):
    """Returns the ids of the processes that a launcher has started."""
    found = subprocess.run(["pgrep", "-P", str(launcher.pid), "-x", Path(VAE).name], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


def kills():
    """Kills one process at random moments, and resumes with another number of processes."""
    count = int(os.environ.get("KILLS", "5"))
    rng = random.Random(1)
    # Long enough that the kills come before its end, on a fast machine too.
    TRAININGS["killed"] = ["--config", "smoke", "--epochs", str(120 * count), "--set", "train.save_every=0.05"]
    alone = train("killed", 0, "killed-alone")
    resume, slowest, hits = False, 0.0, 0
    for kill in range(count):
        job = started(rng.choice([1, 2, 4]), "killed", "killed", resume=resume)
        time.sleep(0.3 + 1.5 * rng.random())
        ranks = ranks_of(job)
        if ranks and job.poll() is None:
            os.kill(rng.choice(ranks), signal.SIGKILL)
            hits += 1
        began = time.time()
        job.communicate(timeout=30)
        slowest = max(slowest, time.time() - began)
        resume = (SCRATCH / "killed" / "config.toml").exists()
    run(mpirun(2, ["train", "--resume", SCRATCH / "killed"]) if resume else [VAE, "devices"])
    same(SCRATCH / "killed", alone)
    expect(slowest < 5, f"the others ended {slowest:.1f} s after a kill; expected less than 5 s")
    expect(hits > count / 2, f"{hits} of {count} kills came before the end")
    print(f"{hits} kills, resumed with other numbers of processes: the same bytes; all ended {slowest:.1f} s after a kill or earlier")


def wait_for_an_epoch(name):
    """Waits until a training has recorded its first epoch."""
    records = SCRATCH / name / "metrics.jsonl"
    began = time.time()
    while not (records.exists() and records.stat().st_size):
        expect(time.time() - began < 60, f"{name}: no epoch after a minute")
        time.sleep(0.02)


def signals():
    """SIGTERM to one process saves the state and ends all with exit code 130."""
    TRAININGS["stopped"] = ["--config", "smoke", "--epochs", "400"]
    alone = train("stopped", 0, "stopped-alone")
    job = started(2, "stopped", "stopped")
    wait_for_an_epoch("stopped")
    for rank in ranks_of(job)[:1]:
        os.kill(rank, signal.SIGTERM)
    _, text = job.communicate(timeout=30)
    expect(job.returncode == 130, f"expected exit code 130, found {job.returncode}\n{text}")
    expect("saved" in text, text)
    run(mpirun(4, ["train", "--resume", SCRATCH / "stopped"]))
    same(SCRATCH / "stopped", alone)
    print("a signal to one process stops all, saved, with exit code 130")


def silence():
    """A process that does not answer ends the job after the timeout."""
    TRAININGS["silent"] = ["--config", "smoke", "--epochs", "100000"]
    job = started(2, "silent", "silent", "--mpi-timeout", "4")
    wait_for_an_epoch("silent")
    ranks = ranks_of(job)
    os.kill(ranks[-1], signal.SIGSTOP)
    began = time.time()
    _, text = job.communicate(timeout=30)
    seconds = time.time() - began
    expect(job.returncode == 1, f"expected exit code 1, found {job.returncode}\n{text}")
    expect("has not answered for 4 s" in text and "--resume" in text, text)
    expect(seconds < 4 + 5, f"ended after {seconds:.1f} s")
    print(f"a process that is silent for 4 s ends the job after {seconds:.1f} s, by name")


HOSTS = ["vae-host-1", "vae-host-2"]


def ip(*words):
    run(["ip", *words])


class Hosts:
    """Two hosts on this machine, in network namespaces of their own, joined by a bridge; MPI reaches them over TCP."""

    def __enter__(self):
        self.remove()
        ip("link", "add", "vae-bridge", "type", "bridge")
        ip("link", "set", "vae-bridge", "up")
        names = "".join(f"10.77.0.{number} {host}\n" for number, host in enumerate(HOSTS, 1))
        for number, host in enumerate(HOSTS, 1):
            ip("netns", "add", host)
            ip("link", "add", f"vae-link-{number}", "type", "veth", "peer", "name", "eth0", "netns", host)
            ip("link", "set", f"vae-link-{number}", "master", "vae-bridge", "up")
            ip("-n", host, "address", "add", f"10.77.0.{number}/24", "dev", "eth0")
            ip("-n", host, "link", "set", "eth0", "up")
            ip("-n", host, "link", "set", "lo", "up")
            folder = Path("/etc/netns") / host
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "hosts").write_text("127.0.0.1 localhost\n" + names)
        # What MPI calls in place of ssh.
        self.agent = SCRATCH / "agent"
        self.agent.write_text('#!/bin/sh\nhost=$1; shift; exec ip netns exec "$host" unshare --uts sh -c "hostname $host; $*"\n')
        self.agent.chmod(0o755)
        return self

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        for number, host in enumerate(HOSTS, 1):
            subprocess.run(["ip", "netns", "delete", host], capture_output=True)
            shutil.rmtree(Path("/etc/netns") / host, ignore_errors=True)
            subprocess.run(["ip", "link", "delete", f"vae-link-{number}"], capture_output=True)
        subprocess.run(["ip", "link", "delete", "vae-bridge"], capture_output=True)

    def mpirun(self, arguments):
        """Returns the command that runs `vae ARGUMENTS` on one process on each host."""
        words = [
            *["mpirun", "--host", ",".join(f"{host}:1" for host in HOSTS), "-n", "2"],
            *["--mca", "plm_rsh_agent", self.agent, "--mca", "btl", "tcp,self"],
            *["--mca", "btl_tcp_if_include", "eth0", "--mca", "oob_tcp_if_include", "eth0"],
            *["--wdir", Path.cwd(), VAE, "--threads", "1", *arguments],
        ]
        words = " ".join(f"'{word}'" for word in words)
        return ["ip", "netns", "exec", HOSTS[0], "unshare", "--uts", "sh", "-c", f"hostname {HOSTS[0]}; exec {words}"]


def hosts():
    """Trains on two hosts over TCP; one is killed, and then the link goes down. Needs root."""
    TRAININGS["hosts"] = ["--config", "smoke", "--epochs", "200", "--set", "train.save_every=0.1"]
    alone = train("hosts", 0, "hosts-alone")
    arguments = ["train", *TRAININGS["hosts"], "--set", "train.shards=8", "--out", SCRATCH, "--name", "hosts"]
    resume = ["train", "--resume", SCRATCH / "hosts", "--mpi-timeout", "5"]

    def begin(words, pause):
        job = subprocess.Popen(hosts.mpirun(words), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(pause)
        if job.poll() is not None:
            fail(f"it ended before its time:\n{job.communicate()[0]}")
        return job, time.time()

    def ended(job, began, most):
        text = job.communicate(timeout=60)[0]
        seconds = time.time() - began
        expect(job.returncode != 0 and seconds < most, f"ended after {seconds:.1f} s with {job.returncode}:\n{text}")
        return text, seconds

    with Hosts() as hosts:
        job, _ = begin(arguments, 2.5)
        remote = subprocess.run(["ip", "netns", "pids", HOSTS[1]], capture_output=True, text=True).stdout.split()
        names = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in remote if Path(f"/proc/{pid}").exists()}
        os.kill(next(int(pid) for pid, name in names.items() if name == Path(VAE).name), signal.SIGKILL)
        _, seconds = ended(job, time.time(), 10)
        print(f"two hosts: all ended {seconds:.1f} s after one process was killed")
        job, _ = begin(resume, 2.5)
        ip("link", "set", "vae-link-2", "down")
        text, seconds = ended(job, time.time(), 5 + 10)
        expect("has not answered for 5 s" in text, text)
        print(f"two hosts: all ended {seconds:.1f} s after the link went down (--mpi-timeout 5)")
        subprocess.run(["pkill", "-KILL", "-f", f"{VAE}.*{SCRATCH}"])
        ip("link", "set", "vae-link-2", "up")
        time.sleep(1)
        run(hosts.mpirun(resume))
    same(SCRATCH / "hosts", alone)
    print("two hosts, over TCP: the same bytes as on one process")


CHECKS = [same_bytes, instruction_sets, evaluations, refusals, kills, signals, silence]


def main():
    names = sys.argv[2:]
    known = {check.__name__: check for check in [*CHECKS, hosts]}
    for name in names or [check.__name__ for check in CHECKS]:
        known[name]()


if __name__ == "__main__":
    try:
        main()
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)
