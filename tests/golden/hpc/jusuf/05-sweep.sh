#!/bin/bash
# sweep, a step of reference, on cluster at jusuf. Written by `hqml job`.
# By hand, in the folder of the workflow: sbatch PATH/OF/THIS/FILE
#SBATCH --job-name=reference-sweep
#SBATCH --account=training2401
#SBATCH --time=00:20:00
#SBATCH --array=0-3%3
#SBATCH --output=%x-%A_%a.out
#SBATCH --signal=B:USR2@90
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --partition=batch
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=2
# shellcheck disable=SC1091,SC2016,SC2317

set -euo pipefail
unset "${!DWAVE_API_@}" # of who submits; only a program on the annealer gets what opens it

# How this ended, for `hqml job status`: exit status, and when it started and ended (seconds since 1970).
hqml_start=$(date +%s)
hqml_ended() {
    local status=$? folder=${HQML_RUN:-}/state name=sweep.$SLURM_ARRAY_TASK_ID
    trap '' INT TERM # which all processes of a job get that is cancelled, what is started here as well
    [[ -n ${HQML_RUN:-} ]] || return 0
    mkdir -p "$folder"
    echo "$status $hqml_start $(date +%s)" >"$folder/.$name"
    mv "$folder/.$name" "$folder/$name"
}
trap hqml_ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# 90 s before the time is over this script gets USR2 and hands it on; the program keeps its state in
# HQML_CHECKPOINT and ends. When it is started again, it goes on from there.
export HQML_CHECKPOINT=${HQML_RUN:+$HQML_RUN/checkpoints/sweep.$SLURM_ARRAY_TASK_ID}
HQML_CHECKPOINT=${HQML_CHECKPOINT:-$PWD/checkpoints/reference-sweep.$SLURM_ARRAY_TASK_ID}
mkdir -p "$HQML_CHECKPOINT"
export HQML_CHECKPOINT_SIGNAL=USR2
trap 'kill -s USR2 -- "${hqml_programs[@]}" 2>/dev/null || true' USR2

# The values of this task of the sweep.
case $SLURM_ARRAY_TASK_ID in
0) export slice=10 kernel=rbf ;;
1) export slice=10 kernel='it'"'"'s' ;;
2) export slice=20 kernel=rbf ;;
3) export slice=20 kernel='it'"'"'s' ;;
*) echo "the sweep has no task $SLURM_ARRAY_TASK_ID" >&2; exit 2 ;;
esac

# Software.
set +u # these may use variables that are not set
module --force purge
module load Stages/2025
. "$PROJECT/venvs/hqml/bin/activate"
set -u

# Environment.
export NCCL_SOCKET_IFNAME=ib0
export GLOO_SOCKET_IFNAME=ib0
export OMP_NUM_THREADS=8
export TITLE='it'"'"'s "$HOME" and `date`'
export DATA=data

# What each task runs.
run_sweep() {
    set -euo pipefail
    trap : USR2 # is for the program; this shell waits for its end
    export HQML_TASK=$SLURM_PROCID HQML_TASKS=2
    ulimit -c 0
    python sweep.py --slice "$slice" --kernel "$kernel" --part "$HQML_TASK"
}
export -f run_sweep

srun --cpu-bind=none --kill-on-bad-exit=0 bash -c run_sweep &
hqml_program=$!
hqml_programs=("$hqml_program")

# A signal interrupts `wait`, so wait for as long as the program lives, and then ask how it ended.
while kill -0 "$hqml_program" 2>/dev/null; do wait "$hqml_program" || true; done
hqml_status=0
wait "$hqml_program" || hqml_status=$?

# 75: the program has more to do; 130, 140: a signal ended it. Then the step is queued again, unless it is cancelled.
hqml_requeue() {
    local job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
    for _ in {1..8}; do # a busy Slurm does not answer at once
        hqml_told="Slurm does not answer"
        case $(scontrol show job "$job") in
        *JobState=RUNNING*)
            echo "reference-sweep has more to do, and is queued again"
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
75 | 130 | 140)
    hqml_told="was queued again 10 times already"
    ((${SLURM_RESTART_COUNT:-0} >= 10)) || hqml_requeue
    echo "reference-sweep has more to do, but $hqml_told" >&2
    ;;
esac

exit "$hqml_status"
