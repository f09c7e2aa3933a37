#!/bin/bash
# called, a step of reference, on cluster at local. Written by `hqml job`.
# By hand, in the folder of the workflow: bash PATH/OF/THIS/FILE
# shellcheck disable=SC1091,SC2016,SC2317

set -euo pipefail
unset "${!DWAVE_API_@}" # of who submits; only a program on the annealer gets what opens it

# Without a scheduler the tasks of the sweep run one after another, unless SLURM_ARRAY_TASK_ID names one.
if [[ -z ${SLURM_ARRAY_TASK_ID:-} ]]; then
    hqml_status=0
    for hqml_index in {0..1}; do
        SLURM_ARRAY_TASK_ID=$hqml_index bash "$0" || hqml_status=$?
    done
    exit "$hqml_status"
fi

# How this ended, for `hqml job status`: exit status, and when it started and ended (seconds since 1970).
hqml_start=$(date +%s)
hqml_ended() {
    local status=$? folder=${HQML_RUN:-}/state name=called.$SLURM_ARRAY_TASK_ID
    trap '' INT TERM # which all processes of a job get that is cancelled, what is started here as well
    [[ -n ${HQML_RUN:-} ]] || return 0
    mkdir -p "$folder"
    echo "$status $hqml_start $(date +%s)" >"$folder/.$name"
    mv "$folder/.$name" "$folder/$name"
}
trap hqml_ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The values of this task of the sweep.
case $SLURM_ARRAY_TASK_ID in
0) export seed=0 exact=true ;;
1) export seed=1 exact=false ;;
*) echo "the sweep has no task $SLURM_ARRAY_TASK_ID" >&2; exit 2 ;;
esac

# Software.
set +u # these may use variables that are not set
. "$PROJECT/venvs/hqml/bin/activate"
set -u

# Environment.
export OMP_NUM_THREADS=8
export TITLE='it'"'"'s "$HOME" and `date`'

# What runs.
run_called() {
    set -euo pipefail
    ulimit -c 0
    python3 -c 'import json, os, sys; from compare.tables import main; main(seed=json.loads(os.environ["seed"]), exact=json.loads(os.environ["exact"]), **json.loads(sys.argv[1]))' '{"out": "it'"'"'s $HOME.html"}'
}
export -f run_called

bash -c run_called
