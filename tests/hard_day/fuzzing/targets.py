"""All targets by name."""

from __future__ import annotations

from collections.abc import Mapping

from fuzzing import archives, arrays, commands, models, sapi, specifications, states, trained
from fuzzing.mutators import json_trees, lines
from fuzzing.target import Mutate, Target


def _behind(count: int, mutate: Mutate) -> Mutate:
    """Leaves the first bytes, which choose a reader, mostly as they are."""

    def changed(data: bytes, most: int, seed: int) -> bytes:
        head, rest = data[:count], data[count:]
        if seed % 50 == 0:
            head = bytes((one + seed // 50) % 256 for one in head)
        return head + mutate(rest, most - count, seed // 50)

    return changed


def _either(one: Mutate, other: Mutate) -> Mutate:
    return lambda data, most, seed: (one if seed % 2 else other)(data, most, seed // 2)


TARGETS: Mapping[str, Target] = {
    "model_texts": Target(models.texts, models.of_texts, _behind(1, lines)),
    "model_binaries": Target(models.binaries, models.of_binaries, _behind(1, archives.mutate)),
    "tables": Target(models.tables, models.of_tables, _behind(2, _either(lines, archives.mutate))),
    "skops": Target(trained.skops, trained.of_skops, json_trees, longest=200_000),
    "onnx": Target(trained.onnx, trained.of_onnx, trained.onnx_mutate, longest=60_000),
    "sites": Target(specifications.sites, specifications.of_sites, specifications.mutate, longest=20_000),
    "workflows": Target(specifications.workflows, specifications.of_workflows, specifications.mutate, longest=20_000),
    "studies": Target(specifications.studies, specifications.of_studies, specifications.mutate),
    "tasks": Target(specifications.tasks, specifications.of_tasks, specifications.mutate),
    "grammars": Target(specifications.grammars, specifications.of_grammars, _behind(1, lines), longest=300),
    "states": Target(
        states.make, states.seeds, _either(states.json_mutate, _behind(1, archives.mutate)), longest=20_000
    ),
    "arrays": Target(arrays.make, arrays.seeds, arrays.mutate, longest=20_000),
    "node": Target(sapi.node, sapi.of_node, sapi.node_mutate, longest=8192),
    "uploads": Target(sapi.uploads, sapi.of_uploads),
    "wire": Target(sapi.wire, sapi.of_wire, lines),
    "commands": Target(commands.make, commands.seeds, _behind(0, lines)),
}
