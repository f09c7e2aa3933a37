#!/bin/bash
# train, a step of reference, on lumi-g at lumi. Written by `hqml job`.
# By hand, in the folder of the workflow: sbatch PATH/OF/THIS/FILE
#SBATCH --job-name=reference-train
#SBATCH --account=training2401
#SBATCH --time=02:00:00
#SBATCH --output=%x-%j.out
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --partition=standard-g
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=20
#SBATCH --gpus-per-node=4
# shellcheck disable=SC1091,SC2016,SC2317

set -euo pipefail
unset "${!DWAVE_API_@}" # of who submits; only a program on the annealer gets what opens it

# How this ended, for `hqml job status`: exit status, and when it started and ended (seconds since 1970).
hqml_start=$(date +%s)
hqml_ended() {
    local status=$? folder=${HQML_RUN:-}/state name=train
    trap '' INT TERM # which all processes of a job get that is cancelled, what is started here as well
    [[ -n ${HQML_RUN:-} ]] || return 0
    mkdir -p "$folder"
    echo "$status $hqml_start $(date +%s)" >"$folder/.$name"
    mv "$folder/.$name" "$folder/$name"
}
trap hqml_ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# 120 s before the time is over this script gets USR1 and hands it on; the program keeps its state in
# HQML_CHECKPOINT and ends. When it is started again, it goes on from there.
export HQML_CHECKPOINT=${HQML_RUN:+$HQML_RUN/checkpoints/train}
HQML_CHECKPOINT=${HQML_CHECKPOINT:-$PWD/checkpoints/reference-train}
mkdir -p "$HQML_CHECKPOINT"
trap 'kill -s USR1 -- "${hqml_programs[@]}" 2>/dev/null || true' USR1

# Software.
set +u # these may use variables that are not set
# not available in stage csc: python; nearest: 23.09 (default), 24.03 (3.11.7); no venv can bring it (a venv has the interpreter that made it); else a container (container:)
module purge
module use /appl/local/csc/modulefiles
. "$PROJECT/venvs/hqml/bin/activate"
set -u

# Environment.
export NCCL_SOCKET_IFNAME=hsn0,hsn1,hsn2,hsn3
export NCCL_NET_GDR_LEVEL=3
export OMP_NUM_THREADS=8
export TITLE='it'"'"'s "$HOME" and `date`'

# Hands USR1 on to all processes below one.
hqml_tell() {
    local child
    for child in $(pgrep -P "$1"); do
        kill -s USR1 "$child" 2>/dev/null || true
        hqml_tell "$child"
    done
}

# What each task runs.
run_train() {
    set -euo pipefail
    MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
    export MASTER_ADDR
    ulimit -c 0
    # torchrun hands no signal on, and takes a worker that has more to do (75) for one that failed.
    export hqml_later=$HQML_CHECKPOINT/.later-${SLURMD_NODENAME:-here}
    rm -f "$hqml_later"
    (
        trap '' USR1
        torchrun --nnodes=2 --nproc_per_node=4 --rdzv_backend=c10d --rdzv_id="$SLURM_JOB_ID" \
            --rdzv_endpoint="$MASTER_ADDR:$((20000 + SLURM_JOB_ID % 10000))" \
            --rdzv_conf=is_host=$((SLURM_NODEID == 0)) \
            --no-python sh -c 'python3 -u "$@" || { [ $? = 75 ] && echo >"$hqml_later"; }' worker \
            train.py --data data
    ) &
    local program=$!
    trap 'hqml_tell "$program"' USR1
    while kill -0 "$program" 2>/dev/null; do wait "$program" || true; done
    wait "$program"
    if [[ -e $hqml_later ]]; then exit 75; fi
}
export -f hqml_tell run_train

srun --cpus-per-task=20 --kill-on-bad-exit=0 bash -c run_train &
hqml_program=$!
hqml_programs=("$hqml_program")

# A signal interrupts `wait`, so wait for as long as the program lives, and then ask how it ended.
while kill -0 "$hqml_program" 2>/dev/null; do wait "$hqml_program" || true; done
hqml_status=0
wait "$hqml_program" || hqml_status=$?

# 75: the program has more to do; 130, 138: a signal ended it. Then the step is queued again, unless it is cancelled.
hqml_requeue() {
    local job=$SLURM_JOB_ID
    for _ in {1..8}; do # a busy Slurm does not answer at once
        hqml_told="Slurm does not answer"
        case $(scontrol show job "$job") in
        *JobState=RUNNING*)
            echo "reference-train has more to do, and is queued again"
            trap - EXIT # this is no end
            if scontrol requeue "$job"; then exit "$hqml_status"; fi
            trap hqml_ended EXIT
            hqml_told="Slurm does not queue it again"
            ;;
        *JobState=*) hqml_told="was ended" && break ;;
        esac
        sleep 5
    done
}
case $hqml_status in
75 | 130 | 138)
    hqml_told="was queued again 5 times already"
    ((${SLURM_RESTART_COUNT:-0} >= 5)) || hqml_requeue
    echo "reference-train has more to do, but $hqml_told" >&2
    ;;
esac

exit "$hqml_status"
