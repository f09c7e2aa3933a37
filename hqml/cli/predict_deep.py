"""`hqml predict` of a model of `hqml train`, in onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hqml.cli import show
from hqml.errors import DataError

if TYPE_CHECKING:
    from hqml.dl.exchange.predictor import Predictor
    from hqml.dl.exchange.samples import Samples

_MOST_COLUMNS = 1000

Outputs = dict[str, npt.NDArray[Any]]


def predict(
    model: Predictor, data: str, *, inputs: str | None, label: str | None, out: str | None, keep: bool
) -> dict[str, Any]:
    """Predict for a file, and write or keep what comes out.

    Args:
        model: of `hqml train`.
        data: an array file or a table.
        inputs: name of the array of inputs; None: as in the files the model was trained on.
        label: name of the true values, to compare with.
        out: .csv, .npy or .npz to write; None: none.
        keep: whether the result has all predictions.

    Returns:
        samples, figures if there are labels, an overview of what was predicted, predictions.
    """
    from hqml.dl.exchange.samples import opened

    kept: list[Outputs] = []
    with (
        opened(
            data,
            model.signature,
            inputs=inputs or model.inputs_name,
            label=label,
            channels_last=model.channels_last,
        ) as samples,
        show.bar("predicting"),
    ):
        overview, figures = _Overview(model), _Figures(model, samples, data, label)
        for outputs in _told(model, samples):
            overview.add(outputs)
            figures.add(outputs)
            if out is not None or keep:
                kept.append(outputs)
        result: dict[str, Any] = {"samples": len(samples.x), **figures.values(), "predicted": overview.values()}
    together = {name: np.concatenate([one[name] for one in kept]) for name in model.outputs} if kept else {}
    if out is not None:
        _write(out, model, together)
        result["out"] = out
    return result | ({"predictions": model.prediction(together).tolist()} if keep else {})


def _told(model: Predictor, samples: Samples) -> Iterator[Outputs]:
    """Outputs part by part, telling how far it has come."""
    from hqml.progress import current

    done, report = 0, current()
    for outputs in model.parts(samples.x):
        yield outputs
        done += len(outputs[model.outputs[0]])
        if report is not None:
            report(done / len(samples.x))


class _Overview:
    """How often each class was predicted; of numbers, what they range over."""

    def __init__(self, model: Predictor) -> None:
        self._model = model
        self._counts: npt.NDArray[np.int64] | None = None
        self._range = (np.inf, -np.inf)
        self._sum, self._size = 0.0, 0

    def add(self, outputs: Outputs) -> None:
        if self._model.decides(outputs):
            counts = np.bincount(
                self._model.chosen(outputs).ravel(), minlength=len(self._model.signature.classes or ())
            )
            self._counts = counts if self._counts is None else self._counts + counts
            return
        first = outputs[self._model.outputs[0]]
        if first.size:
            self._range = (min(self._range[0], float(first.min())), max(self._range[1], float(first.max())))
            self._sum, self._size = self._sum + float(first.sum(dtype=np.float64)), self._size + first.size

    def values(self) -> dict[str, Any]:
        if self._counts is not None:
            return dict(zip(self._model.signature.classes or (), self._counts.tolist(), strict=True))
        if not self._size:
            return {}
        return {"lowest": self._range[0], "mean": self._sum / self._size, "highest": self._range[1]}


class _Figures:
    """How good the predictions are, where there are labels."""

    def __init__(self, model: Predictor, samples: Samples, data: str, label: str | None) -> None:
        from hqml.dl.exchange.figures import ClassFigures, NumberFigures, Truth

        self._model, self._y, self._start, self._label = model, samples.y, 0, label
        self._of_classes: ClassFigures | None = None
        self._of_numbers = NumberFigures()
        classes = model.signature.classes
        if samples.y is not None and classes is not None:
            y, step = samples.y, 4096
            parts = (y[start : start + step] for start in range(0, len(y), step))
            self._truth = Truth(parts, classes, f"{data}: {label!r}")
            self._of_classes = ClassFigures(classes)
        elif samples.y is not None and samples.y.dtype.kind not in "fiub":
            raise DataError(f"{data}: {label!r} holds text, but the model predicts numbers; name another")

    def add(self, outputs: Outputs) -> None:
        if self._y is None:
            return
        first = outputs[self._model.outputs[0]]
        truth = self._y[self._start : self._start + len(first)]
        self._start += len(first)
        if self._of_classes is not None and self._model.decides(outputs):
            chosen = self._model.chosen(outputs)
            self._of_classes.add(self._truth(truth), chosen, self._model.probabilities(outputs))
        elif truth.shape == first.shape and self._of_classes is None:
            self._of_numbers.add(truth, first)
        else:
            raise DataError(
                f"the model gives {self._model.outputs[0]} of shape {first.shape[1:]} a sample, which is nothing to "
                f"compare with {self._label!r}; drop --label"
            )

    def values(self) -> dict[str, float | None]:
        if self._y is None:
            return {}
        return self._of_numbers.values() if self._of_classes is None else self._of_classes.values()


def _write(out: str, model: Predictor, outputs: Outputs) -> None:
    from hqml.files import replacing

    prediction = model.prediction(outputs)
    suffix = Path(out).suffix.lower()
    columns = _columns(model, outputs, prediction) if suffix == ".csv" else {}
    with replacing(out) as stream:
        if suffix == ".csv":
            show.write_csv(stream, columns, zip(*columns.values(), strict=True))
        elif suffix == ".npy":
            np.save(stream, prediction, allow_pickle=False)
        else:
            others = {"probability": model.probabilities(outputs)} if model.decides(outputs) else {}
            arrays: dict[str, Any] = {**outputs, **others, "prediction": prediction}
            np.savez(stream, allow_pickle=False, **arrays)


def _columns(model: Predictor, outputs: Outputs, prediction: npt.NDArray[Any]) -> Mapping[str, list[Any]]:
    """
    Raises:
        DataError: there are more than a table is good for.
    """
    rows = prediction.reshape(len(prediction), -1)
    if rows.shape[1] > _MOST_COLUMNS:
        raise DataError(f"{rows.shape[1]} numbers a sample are too many for a table; give --out a name in .npy or .npz")
    single = prediction.ndim == 1 or rows.shape[1] == 1
    columns = {"prediction" if single else f"prediction_{n}": column.tolist() for n, column in enumerate(rows.T)}
    if single and model.decides(outputs):
        shares = model.probabilities(outputs).reshape(len(rows), -1)
        names = model.signature.classes or ()
        columns |= {f"probability_{name}": share.tolist() for name, share in zip(names, shares.T, strict=True)}
    return columns
