#!/bin/bash
# prepare, a step of reference, on cluster at local. Written by `hqml job`.
# By hand, in the folder of the workflow: bash PATH/OF/THIS/FILE
# shellcheck disable=SC1091,SC2016,SC2317

set -euo pipefail
unset "${!DWAVE_API_@}" # of who submits; only a program on the annealer gets what opens it

# How this ended, for `hqml job status`: exit status, and when it started and ended (seconds since 1970).
hqml_start=$(date +%s)
hqml_ended() {
    local status=$? folder=${HQML_RUN:-}/state name=prepare
    trap '' INT TERM # which all processes of a job get that is cancelled, what is started here as well
    [[ -n ${HQML_RUN:-} ]] || return 0
    mkdir -p "$folder"
    echo "$status $hqml_start $(date +%s)" >"$folder/.$name"
    mv "$folder/.$name" "$folder/$name"
}
trap hqml_ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Software.
set +u # these may use variables that are not set
. "$PROJECT/venvs/hqml/bin/activate"
set -u

# Environment.
export OMP_NUM_THREADS=8
export TITLE='it'"'"'s "$HOME" and `date`'

# What runs.
run_prepare() {
    set -euo pipefail
    ulimit -c 0
    python prepare.py --out data
}
export -f run_prepare

bash -c run_prepare
