#!/bin/bash
# sweep, a step of reference, on cluster at local. Written by `hqml job`.
# By hand, in the folder of the workflow: bash PATH/OF/THIS/FILE
# shellcheck disable=SC1091,SC2016,SC2317

set -euo pipefail
unset "${!DWAVE_API_@}" # of who submits; only a program on the annealer gets what opens it

# Without a scheduler the tasks of the sweep run one after another, unless SLURM_ARRAY_TASK_ID names one.
if [[ -z ${SLURM_ARRAY_TASK_ID:-} ]]; then
    hqml_status=0
    for hqml_index in {0..3}; do
        SLURM_ARRAY_TASK_ID=$hqml_index bash "$0" || hqml_status=$?
    done
    exit "$hqml_status"
fi

# Each program is a group of processes, which can be ended as a whole.
set -m

# How this ended, for `hqml job status`: exit status, and when it started and ended (seconds since 1970).
hqml_start=$(date +%s)
hqml_ended() {
    local status=$? folder=${HQML_RUN:-}/state name=sweep.$SLURM_ARRAY_TASK_ID program
    trap '' INT TERM # which all processes of a job get that is cancelled, what is started here as well
    for program in $(jobs -p); do kill -- "-$program" 2>/dev/null || true; done
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
. "$PROJECT/venvs/hqml/bin/activate"
set -u

# Environment.
export OMP_NUM_THREADS=8
export TITLE='it'"'"'s "$HOME" and `date`'
export DATA=data

# What each task runs.
run_sweep() {
    set -euo pipefail
    trap : USR2 # is for the program; this shell waits for its end
    ulimit -c 0
    python sweep.py --slice "$slice" --kernel "$kernel" --part "$HQML_TASK"
}
export -f run_sweep

hqml_programs=()
for hqml_number in {0..1}; do
    HQML_TASK=$hqml_number HQML_TASKS=2 bash -c run_sweep &
    hqml_programs[$!]=-$!
done

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
        75 | 130 | 140) hqml_later=$hqml_end ;;
        *)
            ((hqml_status)) || hqml_status=$hqml_end
            kill -- "${hqml_programs[@]}" 2>/dev/null || true
            ;;
        esac
    done
done
((hqml_status)) || hqml_status=${hqml_later:-0}

exit "$hqml_status"
