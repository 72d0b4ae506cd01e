#!/usr/bin/env bash
# Runs a plan of four trainings with a real GNU parallel and a real SLURM of one node, and checks the Job for Kubernetes offline:
# `bash tests/sweep_engines.sh VAE [MPI]`, where MPI is the program built with the feature `mpi`, if srun is to start one training on
# two processes. Trainings are killed, stopped and requeued on the way, and must end with the bytes of trainings
# that were left alone. Needs Linux; apt-get installs what is missing, if it can. What cannot be had is said to be skipped.
set -euo pipefail
vae=$(realpath "$1")
mpi=${2:+$(realpath "$2")}
threads=1
export NO_COLOR=1
unset SLURM_ARRAY_TASK_ID JOB_COMPLETION_INDEX HQ_TASK_ID PARALLEL_SEQ PBS_ARRAY_INDEX SGE_TASK_ID AWS_BATCH_JOB_ARRAY_INDEX

scratch=$(mktemp -d)
daemons=()
finish() {
    # The daemons are those that this script has started.
    for daemon in "${daemons[@]}"; do kill -KILL "$daemon" 2>/dev/null || true; done
    rm -rf "$scratch"
}
trap finish EXIT
chmod 755 "$scratch"
mkdir "$scratch/bin"
ln -s "$vae" "$scratch/bin/vae"
export PATH="$scratch/bin:$PATH"

fail() {
    echo "FAILED: $*"
    exit 1
}

# Succeeds if the programs after `--` are there, if necessary after apt-get has installed the packages before it.
has() {
    local packages=() program
    while [ "$1" != -- ]; do packages+=("$1"); shift; done
    shift
    there() { for program in "$@"; do command -v "$program" >/dev/null || return 1; done; }
    if ! there "$@" && command -v apt-get >/dev/null; then
        local root=()
        [ "$(id -u)" = 0 ] || root=(sudo -n)
        { "${root[@]}" apt-get update && "${root[@]}" apt-get install -y --no-install-recommends "${packages[@]}"; } \
            >"$scratch/apt.log" 2>&1 || tail -n 2 "$scratch/apt.log"
    fi
    there "$@" && return
    echo "skipped: there is no $* here, and apt-get cannot install it (${packages[*]})"
    false
}

# Prints the id of the process that trains task $1 in the folder $2, or nothing.
process() {
    local id folder
    for id in $(pgrep -f ' sweep plan.jsonl '); do
        folder=/proc/$id
        [ "$(readlink "$folder/cwd" 2>/dev/null)" = "$2" ] && [ "$(readlink "$folder/exe" 2>/dev/null)" = "$vae" ] || continue
        if tr '\0' ' ' <"$folder/cmdline" | grep -q -- "--task $1 " || tr '\0' '\n' <"$folder/environ" 2>/dev/null | grep -qx "SLURM_ARRAY_TASK_ID=$1"; then
            echo "$id"
            return
        fi
    done
}

# Waits until the command "$@" succeeds.
wait_for() {
    for _ in $(seq 1800); do
        if "$@"; then return; fi
        sleep 0.1
    done
    fail "nothing happens: $*"
}

name() { echo "smoke-beta=$((1 + 3 * ($1 / 2)))-seed=$((1 + $1 % 2))"; }
# Succeeds if task $2 has at least two epochs in the folder of runs $1, and a process trains it in the folder $3.
is_under_way() { [ "$(cat "$1/$(name "$2")/metrics.jsonl" 2>/dev/null | wc -l)" -ge 4 ] && [ -n "$(process "$2" "$3")" ]; }
# Succeeds if all runs in the folder $1 have the bytes of the runs that were left alone.
same() {
    local task
    for task in 0 1 2 3; do
        cmp "$scratch/alone/$(name "$task")/model.safetensors" "$1/$(name "$task")/model.safetensors" || fail "$1: task $task has other bytes"
    done
}

cd "$scratch"
vae sweep --config smoke --set objective.elbo.beta=1,4 --set data.digits.train=4000 --seeds 2 --epochs 120 --plan plan.jsonl -q
vae sweep plan.jsonl -q --threads "$threads" --out alone >/dev/null
echo "four trainings, one after another: done"

