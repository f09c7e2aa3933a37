"""Decisions in double precision, by ONNX's standard operators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hqml.onnx_model.graph import Graph
from hqml.onnx_model.machines import Decider, Groups, Nearest, Sums, Votes
from hqml.onnx_model.steps import Choice, Step
from hqml.qubo import Floats


def decision(graph: Graph, X: str, steps: Sequence[Step], decider: Decider) -> str:
    """(N, machines), or (N, classes) of votes, for X (N, features) in float64."""
    for step in steps:
        X = _stepped(graph, X, step)
    kernel = _kernel(graph, X, decider)
    rule = decider.rule
    if isinstance(rule, Sums):
        sums = graph.node("MatMul", kernel, graph.constant(np.ascontiguousarray(rule.dual.T)))
        return graph.node("Add", sums, graph.constant(rule.bias))
    if isinstance(rule, Votes):
        return _votes(graph, kernel, rule)
    return _nearest(graph, X, kernel, rule)


def _stepped(graph: Graph, X: str, step: Step) -> str:
    if isinstance(step, Choice):
        return graph.node("Gather", X, graph.constant(step.columns, np.int64), axis=1)
    moved = graph.node("Sub", X, graph.constant(step.offset))
    scaled = graph.node("Mul", moved, graph.constant(step.factor))
    if step.limits is None:
        return scaled
    return graph.node("Clip", scaled, *(graph.constant(limit, np.float64) for limit in step.limits))


def _kernel(graph: Graph, X: str, decider: Decider) -> str:
    """(N, support)."""
    kernel, support = decider.kernel, decider.support_vectors
    if kernel.function == "rbf":
        distances = graph.node("Max", _squared_distances(graph, X, support), graph.constant(0.0))
        return graph.node("Exp", graph.node("Mul", distances, graph.constant(-float(kernel.gamma))))
    products = _products(graph, X, support)
    if kernel.function == "linear":
        return products
    scaled = graph.node("Mul", products, graph.constant(float(kernel.gamma)))
    moved = graph.node("Add", scaled, graph.constant(float(kernel.coef0)))
    if kernel.function == "sigmoid":
        return graph.node("Tanh", moved)
    return graph.node("Pow", moved, graph.constant(float(kernel.degree)))


def _products(graph: Graph, X: str, points: Floats) -> str:
    return graph.node("MatMul", X, graph.constant(np.ascontiguousarray(points.T)))


def _squared_distances(graph: Graph, X: str, points: Floats) -> str:
    """(N, points): |x|^2 - 2 <x, p> + |p|^2."""
    own = graph.node("ReduceSum", graph.node("Mul", X, X), graph.constant([1], np.int64), keepdims=1)
    doubled = graph.node("Mul", _products(graph, X, points), graph.constant(2.0))
    return graph.node("Add", graph.node("Sub", own, doubled), graph.constant(np.square(points).sum(axis=1)))


def _votes(graph: Graph, kernel: str, rule: Votes) -> str:
    """(N, 1) from -1 to 1 for one machine a slice, else (N, classes) shares."""
    decisions = _of_all_groups(graph, kernel, rule.slices)
    machines = rule.slices.bias.shape[1]
    if machines == 1:
        chosen = graph.node("Greater", decisions, graph.constant(0.0))
    else:
        best = graph.node("ArgMax", decisions, axis=1, keepdims=1)
        chosen = graph.node("Equal", best, graph.constant(np.arange(machines)[:, None], np.int64))
    shares = _mean(graph, graph.node("Cast", chosen, to=_double()), axis=0)
    share = graph.node("Transpose", shares, perm=[1, 0])
    if machines > 1:
        return share
    return graph.node("Sub", graph.node("Mul", share, graph.constant(2.0)), graph.constant(1.0))


def _of_all_groups(graph: Graph, kernel: str, groups: Groups) -> str:
    """(groups, machines, N)."""
    # Turned before Gather: onnxruntime 1.20 makes one operator of Transpose and MatMul, which it lacks for float64.
    own = graph.node("Gather", graph.node("Transpose", kernel, perm=[1, 0]), graph.constant(groups.support), axis=0)
    sums = graph.node("MatMul", graph.constant(np.ascontiguousarray(groups.weights.transpose(0, 2, 1))), own)
    return graph.node("Add", sums, graph.constant(groups.bias[:, :, None]))


def _nearest(graph: Graph, X: str, kernel: str, rule: Nearest) -> str:
    """(N, machines)."""
    away = graph.node("Neg", _squared_distances(graph, X, rule.centres))
    centres = _indices_of_largest(graph, away, rule.count)
    decisions = _of_some_groups(graph, kernel, centres, rule.local)
    if rule.present is not None and not rule.present.all():
        present = graph.node("Gather", graph.constant(rule.present, np.bool_), centres, axis=0)
        decisions = _without_absent(graph, decisions, present)
    return _mean(graph, decisions, axis=1)


def _indices_of_largest(graph: Graph, values: str, count: int) -> str:
    """(N, count), columns of (N, columns)."""
    if count == 1:
        return graph.node("ArgMax", values, axis=1, keepdims=1)
    return graph.node("TopK", values, graph.constant([count], np.int64), axis=1, skipped=1)


def _of_some_groups(graph: Graph, kernel: str, chosen: str, groups: Groups) -> str:
    """(N, chosen, machines), each sample's decisions by its own groups (N, chosen)."""
    last = graph.constant([-1], np.int64)
    support = graph.node("Gather", graph.constant(groups.support), chosen, axis=0)
    own = graph.node("GatherND", kernel, graph.node("Unsqueeze", support, last), batch_dims=1)
    weights = graph.node("Gather", graph.constant(groups.weights), chosen, axis=0)
    row = graph.node("Unsqueeze", own, graph.constant([2], np.int64))
    sums = graph.node("Squeeze", graph.node("MatMul", row, weights), graph.constant([2], np.int64))
    return graph.node("Add", sums, graph.node("Gather", graph.constant(groups.bias), chosen, axis=0))


def _without_absent(graph: Graph, decisions: str, present: str) -> str:
    """A class that a neighbourhood does not hold gets one less than the lowest of the others, and -1 at most."""
    held = graph.node("Where", present, decisions, graph.constant(np.inf))
    lowest = graph.node("ReduceMin", held, graph.constant([2], np.int64), keepdims=1)
    below = graph.node("Sub", graph.node("Min", lowest, graph.constant(0.0)), graph.constant(1.0))
    return graph.node("Where", present, decisions, below)


def _mean(graph: Graph, values: str, axis: int) -> str:
    return graph.node("ReduceMean", values, graph.constant([axis], np.int64), keepdims=0)


def _double() -> int:
    from onnx import TensorProto

    return int(TensorProto.DOUBLE)
