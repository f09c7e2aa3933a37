#!/bin/bash
# ranks, a step of reference, on cluster at local. Written by `hqml job`.
# By hand, in the folder of the workflow: bash PATH/OF/THIS/FILE
# shellcheck disable=SC1091,SC2016,SC2317

set -euo pipefail
unset "${!DWAVE_API_@}" # of who submits; only a program on the annealer gets what opens it

# How this ended, for `hqml job status`: exit status, and when it started and ended (seconds since 1970).
hqml_start=$(date +%s)
hqml_ended() {
    local status=$? folder=${HQML_RUN:-}/state name=ranks
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
export OMPI_MCA_rmaps_base_oversubscribe=1
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
export OMP_NUM_THREADS=8
export TITLE='it'"'"'s "$HOME" and `date`'

# What each task runs.
run_ranks() {
    set -euo pipefail
    ulimit -c 0
    mkdir -p "$TMPDIR/slices"
    python slices.py --scratch "$TMPDIR/slices"
}
export -f run_ranks

mpiexec -n 8 bash -c run_ranks
