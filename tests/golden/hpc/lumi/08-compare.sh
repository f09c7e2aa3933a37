#!/bin/bash
# compare, a step of reference, on lumi-c at lumi. Written by `hqml job`.
# By hand, in the folder of the workflow: sbatch PATH/OF/THIS/FILE
#SBATCH --job-name=reference-compare
#SBATCH --account=training2401
#SBATCH --time=00:10:00
#SBATCH --output=%x-%j.out
#SBATCH --no-requeue
#SBATCH --partition=standard
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=128
# shellcheck disable=SC1091,SC2016,SC2317

set -euo pipefail
unset "${!DWAVE_API_@}" # of who submits; only a program on the annealer gets what opens it

# How this ended, for `hqml job status`: exit status, and when it started and ended (seconds since 1970).
hqml_start=$(date +%s)
hqml_ended() {
    local status=$? folder=${HQML_RUN:-}/state name=compare
    trap '' INT TERM # which all processes of a job get that is cancelled, what is started here as well
    [[ -n ${HQML_RUN:-} ]] || return 0
    mkdir -p "$folder"
    echo "$status $hqml_start $(date +%s)" >"$folder/.$name"
    mv "$folder/.$name" "$folder/$name"
}
trap hqml_ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Environment.
export NCCL_SOCKET_IFNAME=hsn0,hsn1,hsn2,hsn3
export NCCL_NET_GDR_LEVEL=3
export OMP_NUM_THREADS=8
export TITLE='it'"'"'s "$HOME" and `date`'

# What runs.
run_compare() {
    set -euo pipefail
    unset PYTHONHOME PYTHONPATH VIRTUAL_ENV # Python of the host is not to be looked for in the container
    ulimit -c 0
    local apptainer
    apptainer=$(command -v apptainer || command -v singularity) || {
        echo "neither apptainer nor singularity is here to run the container" >&2
        exit 127
    }
    "$apptainer" exec --bind "$PWD" --pwd "$PWD" \
        hqml.sif python3 -c 'import json, os, sys; from compare import main; main(**json.loads(sys.argv[1]))' '{"out": "report.html"}'
}
export -f run_compare

srun --cpus-per-task=128 bash -c run_compare
