#!/bin/bash
# ensemble, a step of reference, on cluster, booster, quantum at local. Written by `hqml job`.
# By hand, in the folder of the workflow: bash PATH/OF/THIS/FILE
# shellcheck disable=SC1091,SC2016,SC2317

set -euo pipefail
unset "${!DWAVE_API_@}" # of who submits; only a program on the annealer gets what opens it

# Each program is a group of processes, which can be ended as a whole.
set -m

# How this ended, for `hqml job status`: exit status, and when it started and ended (seconds since 1970).
hqml_start=$(date +%s)
hqml_ended() {
    local status=$? folder=${HQML_RUN:-}/state name=ensemble program
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

# 60 s before the time is over this script gets USR1 and hands it on; the program keeps its state in
# HQML_CHECKPOINT and ends. When it is started again, it goes on from there.
export HQML_CHECKPOINT=${HQML_RUN:+$HQML_RUN/checkpoints/ensemble}
HQML_CHECKPOINT=${HQML_CHECKPOINT:-$PWD/checkpoints/reference-ensemble}
mkdir -p "$HQML_CHECKPOINT"
trap 'kill -s USR1 -- "${hqml_programs[@]}" 2>/dev/null || true' USR1

# Software of all.
set +u # these may use variables that are not set
. "$PROJECT/venvs/hqml/bin/activate"
set -u

# Environment of all.
export OMPI_MCA_rmaps_base_oversubscribe=1
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
export OMP_NUM_THREADS=8
export TITLE='it'"'"'s "$HOME" and `date`'

# ranks, on processors of this machine.
run_ranks() {
    set -euo pipefail
    trap : USR1 # is for the program; this shell waits for its end
    ulimit -c 0
    python slices.py
}

# gpus, on this machine, with its GPUs if it has any.
run_gpus() {
    set -euo pipefail
    trap : USR1 # is for the program; this shell waits for its end
    ulimit -c 0
    python slices.py
}

# helpers, on processors of this machine.
run_helpers() {
    set -euo pipefail
    trap : USR1 # is for the program; this shell waits for its end
    export PORT=8001
    ulimit -c 0
    python serve.py
}

# The token of the quantum service is read here and now; no file of the job and no trace of it shows it.
hqml_token_annealer() {
    local -
    set +x
    local file="$HOME/.config/hqml/token" mode
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

# annealer, on an annealer that this machine reaches.
run_annealer() {
    set -euo pipefail
    trap : USR1 # is for the program; this shell waits for its end
    export HQML_MAX_QPU_SECONDS=2
    hqml_token_annealer
    ulimit -c 0
    python anneal.py
}

export -f run_ranks run_gpus run_helpers hqml_token_annealer run_annealer

hqml_programs=()
mpiexec -n 4 bash -c run_ranks : -n 2 bash -c run_gpus &
hqml_programs[$!]=-$!
for hqml_number in {0..1}; do
    HQML_TASK=$hqml_number HQML_TASKS=2 bash -c run_helpers &
    hqml_programs[$!]=-$!
done
bash -c run_annealer &
hqml_programs[$!]=-$!

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
        75 | 130 | 138) hqml_later=$hqml_end ;;
        *)
            ((hqml_status)) || hqml_status=$hqml_end
            kill -- "${hqml_programs[@]}" 2>/dev/null || true
            ;;
        esac
    done
done
((hqml_status)) || hqml_status=${hqml_later:-0}

exit "$hqml_status"
