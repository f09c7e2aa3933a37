#!/bin/bash
# ranks, a step of reference, on cpu at vega. Written by `hqml job`.
# By hand, in the folder of the workflow: sbatch PATH/OF/THIS/FILE
#SBATCH --job-name=reference-ranks
#SBATCH --account=training2401
#SBATCH --time=1-12:00:00
#SBATCH --output=%x-%j.out
#SBATCH --no-requeue
#SBATCH --partition=cpu
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
module --force purge
module load Python/3.11.5-GCCcore-13.2.0 OpenMPI/4.1.6-GCC-13.2.0
. "$PROJECT/venvs/hqml/bin/activate"
# Modules put their packages on PYTHONPATH, which Python looks through first: the environment's come before.
PYTHONPATH=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')${PYTHONPATH:+:$PYTHONPATH}
export PYTHONPATH
set -u

# Environment.
export NCCL_SOCKET_IFNAME=ib0
export GLOO_SOCKET_IFNAME=ib0
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

srun --mpi=pmix_v3 --cpu-bind=none --cpus-per-task=4 --kill-on-bad-exit=1 bash -c run_ranks
