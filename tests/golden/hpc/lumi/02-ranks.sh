#!/bin/bash
# ranks, a step of reference, on lumi-c at lumi. Written by `hqml job`.
# By hand, in the folder of the workflow: sbatch PATH/OF/THIS/FILE
#SBATCH --job-name=reference-ranks
#SBATCH --account=training2401
#SBATCH --time=1-12:00:00
#SBATCH --output=%x-%j.out
#SBATCH --no-requeue
#SBATCH --partition=standard
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --cpus-per-task=4
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
# not available in stage csc: python; nearest: 23.09 (default), 24.03 (3.11.7); no venv can bring it (a venv has the interpreter that made it); else a container (container:)
# not available in stage csc: mpi; nearest: 24.03 (default); no venv can bring it (it must fit the site's network and scheduler); else a container (container:)
module purge
module use /appl/local/csc/modulefiles
. "$PROJECT/venvs/hqml/bin/activate"
set -u

# Environment.
export NCCL_SOCKET_IFNAME=hsn0,hsn1,hsn2,hsn3
export NCCL_NET_GDR_LEVEL=3
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

srun --cpus-per-task=4 --kill-on-bad-exit=1 bash -c run_ranks
