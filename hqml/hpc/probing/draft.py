"""The draft of a site file: what was seen of a live system, and as comments what only people know."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from hqml.hpc.amounts import written_time
from hqml.hpc.probing.probe import SLURM, Queue, Seen
from hqml.hpc.site import KINDS, Kind, Node, Package, Source, Stage
from hqml.hpc.software.listing import LIVE
from hqml.hpc.software.names import KNOWN, need_name
from hqml.hpc.values import WORD

_MOST_PACKAGES = 400
"""Of a stage; where it has more, only those are written that steps are likely to need."""

_LIKELY = {known.need for known in KNOWN} | {"mpi4py", "nccl", "cudnn", "scipy-bundle", "dwave-ocean-sdk"}

_QUANTUM = re.compile(r"quantum|qpu|anneal|d-?wave", re.IGNORECASE)

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./+-]*")
"""Text that YAML takes for text as it stands, save for its words."""


def draft(seen: Seen) -> str:
    """A site file that `read_site` takes, with lines to fill in."""
    return "\n".join([*_head(seen), *_modules(seen), *_launch(), *_software(seen)]) + "\n"


def kind_of(queue: Queue) -> Kind:
    """What sort of module a partition may belong to: a guess by its name and its nodes."""
    if _QUANTUM.search(queue.name):
        return "quantum"
    if re.search(r"(^|[^a-z])dam([^a-z]|$)", queue.name.lower()):
        return "dam"
    return "booster" if queue.node.gpus else "cluster"


def _head(seen: Seen) -> Iterator[str]:
    yield f"# A draft that `hqml site probe` wrote from what {seen.source.title} says."
    yield "# Read it, fill in what is commented, and check it: hqml site check FILE"
    yield ""
    yield f"title: {_text(seen.cluster)}"
    yield "scheduler: slurm"
    yield ""
    yield "sources:"
    yield from _source(SLURM, seen.source)
    if seen.live is not None:
        yield from _source(LIVE, seen.live.source)
    yield ""
    yield "access:"
    yield f"  source: {SLURM}"
    yield "  # account: required                 # do jobs have to name a project? `sacctmgr show associations` tells"
    yield "  # logins: [login.example.org]"
    yield "  # token_command: pass dwave         # prints the token of the annealer, from your secret store"
    yield ""


def _source(key: str, source: Source) -> Iterator[str]:
    yield f"  {key}: {{title: {_text(source.title)}, url: {_text(source.url)}, date: {source.date}}}"


def _modules(seen: Seen) -> Iterator[str]:
    yield "# Which partitions make a module of the machine, and of what kind it is, was guessed from GPUs and names."
    yield "# Slurm does not say what limits a qos sets either; where jobs must name one, write qos: NAME."
    yield "modules:"
    licence = next((name for name in seen.licences if _QUANTUM.search(name)), None)
    for kind in KINDS:
        queues = [one for one in seen.queues if kind_of(one) == kind]
        if queues or (kind == "quantum" and licence is not None):
            yield from _module(kind, queues, seen, licence)
    others = [f"{name} ({count})" for name, count in seen.licences.items() if name != licence]
    if others:
        yield f"# Further licences of Slurm: {', '.join(others)}"
    yield ""


def _module(kind: Kind, queues: Sequence[Queue], seen: Seen, licence: str | None) -> Iterator[str]:
    yield f"  - name: {kind}"
    yield f"    kind: {kind}"
    yield f"    title: {_text(f'{seen.cluster}, {kind}')}"
    yield f"    source: {SLURM}"
    nodes = {one.node: None for one in queues}
    names = {node: f"node{at}" for at, node in enumerate(nodes, 1)}
    if queues:
        yield "    nodes:"
        yield from (f"      {name}: {_node(node)}" for node, name in names.items())
        yield "    partitions:"
        for one in queues:
            yield from _partition(one, names[one.node])
    if kind == "quantum":
        yield from _quantum(queues, seen, licence)


def _partition(queue: Queue, node: str) -> Iterator[str]:
    if queue.unlimited:
        yield f"      # Slurm sets no limit of {' and '.join(queue.unlimited)} here."
    if queue.others:
        yield f"      # {queue.others} of its nodes are other ones; this is the smallest."
    whole = ", whole_nodes: true" if queue.whole_nodes else ""
    time = written_time(queue.seconds)
    yield f"      - {{name: {_text(queue.name)}, nodes: {queue.nodes}, time: {time}, node: {node}{whole}}}"


def _quantum(queues: Sequence[Queue], seen: Seen, licence: str | None) -> Iterator[str]:
    yield "    quantum:"
    yield f"      source: {SLURM}"
    if not queues:
        host = next(kind for kind in map(kind_of, seen.queues))
        yield f"      host: {host}                       # whose nodes run the programs that talk to it"
    if licence is not None:
        yield f"      licence: {_text(licence)}"
    yield "      # endpoint: https://qpu.example.org/sapi/v2   # of a gateway"
    yield "      # solver: Advantage_system5.4"
    yield "      # region: eu-central-1"
    yield "      # proxy: socks5h://localhost:1080     # where nodes have no way out"


def _launch() -> Iterator[str]:
    yield "# How jobs start programs:"
    yield "# launch:"
    yield f"#   source: {SLURM}"
    yield "#   srun: [--cpu-bind=none]"
    yield "#   mpi: pmix                          # `srun --mpi=list` shows what there is"
    yield "#   environment: {NCCL_SOCKET_IFNAME: ib0, GLOO_SOCKET_IFNAME: ib0}"
    yield "#   host_suffix: i                     # if a host's fast network has a name of its own"
    yield "#   memory: false                      # if jobs must not ask for memory"
    yield "#   gpus: gpus-per-node                # or gres, none"
    yield "#   cpus_per_gpu: 20                   # if a GPU must be asked together with cores"
    yield ""


def _software(seen: Seen) -> Iterator[str]:
    stages = seen.live.software.stages if seen.live is not None else ()
    if not stages:
        yield f"# No software was seen{f': {seen.trouble}' if seen.trouble else ''}"
        yield "# software:"
        yield f"#   source: {SLURM}"
        yield "#   stages:"
        yield f"#     - name: modules\n#       source: {SLURM}\n#       packages:"
        yield "#         - {provides: torch, version: 2.5.1, load: [GCC/13.3.0, PyTorch/2.5.1]}"
        return
    yield "software:"
    yield f"  source: {LIVE}"
    yield "  # purge: module --force purge        # where modules are sticky"
    yield "  stages:                              # the default first"
    for stage in stages:
        yield from _stage(stage)


def _stage(stage: Stage) -> Iterator[str]:
    yield f"    - name: {_text(stage.name)}"
    yield f"      source: {LIVE}"
    for name, value in (("load", stage.load), ("use", stage.use)):
        if value:
            yield f"      {name}: {_list(value)}"
    if stage.purpose:
        yield f"      purpose: {_text(stage.purpose)}"
    packages = [one for one in stage.packages if all(map(WORD.fullmatch, (one.provides, one.version, *one.load)))]
    if len(packages) > _MOST_PACKAGES:
        packages = [one for one in packages if need_name(one.provides) in _LIKELY]
    if len(packages) < len(stage.packages):
        yield f"      # {len(stage.packages) - len(packages)} of its {len(stage.packages)} packages are left out here."
    yield "      packages:" if packages else "      packages: []"
    yield from (f"        - {_package(one)}" for one in packages)


def _package(package: Package) -> str:
    name, version = _text(package.provides), json.dumps(package.version)
    return f"{{provides: {name}, version: {version}, load: {_list(package.load)}}}"


def _node(node: Node) -> str:
    fields = {
        "cores": node.cores,
        "threads_per_core": node.threads_per_core if node.threads_per_core > 1 else None,
        "gpus": node.gpus or None,
        "gpu": _text(node.gpu) if node.gpu else None,
        "memory_gb": f"{node.memory_gb:g}" if node.memory_gb else None,
    }
    return f"{{{', '.join(f'{name}: {value}' for name, value in fields.items() if value is not None)}}}"


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _text(value: str) -> str:
    """Text as YAML takes it: a JSON string is one of YAML's."""
    words = ("null", "true", "false")
    return value if _PLAIN.fullmatch(value) and value.lower() not in words else json.dumps(value, ensure_ascii=False)
