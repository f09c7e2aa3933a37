#!/bin/bash
# anneal, a step of reference, on quantum at jureca-dc. Written by `hqml job`.
# By hand, in the folder of the workflow: sbatch PATH/OF/THIS/FILE
#SBATCH --job-name=reference-anneal
#SBATCH --account=training2401
#SBATCH --time=00:10:00
#SBATCH --output=%x-%j.out
#SBATCH --no-requeue
#SBATCH --partition=dc-cpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=256
# shellcheck disable=SC1091,SC2016,SC2317

set -euo pipefail
unset "${!DWAVE_API_@}" # of who submits; only a program on the annealer gets what opens it

# How this ended, for `hqml job status`: exit status, and when it started and ended (seconds since 1970).
hqml_start=$(date +%s)
hqml_ended() {
    local status=$? folder=${HQML_RUN:-}/state name=anneal
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
module load Stages/2025
. "$PROJECT/venvs/hqml/bin/activate"
set -u

# Environment.
export NCCL_SOCKET_IFNAME=ib0
export GLOO_SOCKET_IFNAME=ib0
export OMP_NUM_THREADS=8
export TITLE='it'"'"'s "$HOME" and `date`'

# The token of the quantum service is read here and now; no file of the job and no trace of it shows it.
hqml_token() {
    local -
    set +x
    local file="$HOME/secret/token" mode
    DWAVE_API_TOKEN=
    mode=$(stat -Lc %a "$file" 2>/dev/null || stat -Lf %Lp "$file" 2>/dev/null) || mode=none
    [[ $mode == none || -r $file ]] || mode=closed
    case $mode in
    none) echo "$file: is missing; write the token of the quantum service there, and chmod 600 it" >&2 ;;
    closed) echo "$file: cannot be read; run chmod 600 $file" >&2 ;;
    *00 | 0)
        read -r DWAVE_API_TOKEN <"$file" || true # 1 is only the lack of a line break
        [[ -n $DWAVE_API_TOKEN ]] || echo "$file: has no token in its first line" >&2
        ;;
    *) echo "$file: has mode $mode, so that others may read the token; run chmod 600 $file" >&2 ;;
    esac
    [[ -n $DWAVE_API_TOKEN ]] || exit 1
    export DWAVE_API_TOKEN
}

# The annealer, and how much of it this step may use.
export DWAVE_API_REGION=eu-central-1
export DWAVE_API_SOLVER=Advantage_system5.4
export HQML_MAX_QPU_SECONDS=2.5
hqml_token

# What runs.
run_anneal() {
    set -euo pipefail
    ulimit -c 0
    python anneal.py --max-qpu-seconds "$HQML_MAX_QPU_SECONDS"
}
export -f run_anneal

srun --cpu-bind=none --cpus-per-task=256 bash -c run_anneal
