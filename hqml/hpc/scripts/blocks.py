"""Parts of job scripts that do not depend on what runs: state, signals, waiting, requeueing, the token.

Names of variables and functions begin with hqml_, which no variable of a workflow may.
"""

from __future__ import annotations

import math

from hqml.hpc.quoting import expanding, literal
from hqml.hpc.run import STATE, UNFINISHED
from hqml.hpc.workflow import Checkpoint

_SIGNALS = {"USR1": 10, "USR2": 12}
"""Their numbers on Linux, which is what Slurm runs on: `man 7 signal`."""

NO_TOKEN = 'unset "${!DWAVE_API_@}" # of who submits; only a program on the annealer gets what opens it'

_TOKEN_FILE = "~/.config/hqml/token"


def state(name: str, *, ends_programs: bool) -> str:
    """Write down how the script ended.

    Args:
        name: of the file; variables count in it.
        ends_programs: that are still running, which Slurm does by itself.
    """
    programs = (
        '    for program in $(jobs -p); do kill -- "-$program" 2>/dev/null || true; done\n' if ends_programs else ""
    )
    return f"""\
# How this ended, for `hqml job status`: exit status, and when it started and ended (seconds since 1970).
hqml_start=$(date +%s)
hqml_ended() {{
    local status=$? folder=${{HQML_RUN:-}}/{STATE} name={name}{" program" if ends_programs else ""}
    trap '' INT TERM # which all processes of a job get that is cancelled, what is started here as well
{programs}    [[ -n ${{HQML_RUN:-}} ]] || return 0
    mkdir -p "$folder"
    echo "$status $hqml_start $(date +%s)" >"$folder/.$name"
    mv "$folder/.$name" "$folder/$name"
}}
trap hqml_ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM"""


def own_groups() -> str:
    """Give each program that is started in the background a group of processes, which ends as a whole."""
    return """\
# Each program is a group of processes, which can be ended as a whole.
set -m"""


def warning(checkpoint: Checkpoint, in_run: str, by_hand: str) -> str:
    """Hand the scheduler's warning on to the programs, which keep their state in a folder.

    Args:
        checkpoint: of the step.
        in_run: name of the folder within a run; variables count in it.
        by_hand: the same where there is no run, in the workflow's folder.
    """
    signal, before = checkpoint.signal, math.ceil(checkpoint.before)
    told = "" if signal == "USR1" else f"export HQML_CHECKPOINT_SIGNAL={signal}\n"
    return f"""\
# {before} s before the time is over this script gets {signal} and hands it on; the program keeps its state in
# HQML_CHECKPOINT and ends. When it is started again, it goes on from there.
export HQML_CHECKPOINT=${{HQML_RUN:+$HQML_RUN/checkpoints/{in_run}}}
HQML_CHECKPOINT=${{HQML_CHECKPOINT:-$PWD/checkpoints/{by_hand}}}
mkdir -p "$HQML_CHECKPOINT"
{told}trap 'kill -s {signal} -- "${{hqml_programs[@]}}" 2>/dev/null || true' {signal}"""


WAIT_FOR_ONE = """\
# A signal interrupts `wait`, so wait for as long as the program lives, and then ask how it ended.
while kill -0 "$hqml_program" 2>/dev/null; do wait "$hqml_program" || true; done
hqml_status=0
wait "$hqml_program" || hqml_status=$?"""


def wait_for_all(checkpoint: Checkpoint | None) -> str:
    """Wait for the programs in `hqml_programs`, which has by process id what `kill` is to be given."""
    later = "" if checkpoint is None else f"        {_unfinished(checkpoint)}) hqml_later=$hqml_end ;;\n"
    but = "\n# Those that have more to do let the others finish." if checkpoint else ""
    total = "" if checkpoint is None else "\n((hqml_status)) || hqml_status=${hqml_later:-0}"
    return f"""\
# The first program that fails ends the others, and gives the step its status.{but}
hqml_status=0
while ((${{#hqml_programs[@]}})); do
    sleep 1 &
    wait $! || true
    for hqml_program in "${{!hqml_programs[@]}}"; do
        if kill -0 "$hqml_program" 2>/dev/null; then continue; fi
        hqml_end=0
        wait "$hqml_program" || hqml_end=$?
        unset "hqml_programs[hqml_program]"
        case $hqml_end in
        0) ;;
{later}        *)
            ((hqml_status)) || hqml_status=$hqml_end
            kill -- "${{hqml_programs[@]}}" 2>/dev/null || true
            ;;
        esac
    done
done{total}"""


_TRIES, _PAUSE = 8, 5
"""How often Slurm is asked to queue a job again, and seconds between: less than the minute that a warning gives."""


def requeue(checkpoint: Checkpoint, job: str, *, array: bool) -> str:
    """Queue a job again whose program has more to do.

    Slurm takes the number of one task of an array for the whole array, so tasks are named as such.
    """
    identifier = "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID" if array else "$SLURM_JOB_ID"
    return f"""\
# {UNFINISHED}: the program has more to do; 130, {128 + _SIGNALS[checkpoint.signal]}: a signal ended it. \
Then the step is queued again, unless it is cancelled.
hqml_requeue() {{
    local job={identifier}
    for _ in {{1..{_TRIES}}}; do # a busy Slurm does not answer at once
        hqml_told="Slurm does not answer"
        case $(scontrol show job "$job") in
        *JobState=RUNNING*)
            echo "{job} has more to do, and is queued again"
            trap - EXIT # this is no end
            if scontrol requeue "$job"; then exit "$hqml_status"; fi
            trap hqml_ended EXIT
            hqml_told="Slurm does not queue it again"
            ;;
        *JobState=*) hqml_told="was ended" && break ;;
        esac
        sleep {_PAUSE}
    done
}}
case $hqml_status in
{_unfinished(checkpoint)})
    hqml_told="was queued again {checkpoint.requeues} times already"
    ((${{SLURM_RESTART_COUNT:-0}} >= {checkpoint.requeues})) || hqml_requeue
    echo "{job} has more to do, but $hqml_told" >&2
    ;;
esac"""


def _unfinished(checkpoint: Checkpoint) -> str:
    """The exit statuses of programs that go on later, as a pattern of `case`."""
    return " | ".join(map(str, sorted({UNFINISHED, 130, 128 + _SIGNALS[checkpoint.signal]})))


def token_function(name: str, token_file: str | None, token_command: str | None) -> str:
    """Read the token of the quantum service when the step runs: from a file, where one is named or no command is."""
    if token_file is None and token_command is not None:
        reads = _from_command(token_command)
    else:
        reads = _from_file(token_file or _TOKEN_FILE)
    return f"""\
# The token of the quantum service is read here and now; no file of the job and no trace of it shows it.
{name}() {{
    local -
    set +x
{reads}
    export DWAVE_API_TOKEN
}}"""


def _from_command(command: str) -> str:
    return f"""\
    DWAVE_API_TOKEN=$({command}) && [[ -n $DWAVE_API_TOKEN ]] || {{
        echo "no token of the quantum service:" {literal(command)} "gives none" >&2
        exit 1
    }}"""


def _from_file(path: str) -> str:
    return f"""\
    local file={expanding(path)} mode
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
    [[ -n $DWAVE_API_TOKEN ]] || exit 1"""
