"""The site file of the system, as a user would keep it in ~/.config/hqml/sites."""

from __future__ import annotations

from typing import Any

from miniature.layout import GPUS_A_NODE, LMOD, Layout
from miniature.software import load, software

_PROVIDED = {"Python": "python", "MPICH": "mpi", "PyTorch": "torch", "Ocean": "dwave"}
"""What needs call a module of the tree."""


def site_yaml(layout: Layout, endpoint: str) -> str:
    """The text of miniature.yaml."""
    import yaml  # late: of `make test` too this package is imported, where it may be missing

    content: dict[str, Any] = {
        "title": "Miniature modular system",
        "scheduler": "slurm",
        "sources": {"tests": {"title": "tests/hpc/miniature", "url": f"file://{layout.folder}", "date": "2026-11-26"}},
        "access": {"source": "tests"},
        "modules": _modules(endpoint),
        "launch": {
            "source": "tests",
            "mpi": "pmi2",
            # No name server knows the virtual nodes, which are all this machine.
            "environment": {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo", "NO_PROXY": "127.0.0.1,localhost"},
        },
        "software": {
            "source": "tests",
            "setup": ["export LMOD_SYSTEM_DEFAULT_MODULES= LMOD_PAGER=none", f". {LMOD}"],
            "purge": "module --force purge",
            "stages": [_stage(layout, "2024", ()), _stage(layout, "2023", ("PyTorch", "Ocean"))],
        },
    }
    return yaml.safe_dump(content, sort_keys=False)


def _modules(endpoint: str) -> list[dict[str, Any]]:
    return [
        _module("dc", "cluster", "dc-cpu", nodes=2, time="2h", node={"cores": 8, "memory_gb": 4}),
        _module(
            "jb", "booster", "booster", nodes=2, time="2h",
            node={"cores": 8, "memory_gb": 4, "gpus": GPUS_A_NODE, "gpu": "none"},
        ),
        _module("qc", "quantum", "quantum", nodes=1, time="1h", node={"cores": 4, "memory_gb": 2})
        | {"quantum": {"source": "tests", "host": "cluster", "licence": "qpu", "endpoint": endpoint}},
    ]  # fmt: skip


def _module(name: str, kind: str, partition: str, *, nodes: int, time: str, node: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "title": f"Miniature {kind}",
        "source": "tests",
        "nodes": {"usual": node},
        "partitions": [{"name": partition, "nodes": nodes, "time": time, "node": "usual"}],
    }


def _stage(layout: Layout, name: str, without: tuple[str, ...]) -> dict[str, Any]:
    packages = [
        {"provides": needed, "version": software()[module][0], "load": list(load(module))}
        for module, needed in _PROVIDED.items()
        if module not in without
    ]
    stage = {"name": name, "source": "tests", "load": [f"Stages/{name}"], "use": [str(layout.modules)]}
    return {**stage, "packages": packages}
