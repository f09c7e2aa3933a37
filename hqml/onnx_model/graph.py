"""Put an ONNX graph together, node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hqml.errors import ParameterError

if TYPE_CHECKING:
    import onnx

ML = "ai.onnx.ml"
"""The domain of the operators of classical machine learning."""

_OPSETS = {"": 18, ML: 3}
_IR_VERSION = 8
"""Not the newest, but those of ONNX 1.13 (December 2022), so that runtimes of the last years can run the files."""

_MOST_BYTES = 2**31 - 2**20
"""Protocol buffers, hence ONNX files, end at 2 GiB."""


class Graph:
    """Nodes and constants of a graph in the making; each call gives the name of the tensor it adds."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, npt.NDArray[Any]] = {}

    def constant(self, values: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> str:
        """A tensor of fixed numbers or strings."""
        name = f"constant_{len(self._constants)}"
        self._constants[name] = np.asarray(values, dtype)
        return name

    def node(
        self,
        operator: str,
        *inputs: str,
        domain: str = "",
        output: str | None = None,
        skipped: int = 0,
        **attributes: Any,
    ) -> str:
        """Apply an operator and take its first output, or the one after as many as are `skipped`."""
        from onnx import helper

        name = output or f"{operator.lower()}_{len(self._nodes)}"
        outputs = [f"{name}_not_used_{n}" for n in range(skipped)] + [name]
        self._nodes.append(helper.make_node(operator, list(inputs), outputs, domain=domain, **attributes))
        return name

    def model(
        self, inputs: Mapping[str, tuple[int, Sequence[Any]]], outputs: Mapping[str, tuple[int, Sequence[Any]]]
    ) -> onnx.ModelProto:
        """The whole model.

        Args:
            inputs: {name: (element type of onnx.TensorProto, shape)}; a size that is not fixed is a word.
            outputs: alike.

        Raises:
            ParameterError: its constants need more room than an ONNX file has.
        """
        from onnx import helper, numpy_helper

        size = sum(values.nbytes for values in self._constants.values())
        if size > _MOST_BYTES:
            raise ParameterError(
                f"the model's numbers take {size / 2**30:.1f} GiB, and an ONNX file holds 2 GiB; "
                "train on fewer samples, or combine slices by their mean"
            )
        domains = {node.domain for node in self._nodes} | {""}
        return helper.make_model(
            helper.make_graph(
                self._nodes,
                "hqml",
                [helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()],
                [helper.make_tensor_value_info(name, *kind) for name, kind in outputs.items()],
                [numpy_helper.from_array(values, name) for name, values in self._constants.items()],
            ),
            opset_imports=[helper.make_opsetid(domain, _OPSETS[domain]) for domain in sorted(domains)],
            ir_version=_IR_VERSION,
        )
