#!/bin/bash
# one-node, a step of reference, on esb at deep. Written by `hqml job`.
# By hand, in the folder of the workflow: sbatch PATH/OF/THIS/FILE
#SBATCH --job-name=reference-one-node
#SBATCH --account=training2401
#SBATCH --time=01:00:00
#SBATCH --output=%x-%j.out
#SBATCH --no-requeue
#SBATCH --partition=dp-esb
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gres=gpu:1
# shellcheck disable=SC1091,SC2016,SC2317

set -euo pipefail
unset "${!DWAVE_API_@}" # of who submits; only a program on the annealer gets what opens it

# How this ended, for `hqml job status`: exit status, and when it started and ended (seconds since 1970).
hqml_start=$(date +%s)
hqml_ended() {
    local status=$? folder=${HQML_RUN:-}/state name=one-node
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
export OMP_NUM_THREADS=8
export TITLE='it'"'"'s "$HOME" and `date`'

# What runs.
run_one_node() {
    set -euo pipefail
    unset PYTHONHOME PYTHONPATH VIRTUAL_ENV # Python of the host is not to be looked for in the container
    ulimit -c 0
    local apptainer
    apptainer=$(command -v apptainer || command -v singularity) || {
        echo "neither apptainer nor singularity is here to run the container" >&2
        exit 127
    }
    "$apptainer" exec --nv --bind "$PWD" --bind /data --bind "$HOME/maps:/maps" --pwd "$PWD" \
        hqml.sif sh -c 'torchrun --standalone --nproc_per_node=1 train.py --data data'
}
export -f run_one_node

srun --cpu-bind=none --cpus-per-task=8 bash -c run_one_node
