"""Apptainer, or Singularity, which runs the same images: where it is, and what lets a container see GPUs."""

from __future__ import annotations

import shutil

from hqml.hpc.site import Node

PROGRAMS = ("apptainer", "singularity")
"""The first that is there counts."""

FIND = " || ".join(f"command -v {name}" for name in PROGRAMS)
"""Prints its path: a line of bash, which fails where there is none."""


def found() -> str | None:
    """Its path on this machine; None: it is not on the PATH."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def gpu_option(node: Node | None) -> str:
    """What lets a container see the GPUs of a node: "--nv", "--rocm", or "" without GPUs."""
    if node is None or not node.gpus:
        return ""
    return "--rocm" if is_amd(node) else "--nv"


def is_amd(node: Node) -> bool:
    """Whether GPUs are AMD's, which are called MI100, MI250X and so on."""
    return node.gpu.upper().startswith(("AMD", "MI"))
