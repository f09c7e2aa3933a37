"""A stack of Keras layers, as a specification lists them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from hqml.display import first_line
from hqml.dl.architecture import Architecture
from hqml.dl.frameworks.keras_library import keras
from hqml.dl.signature import Signature
from hqml.errors import ParameterError
from hqml.options import unlike

_REFUSED = {
    *("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "Layer", "Wrapper", "InputLayer"),
    *("StringLookup", "IntegerLookup", "TextVectorization"),
}
"""They run code, or read files, that a specification or a model file names."""


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        layers: names of classes of keras.layers, or mappings from such a name to its arguments: `Flatten`,
            `{Dense: {units: 64, activation: relu}}`. The last layer, with a unit for each class or target, is added.
    """

    layers: tuple[str | dict[str, dict[str, Any]], ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        for layer in self.layers:
            if isinstance(layer, dict) and len(layer) != 1:
                raise ParameterError(f"a layer is a name, or one name with its arguments, found {layer!r}")


def build(parameters: Parameters, signature: Signature) -> Any:
    """A keras.Sequential that takes (samples, *x) and gives logits (samples, classes), or (samples, *y).

    A `Normalization` layer of the inputs comes first. Images come as (channels, height, width); a Permute puts their
    axes into the order that Keras is set to.

    Raises:
        ParameterError: a layer is not known, takes no such argument, or does not fit the one before.
    """
    if signature.y is None or (signature.classes is not None and signature.y):
        raise ParameterError("sequential needs a class or numbers as targets of each sample")
    library = keras()
    layers = library.layers
    stack = [library.Input(signature.x, name="x"), layers.Normalization(axis=_axis(signature), name="scaling")]
    if len(signature.x) == 3 and library.config.image_data_format() == "channels_last":
        stack.append(layers.Permute((2, 3, 1)))
    stack += [_layer(layers, one) for one in parameters.layers]
    try:
        return library.Sequential([*stack, *_last(layers, signature)])
    except Exception as error:  # of Keras, of many kinds
        raise ParameterError(f"the layers do not fit each other: {first_line(error)}") from error


def _axis(signature: Signature) -> int:
    """Of the features: the channels of images, else the last."""
    return 1 if len(signature.x) > 2 else -1


def _last(layers: Any, signature: Signature) -> list[Any]:
    if signature.classes is not None:
        return [layers.Dense(len(signature.classes), name="y")]
    shape = signature.y or ()
    units = layers.Dense(max(1, math.prod(shape)))
    return [units, layers.Reshape(shape, name="y")]


def _layer(layers: Any, written: str | dict[str, dict[str, Any]]) -> Any:
    name, arguments = (written, {}) if isinstance(written, str) else next(iter(written.items()))
    known = {one for one in dir(layers) if one[:1].isupper()} - _REFUSED
    if name not in known:
        raise ParameterError(f"keras.layers has no {name!r} that a specification may use{unlike(name, known)}")
    try:
        return getattr(layers, name)(**arguments)
    except Exception as error:  # of Keras, of many kinds: some of its layers want TensorFlow
        raise ParameterError(f"layer {name}: {first_line(error)}") from error


ARCHITECTURE = Architecture(
    name="sequential",
    title="Keras layers",
    source="Chollet et al., Keras (2015), https://keras.io",
    parameters=Parameters,
    build=build,
    framework="keras",
)