echo '--- GNU parallel'
if has parallel -- parallel; then
    mkdir parallel && cd parallel
    cp ../plan.jsonl .
    vae sweep plan.jsonl --emit parallel -q >sweep.sh
    sh sweep.sh >log.txt 2>&1 &
    script=$!
    # A task that is killed is started again at once.
    wait_for is_under_way runs 0 "$PWD"
    kill -KILL "$(process 0 "$PWD")"
    # parallel ends when it is asked to; the tasks under way save their states first.
    wait_for is_under_way runs 2 "$PWD"
    job=$(process 2 "$PWD")
    pkill -TERM -x perl -P "$script" 2>/dev/null || kill -TERM "$(ps -o pid= --ppid "$script" | head -n 1)"
    pkill -TERM -x perl -P "$script" 2>/dev/null || true
    wait "$script" || true
    wait_for test ! -e "/proc/$job"
    vae sweep plan.jsonl --table
    sh sweep.sh >>log.txt 2>&1 || { cat log.txt; fail 'the second run of the script failed'; }
    same runs
    vae sweep plan.jsonl --table --json | grep -q '"tasks_done":4' || fail 'expected four tasks that are done'
    echo 'one task killed, parallel stopped, and run again: the same bytes'
    cd ..
fi

echo '--- SLURM'
if has slurm-wlm munge -- slurmctld slurmd sbatch munged; then
    if [ "$(id -u)" != 0 ]; then
        echo 'skipped: only root can start a SLURM here'
    else
        mkdir slurm slurm/state slurm/spool && cd slurm
        dd if=/dev/urandom of=munge.key bs=1024 count=1 2>/dev/null && chmod 400 munge.key
        munged --force --foreground --socket="$PWD/munge.socket" --key-file="$PWD/munge.key" --pid-file="$PWD/munge.pid" \
            --log-file="$PWD/munge.log" --seed-file="$PWD/munge.seed" >munged.txt 2>&1 &
        daemons+=($!)
        wait_for test -S munge.socket
        host=$(hostname -s)
        cat >slurm.conf <<CONF
ClusterName=sweep
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=26817
SlurmdPort=26818
AuthType=auth/munge
AuthInfo=socket=$PWD/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$PWD/state
SlurmdSpoolDir=$PWD/spool
SlurmctldPidFile=$PWD/slurmctld.pid
SlurmdPidFile=$PWD/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=1,sched_interval=1
KillWait=5
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
        export SLURM_CONF=$PWD/slurm.conf
        slurmctld -D -c >slurmctld.log 2>&1 &
        daemons+=($!)
        slurmd -D -c >slurmd.log 2>&1 &
        daemons+=($!)
        wait_for sh -c 'sinfo -h -o %t 2>/dev/null | grep -qx idle' || { tail -n 5 slurmctld.log slurmd.log; exit 1; }
        cp ../plan.jsonl .
        vae sweep plan.jsonl --emit slurm --threads 1 -q >sweep.sbatch
        job=$(sbatch --parsable sweep.sbatch)
        # The signal that SLURM sends before a time limit: the training saves, and the script puts the task back into the queue.
        wait_for is_under_way runs 0 "$PWD"
        kill -TERM "$(process 0 "$PWD")"
        # A task that an administrator, or a more urgent job, puts back into the queue.
        wait_for is_under_way runs 1 "$PWD"
        scontrol requeue "${job}_1"
        # A task that is killed has failed; it is submitted again below.
        wait_for is_under_way runs 2 "$PWD"
        kill -KILL "$(process 2 "$PWD")"
        # SLURM waits two minutes before it starts such a job again, unless it is told to start it now.
        for task in 0 1; do
            wait_for sh -c "squeue -h -o '%i %t' | grep -qx '${job}_$task PD'"
            scontrol update JobId="${job}_$task" StartTime=now
        done
        ended() { [ -z "$(squeue -h 2>/dev/null)" ]; }
        wait_for ended
        vae sweep plan.jsonl --table
        grep -h 'interrupted' plan-0.log || fail 'expected task 0 to save its state'
        [ ! -e plan-2.log ] || grep -q 'interrupted' plan-2.log && fail 'task 2 was killed, not stopped'
        sbatch --wait --array=0-3 sweep.sbatch >/dev/null || { tail -n 5 plan-*.log; fail 'the second array failed'; }
        grep -q 'task 3 is already done' plan-3.log || fail 'expected task 3 to be already done'
        same runs
        echo 'a task stopped, one requeued, one killed and submitted again: the same bytes'
        # A job that is cancelled stays so.
        vae sweep --config smoke --epochs 100000 --plan long.jsonl -q >/dev/null
        vae sweep long.jsonl --emit slurm --threads 1 -q >long.sbatch
        job=$(sbatch --parsable long.sbatch)
        wait_for test -s 'runs/smoke-seed=1/metrics.jsonl'
        scancel "$job"
        wait_for ended
        echo 'a cancelled job is not requeued'
        if [ -z "$mpi" ]; then
            echo 'skipped: srun with two processes of one training, without a program that has the feature mpi'
        else
            one_training=(train -q --config smoke --set train.shards=2 --device cpu --threads 1 --out srun)
            "$mpi" "${one_training[@]}" --epochs 2 --name alone >/dev/null
            srun -n 2 --mpi=pmix "$mpi" "${one_training[@]}" --epochs 2 --name two
            cmp srun/alone/model.safetensors srun/two/model.safetensors || fail 'srun: expected the bytes of one process'
            # SLURM sends this signal before a time limit; the training saves its state, and goes on after it.
            srun -n 2 --mpi=pmix "$mpi" "${one_training[@]}" --epochs 100000 --name long >/dev/null 2>long.txt &
            step=$!
            wait_for test -s srun/long/metrics.jsonl
            scancel --signal=TERM "$(squeue -h -o %A)"
            code=0
            wait "$step" || code=$?
            [ "$code" != 0 ] && grep -q 'saved' long.txt || { cat long.txt; fail 'srun: expected a state that is saved'; }
            epochs=$(($(wc -l <srun/long/metrics.jsonl) / 2 + 2))
            srun -n 2 --mpi=pmix "$mpi" train -q --resume srun/long --epochs "$epochs" --threads 1 >/dev/null
            echo 'srun: two processes give the bytes of one, save at a signal, and go on'
        fi
        cd ..
    fi
