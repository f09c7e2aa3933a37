#!/bin/bash
# ensemble, a step of reference, on lumi-c, lumi-g at lumi. Written by `hqml job`.
# By hand, in the folder of the workflow: sbatch PATH/OF/THIS/FILE
#SBATCH --job-name=reference-ensemble
#SBATCH --account=training2401
#SBATCH --time=00:30:00
#SBATCH --output=%x-%j.out
#SBATCH --signal=B:USR1@60
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --partition=standard
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=2
#SBATCH hetjob
#SBATCH --partition=standard-g
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=28
#SBATCH --gpus-per-node=2
#SBATCH hetjob
#SBATCH --partition=standard
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=64
# shellcheck disable=SC1091,SC2016,SC2317

set -euo pipefail
unset "${!DWAVE_API_@}" # of who submits; only a program on the annealer gets what opens it

# How this ended, for `hqml job status`: exit status, and when it started and ended (seconds since 1970).
hqml_start=$(date +%s)
hqml_ended() {
    local status=$? folder=${HQML_RUN:-}/state name=ensemble
    trap '' INT TERM # which all processes of a job get that is cancelled, what is started here as well
    [[ -n ${HQML_RUN:-} ]] || return 0
    mkdir -p "$folder"
    echo "$status $hqml_start $(date +%s)" >"$folder/.$name"
    mv "$folder/.$name" "$folder/$name"
}
trap hqml_ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# 60 s before the time is over this script gets USR1 and hands it on; the program keeps its state in
# HQML_CHECKPOINT and ends. When it is started again, it goes on from there.
export HQML_CHECKPOINT=${HQML_RUN:+$HQML_RUN/checkpoints/ensemble}
HQML_CHECKPOINT=${HQML_CHECKPOINT:-$PWD/checkpoints/reference-ensemble}
mkdir -p "$HQML_CHECKPOINT"
trap 'kill -s USR1 -- "${hqml_programs[@]}" 2>/dev/null || true' USR1

# Environment of all.
export NCCL_SOCKET_IFNAME=hsn0,hsn1,hsn2,hsn3
export NCCL_NET_GDR_LEVEL=3
export OMP_NUM_THREADS=8
export TITLE='it'"'"'s "$HOME" and `date`'

# ranks, on LUMI-C.
run_ranks() {
    set -euo pipefail
    trap : USR1 # is for the program; this shell waits for its end
    set +u # these may use variables that are not set
    # not available in stage csc: python; nearest: 23.09 (default), 24.03 (3.11.7); no venv can bring it (a venv has the interpreter that made it); else a container (container:)
    # not available in stage csc: mpi; nearest: 24.03 (default); no venv can bring it (it must fit the site's network and scheduler); else a container (container:)
    module purge
    module use /appl/local/csc/modulefiles
    . "$PROJECT/venvs/hqml/bin/activate"
    set -u
    ulimit -c 0
    python slices.py
}

# gpus, on LUMI-G.
run_gpus() {
    set -euo pipefail
    trap : USR1 # is for the program; this shell waits for its end
    set +u # these may use variables that are not set
    # not available in stage csc: python; nearest: 23.09 (default), 24.03 (3.11.7); no venv can bring it (a venv has the interpreter that made it); else a container (container:)
    # not available in stage csc: mpi; nearest: 24.03 (default); no venv can bring it (it must fit the site's network and scheduler); else a container (container:)
    module purge
    module use /appl/local/csc/modulefiles
    . "$PROJECT/venvs/hqml/bin/activate"
    set -u
    ulimit -c 0
    python slices.py
}

# helpers, on LUMI-C.
run_helpers() {
    set -euo pipefail
    trap : USR1 # is for the program; this shell waits for its end
    set +u # these may use variables that are not set
    module purge
    module use /appl/local/csc/modulefiles
    . "$PROJECT/venvs/hqml/bin/activate"
    set -u
    export PORT=8001
    export HQML_TASK=$SLURM_PROCID HQML_TASKS=2
    ulimit -c 0
    python serve.py
}

export -f run_ranks run_gpus run_helpers

hqml_programs=()
srun --het-group=0 --nodes=2 --ntasks=4 --cpus-per-task=2 --kill-on-bad-exit=0 bash -c run_ranks : \
    --het-group=1 --nodes=1 --ntasks=2 --cpus-per-task=28 --kill-on-bad-exit=0 bash -c run_gpus &
hqml_programs[$!]=$!
srun --het-group=2 --nodes=1 --ntasks=2 --cpus-per-task=64 --kill-on-bad-exit=0 bash -c run_helpers &
hqml_programs[$!]=$!

# The first program that fails ends the others, and gives the step its status.
# Those that have more to do let the others finish.
hqml_status=0
while ((${#hqml_programs[@]})); do
    sleep 1 &
    wait $! || true
    for hqml_program in "${!hqml_programs[@]}"; do
        if kill -0 "$hqml_program" 2>/dev/null; then continue; fi
        hqml_end=0
        wait "$hqml_program" || hqml_end=$?
        unset "hqml_programs[hqml_program]"
        case $hqml_end in
        0) ;;
        75 | 130 | 138) hqml_later=$hqml_end ;;
        *)
            ((hqml_status)) || hqml_status=$hqml_end
            kill -- "${hqml_programs[@]}" 2>/dev/null || true
            ;;
        esac
    done
done
((hqml_status)) || hqml_status=${hqml_later:-0}

# 75: the program has more to do; 130, 138: a signal ended it. Then the step is queued again, unless it is cancelled.
hqml_requeue() {
    local job=$SLURM_JOB_ID
    for _ in {1..8}; do # a busy Slurm does not answer at once
        hqml_told="Slurm does not answer"
        case $(scontrol show job "$job") in
        *JobState=RUNNING*)
            echo "reference-ensemble has more to do, and is queued again"
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
    hqml_told="was queued again 10 times already"
    ((${SLURM_RESTART_COUNT:-0} >= 10)) || hqml_requeue
    echo "reference-ensemble has more to do, but $hqml_told" >&2
    ;;
esac

exit "$hqml_status"
