"""Decisions in single precision, by the operators of ai.onnx.ml: what every runtime for classical models has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hqml.onnx_model.graph import ML, Graph
from hqml.onnx_model.machines import Decider, Sums
from hqml.onnx_model.steps import Choice, Step
from hqml.qubo import Floats


def decision(graph: Graph, X: str, steps: Sequence[Step], decider: Decider, sums: Sums) -> str:
    """(N, machines) in float64, of float32's precision, for X (N, features)."""
    from onnx import TensorProto

    for step in steps:
        X = _stepped(graph, X, step)
    X = graph.node("Cast", X, to=TensorProto.FLOAT)
    machines = [_machine(graph, X, decider, *one) for one in zip(sums.dual, sums.bias, strict=True)]
    together = machines[0] if len(machines) == 1 else graph.node("Concat", *machines, axis=1)
    return graph.node("Cast", together, to=TensorProto.DOUBLE)


def _stepped(graph: Graph, X: str, step: Step) -> str:
    if isinstance(step, Choice):
        return graph.node("Gather", X, graph.constant(step.columns, np.int64), axis=1)
    scaled = graph.node(
        "Scaler", X, domain=ML, offset=step.offset.astype(np.float32), scale=step.factor.astype(np.float32)
    )
    if step.limits is None:
        return scaled
    return graph.node("Clip", scaled, *(graph.constant(limit, np.float32) for limit in step.limits))


def _machine(graph: Graph, X: str, decider: Decider, dual: Floats, bias: float) -> str:
    """(N, 1), one machine over its own support vectors."""
    own = np.flatnonzero(dual) if dual.any() else np.arange(1)
    kernel = decider.kernel
    # Lengths that do not fit each other pass onnx.checker and fail in the runtime only.
    return graph.node(
        "SVMRegressor",
        X,
        domain=ML,
        kernel_type=str(kernel.function).upper(),
        kernel_params=[float(kernel.gamma), float(kernel.coef0), float(kernel.degree)],
        n_supports=len(own),
        support_vectors=decider.support_vectors[own].astype(np.float32).ravel(),
        coefficients=dual[own].astype(np.float32),
        rho=[float(bias)],
        one_class=0,
        post_transform="NONE",
    )