fi

echo '--- Kubernetes'
vae sweep plan.jsonl --emit k8s -q >job.yaml
# The published schemas, as a Python package of one version and one hash.
python3 -m venv "$scratch/venv" 2>"$scratch/pip.log" &&
    echo 'kubernetes-validate==1.37.0 --hash=sha256:85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9' >requirements.txt &&
    "$scratch/venv/bin/pip" install --quiet --no-deps --require-hashes -r requirements.txt >"$scratch/pip.log" 2>&1 &&
    "$scratch/venv/bin/pip" install --quiet kubernetes-validate==1.37.0 >"$scratch/pip.log" 2>&1 ||
    tail -n 2 "$scratch/pip.log"
python=$scratch/venv/bin/python
[ -x "$python" ] || python=python3
"$python" - job.yaml <<'PYTHON'
import sys

try:
    import yaml
except ImportError:
    sys.exit(print("skipped: this Python has no yaml"))
job = yaml.safe_load(open(sys.argv[1]))
spec, pod = job["spec"], job["spec"]["template"]["spec"]
assert (job["apiVersion"], job["kind"], job["metadata"]["name"]) == ("batch/v1", "Job", "plan"), job
assert spec["completions"] == 4 and spec["completionMode"] == "Indexed" and spec["backoffLimitPerIndex"] == 3, spec
assert pod["restartPolicy"] == "Never", "a podFailurePolicy demands it"
container = pod["containers"][0]
assert container["command"] == ["vae", "sweep", "plan.jsonl", "--threads", "2"], container
assert [mount["name"] for mount in container["volumeMounts"]] == [volume["name"] for volume in pod["volumes"]], pod
assert container["workingDir"] == container["volumeMounts"][0]["mountPath"], "the plan and the runs are in the volume"
try:
    import kubernetes_validate
except ImportError:
    print("its fields are right; skipped: the published schema, because pip cannot install kubernetes-validate 1.37.0")
else:
    kubernetes_validate.validate(job, "1.33", strict=True)
    print("its fields are right, and it fits the schema of Kubernetes 1.33")
PYTHON
