#!/bin/bash
# train, a step of reference, on booster at local. Written by `hqml job`.
# By hand, in the folder of the workflow: bash PATH/OF/THIS/FILE
# shellcheck disable=SC1091,SC2016,SC2317

set -euo pipefail
unset "${!DWAVE_API_@}" # of who submits; only a program on the annealer gets what opens it

# Each program is a group of processes, which can be ended as a whole.
set -m

# How this ended, for `hqml job status`: exit status, and when it started and ended (seconds since 1970).
hqml_start=$(date +%s)
hqml_ended() {
    local status=$? folder=${HQML_RUN:-}/state name=train program
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

# 120 s before the time is over this script gets USR1 and hands it on; the program keeps its state in
# HQML_CHECKPOINT and ends. When it is started again, it goes on from there.
export HQML_CHECKPOINT=${HQML_RUN:+$HQML_RUN/checkpoints/train}
HQML_CHECKPOINT=${HQML_CHECKPOINT:-$PWD/checkpoints/reference-train}
mkdir -p "$HQML_CHECKPOINT"
trap 'kill -s USR1 -- "${hqml_programs[@]}" 2>/dev/null || true' USR1

# Software.
set +u # these may use variables that are not set
. "$PROJECT/venvs/hqml/bin/activate"
set -u

# Environment.
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

# What runs.
run_train() {
    set -euo pipefail
    ulimit -c 0
    # torchrun hands no signal on, and takes a worker that has more to do (75) for one that failed.
    export hqml_later=$HQML_CHECKPOINT/.later-${SLURMD_NODENAME:-here}
    rm -f "$hqml_later"
    (
        trap '' USR1
        torchrun --standalone --nproc_per_node=4 --no-python sh -c 'python3 -u "$@" || { [ $? = 75 ] && echo >"$hqml_later"; }' worker \
            train.py --data data
    ) &
    local program=$!
    trap 'hqml_tell "$program"' USR1
    while kill -0 "$program" 2>/dev/null; do wait "$program" || true; done
    wait "$program"
    if [[ -e $hqml_later ]]; then exit 75; fi
}
export -f hqml_tell run_train

bash -c run_train &
hqml_program=$!
hqml_programs=("-$hqml_program")

# A signal interrupts `wait`, so wait for as long as the program lives, and then ask how it ended.
while kill -0 "$hqml_program" 2>/dev/null; do wait "$hqml_program" || true; done
hqml_status=0
wait "$hqml_program" || hqml_status=$?

exit "$hqml_status"
