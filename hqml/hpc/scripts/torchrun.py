"""How torchrun starts workers: where those of several nodes meet, and how they keep their state.

torchrun hands no signal on to its workers, dies of most, and takes a worker that ends with 75 (it has more to do) for
one that failed, whereupon it ends the others. So a shell between the two hides that status, and all processes below
torchrun are told of the signal, which torchrun itself ignores.
"""

from __future__ import annotations

from collections.abc import Mapping

from hqml.hpc.run import UNFINISHED
from hqml.hpc.scripts.placing import Placed
from hqml.hpc.site import Site
from hqml.hpc.workflow import Checkpoint

TELL = "hqml_tell"

_FIRST_PORT, _PORTS = 20000, 10000
"""Below the ports that Linux gives to whoever asks for any: from 32768 on, ip_local_port_range of `man 7 ip`."""

_WORKER = f"""sh -c 'python3 -u "$@" || {{ [ $? = {UNFINISHED} ] && echo >"$hqml_later"; }}' worker"""


def tell_function(checkpoint: Checkpoint) -> str:
    """Tell all processes below one of the signal."""
    return f"""\
# Hands {checkpoint.signal} on to all processes below one.
{TELL}() {{
    local child
    for child in $(pgrep -P "$1"); do
        kill -s {checkpoint.signal} "$child" 2>/dev/null || true
        {TELL} "$child"
    done
}}"""


def meeting(site: Site, placed: Placed, environment: Mapping[str, str]) -> list[str]:
    """Where workers of several nodes meet: at the first, by the site's fast network, unless somebody else has said."""
    known = {**site.launch.environment, **environment, **placed.component.environment}
    if not _several_nodes(site, placed) or "MASTER_ADDR" in known:
        return []
    first = '$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)'
    return [f"MASTER_ADDR={first}{site.launch.host_suffix}", "export MASTER_ADDR"]


def torchrun(site: Site, placed: Placed, script: str, checkpoint: Checkpoint | None) -> list[str]:
    """Lines of one command; with a checkpoint its workers write `hqml_later` if they have more to do.

    torchrun would find the first node by the name of its host, which is not that of the fast network: so it is told.
    """
    workers, suffix = f"--nproc_per_node={placed.workers}", site.launch.host_suffix
    what = [script] if checkpoint is None else [f"--no-python {_WORKER}", script]
    if not _several_nodes(site, placed):
        return _continued([f"torchrun --standalone {workers} {what[0]}", *what[1:]])
    options = [
        f'torchrun --nnodes={placed.component.nodes} {workers} --rdzv_backend=c10d --rdzv_id="$SLURM_JOB_ID"',
        f'--rdzv_endpoint="$MASTER_ADDR:$(({_FIRST_PORT} + SLURM_JOB_ID % {_PORTS}))"',
        "--rdzv_conf=is_host=$((SLURM_NODEID == 0))",
        *([f'--local_addr="${{SLURMD_NODENAME}}{suffix}"'] if suffix else []),
    ]
    return _continued([*options, *what])


def keeping_state(command: list[str], checkpoint: Checkpoint) -> list[str]:
    """Run a command that has torchrun in it such that its workers are told of the signal, and heard."""
    return [
        f"# torchrun hands no signal on, and takes a worker that has more to do ({UNFINISHED}) for one that failed.",
        "export hqml_later=$HQML_CHECKPOINT/.later-${SLURMD_NODENAME:-here}",
        'rm -f "$hqml_later"',
        "(",
        f"    trap '' {checkpoint.signal}",
        *(f"    {line}" for line in command),
        ") &",
        "local program=$!",
        f"trap '{TELL} \"$program\"' {checkpoint.signal}",
        'while kill -0 "$program" 2>/dev/null; do wait "$program" || true; done',
        'wait "$program"',
        f"if [[ -e $hqml_later ]]; then exit {UNFINISHED}; fi",
    ]


def _several_nodes(site: Site, placed: Placed) -> bool:
    return placed.component.nodes > 1 and site.scheduler == "slurm"


def _continued(lines: list[str]) -> list[str]:
    first, *others = lines
    parts = [first, *(f"    {one}" for one in others)]
    return [*(f"{one} \\" for one in parts[:-1]), parts[-1]]
