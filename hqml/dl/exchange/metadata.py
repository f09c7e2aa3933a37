"""What a model file says of its model, as the texts of ONNX's `metadata_props`. Reading it needs neither pydantic
(but for the task) nor the framework."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata as installed
from typing import TYPE_CHECKING, Any

from hqml.dl.signature import Signature
from hqml.errors import FormatError, ParameterError
from hqml.samples import version
from hqml.secrets import scrubbed, without_secrets
from hqml.untrusted import read_json

if TYPE_CHECKING:
    from hqml.dl.spec import Task

LAYOUT = 1
"""Of what is written here; a file with a higher one is refused."""

STATE, REST = "state", "rest"
"""Arrays as text (`hqml.dl.exchange.arrays`): of the model, which its graph lacks; and beside the model."""

_OWN = ("hqml_layout", "hqml_version", "task", "signature", "outputs", "versions", "created", "onnx_error", STATE, REST)


@dataclass(frozen=True)
class Description:
    """What is known of a model without its task.

    Attributes:
        signature: of it.
        outputs: names of what it gives, in order.
        facts: {name: text}, all that the file says, but for arrays.
        arrays: {name: text}, STATE and REST where the file has them.
    """

    signature: Signature
    outputs: tuple[str, ...]
    facts: Mapping[str, str]
    arrays: Mapping[str, str] = field(default_factory=dict)


def properties(
    task: Task, signature: Signature, outputs: Sequence[str], facts: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Names and texts that say what a model is; secrets are left out, or replaced by "(hidden)".

    Args:
        task: as it was run.
        signature: of the model.
        outputs: names of what it gives.
        facts: more, e.g. figures; what is no text is written as JSON.

    Raises:
        ParameterError: a fact has a name of hqml's own.
    """
    if taken := sorted(set(facts or {}) & set(_OWN)):
        raise ParameterError(f"the metadata {taken[0]!r} is hqml's own; choose another name")
    own = {
        "hqml_layout": str(LAYOUT),
        "hqml_version": version(),
        "task": json.dumps(_open_task(task)),
        "signature": json.dumps(_written(signature)),
        "outputs": json.dumps(list(outputs)),
        "versions": json.dumps(_versions(task.framework)),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return own | {name: _text(value) for name, value in _plain(without_secrets(facts or {})).items()}


def is_described(found: Mapping[str, str]) -> bool:
    """Whether the metadata of an ONNX file are those of `properties`."""
    return "hqml_layout" in found


def described(found: Mapping[str, str], source: str) -> Description:
    """What the metadata of a file say.

    Args:
        found: {name: text}.
        source: what to call the file in messages.

    Raises:
        FormatError: they are not of `hqml train`, of a newer hqml, or damaged.
    """
    if not is_described(found):
        raise FormatError(f"{source}: is an ONNX file, but not one of `hqml train`; run it with onnxruntime")
    if found["hqml_layout"] != str(LAYOUT):
        wrote = found.get("hqml_version", "another version")
        raise FormatError(
            f"{source}: was written by hqml {wrote} in layout {found['hqml_layout']}, and hqml {version()} reads "
            f"layout {LAYOUT}; run: pip install --upgrade hqml"
        )
    try:
        signature = _signature(read_json(found["signature"]))
        outputs = tuple(_names(read_json(found["outputs"])))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{source}: its metadata are damaged ({error!r}); write or copy it again") from error
    arrays = {name: found[name] for name in (STATE, REST) if name in found}
    return Description(signature, outputs, {name: found[name] for name in found if name not in arrays}, arrays)


def task_of(facts: Mapping[str, str], source: str) -> Task:
    """The task that a model was trained by.

    Raises:
        FormatError: there is none, or it is damaged.
    """
    from pydantic import ValidationError

    from hqml.dl.spec import Task

    try:
        return Task.model_validate_json(facts["task"])
    except KeyError:
        raise FormatError(f"{source}: its task is missing; write or copy it again") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise FormatError(f"{source}: its task is damaged: {place}: {first['msg']}; write or copy it again") from None


def _open_task(task: Task) -> dict[str, Any]:
    """The task as plain data that anybody may read."""
    from pydantic import ValidationError

    whole = task.model_dump(mode="json", by_alias=True)
    # No parameter of a family opens anything, and without one of them the model would be another.
    kept = {"family": task.model.family, "parameters": whole["model"].get("parameters", {})}
    safe: dict[str, Any] = _plain(without_secrets(whole)) | {"model": kept}
    try:
        type(task).model_validate_json(json.dumps(safe))
    except ValidationError as error:
        place = ".".join(map(str, error.errors(include_url=False)[0]["loc"]))
        raise ParameterError(
            f"{place} of the task holds what a variable of the environment calls a secret; write another value"
        ) from None
    return safe


def _plain(value: Any) -> Any:
    """The same for JSON, which has no infinity, without the values of the environment's secrets."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "tolist"):  # numpy arrays and scalars, tensors
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return scrubbed(value) if isinstance(value, str) else value


def _written(signature: Signature) -> dict[str, Any]:
    return {"x": signature.x, "y": signature.y, "classes": signature.classes, "features": signature.features}


def _signature(content: Any) -> Signature:
    """
    Raises:
        KeyError, TypeError, ValueError: it is damaged.
    """
    y, classes, features = content["y"], content["classes"], content["features"]
    return Signature(
        _shape(content["x"]),
        None if y is None else _shape(y),
        None if classes is None else tuple(_names(classes)),
        None if features is None else tuple(_names(features)),
    )


def _shape(content: Any) -> tuple[int, ...]:
    if not isinstance(content, list) or not all(type(size) is int and size > 0 for size in content):
        raise ValueError(f"a shape is a list of sizes, found {content!r}")
    return tuple(content)


def _names(content: Any) -> list[str]:
    if not isinstance(content, list) or not content or not all(isinstance(name, str) for name in content):
        raise ValueError(f"names are a list of texts, found {content!r}")
    return content


def _versions(framework: str) -> dict[str, str]:
    found = {}
    for name in ("hqml", framework, "onnx", "onnxruntime", "numpy"):
        try:
            found[name] = installed.version(name)
        except installed.PackageNotFoundError:  # as keras is where a task of it is only written anew
            continue
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
