"""From files, models and data to the problems of a study."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from hqml.catalogue import CLASSIFIERS, KINDS, made
from hqml.compare.digests import digest_of_learning, digest_of_model
from hqml.compare.study import LearningProblem, QuboProblem, Reference, Target, file_digest
from hqml.errors import DataError, ParameterError
from hqml.io import LoadedModel, read
from hqml.options import finite_number, unlike
from hqml.problems.max_cut import MaxCut
from hqml.qubo import as_qubo
from hqml.tables import Table, as_labels, read_table
from hqml.untrusted import NUMPY_FAILS

FilePath: TypeAlias = str | os.PathLike[str]

_MODELS = (".bqm", ".coo", ".mc", ".npy", ".qubo", ".coo.gz", ".mc.gz", ".qubo.gz")
_STUDIES = (".yaml", ".yml")


def kind_of(path: FilePath) -> Literal["study", "qubo", "data"]:
    """What a file is by its name; an .npz with the arrays X and y is data, any other a model."""
    name = os.fspath(path).lower()
    if name.endswith(_STUDIES):
        return "study"
    if name.endswith(".npz"):
        return "data" if _holds_data(path) else "qubo"
    return "qubo" if name.endswith(_MODELS) else "data"


def stem_of(path: FilePath) -> str:
    """A file's name without its suffix, and without that before .gz."""
    return Path(Path(path).name.removesuffix(".gz")).stem or Path(path).name


def qubo_problem(
    model: Any,
    *,
    name: str | None = None,
    best: float | None = None,
    target: Target | None = None,
    skip: Sequence[str] = (),
) -> QuboProblem:
    """A model to be minimised.

    Args:
        model: a file that `hqml.io.read` takes, or whatever `hqml.qubo.as_qubo` takes; of a MaxCut values are cuts.
        name: none is that of the file, else "model".
        best: best value known, in the file's own convention: the largest cut, or the lowest energy.
        target: as of Study.
        skip: solvers that do not run it.

    Raises:
        FormatError: the file cannot be read.
        ModelError: it is no model.
    """
    known = None if best is None else finite_number("best", best)
    if isinstance(model, str | os.PathLike):
        source = os.fspath(model)
        loaded, digest = read(model), f"{file_digest(model)}{Path(source.removesuffix('.gz')).suffix}"
        return QuboProblem(name or stem_of(model), loaded, digest, known, target, source, tuple(skip))
    loaded = _loaded(model)
    return QuboProblem(name or "model", loaded, digest_of_model(loaded), known, target, None, tuple(skip))


def learning_problem(
    data: Any,
    estimator: Any = "svc",
    *,
    label: str | None = None,
    classes: Sequence[Any] | None = None,
    test: Any = None,
    parameters: Mapping[str, Any] | None = None,
    varied: Mapping[str, Any] | None = None,
    name: str | None = None,
    scale: bool = True,
    test_share: float = 1 / 3,
    references: Sequence[Reference] = ("tuned",),
    skip: Sequence[str] = (),
    source: str | None = None,
) -> LearningProblem:
    """Data, and a classifier that is trained on every solver.

    Args:
        data: a file that `hqml.tables.read_table` takes, a Table, or (X, y): (samples, features) and (samples,).
        estimator: one of `hqml.catalogue.CLASSIFIERS`, or a classifier of hqml.
        label: the label column of files.
        classes: train on the rows of these classes only.
        test: as `data`, to be scored on; none splits a share off the data, another one for each seed.
        parameters: of an estimator that is given by its name.
        varied: further ones, in which the problems of a grid differ; shown.
        name: none is that of the file, else "data"; with what is varied.
        scale: standardise the features by the training rows.
        test_share: of the rows, between 0 and 1.
        references: classical machines beside the solvers.
        skip: solvers that do not run it.
        source: the file, where `data` is none.

    Raises:
        FormatError: a file cannot be read.
        DataError: there are no labels, or fewer than two classes.
        ParameterError: there is no such classifier, or it has no such parameter.
    """
    varied = dict(varied or {})
    table = labelled(data, label, classes)
    model = _classifier(estimator, {**(parameters or {}), **varied})
    source = source or (os.fspath(data) if isinstance(data, str | os.PathLike) else None)
    scored = None if test is None else held_out(test, label, classes, table)
    if not 0 < finite_number("test_share", test_share) < 1:
        raise ParameterError(f"test_share must be between 0 and 1, found {test_share!r}")
    for one in references:
        if one != "tuned":
            raise ParameterError(f"no reference is called {one!r}{unlike(one, ['tuned'])}")
    return LearningProblem(
        name=", ".join((name or (stem_of(source) if source else "data"), *(f"{k}={v}" for k, v in varied.items()))),
        data=table,
        estimator=model,
        digest=digest_of_learning(table, scored, model, scale, test_share),
        test=scored,
        test_share=float(test_share),
        scale=scale,
        parameters=varied,
        references=tuple(references),
        source=source,
        skip=tuple(skip),
    )


def labelled(data: Any, label: str | None = None, classes: Sequence[Any] | None = None) -> Table:
    """A table with classes, of at least two samples each.

    Args:
        data: as for `learning_problem`.
        label: likewise.
        classes: likewise.
    """
    name = os.fspath(data) if isinstance(data, str | os.PathLike) else "the data"
    table = _table(data, label)
    if table.y is None:
        raise DataError(f"{name}: say which column is the label; columns: {', '.join(table.features)}")
    if table.y.dtype.kind == "f":
        fraction = table.y[(table.y % 1 != 0).argmax()]
        raise DataError(
            f"{name}: column {table.label!r} holds fractions ({fraction:g}), which are no classes; name another"
        )
    if classes is not None:
        table = table.of_classes([str(one) for one in classes])
    found, counts = np.unique(table.labels(), return_counts=True)
    if len(found) < 2 or counts.min() < 2:
        told = ", ".join(f"{one} ({count})" for one, count in zip(found.tolist()[:8], counts.tolist(), strict=False))
        raise DataError(f"{name}: comparing needs two classes of at least two samples each, found {told}")
    return table


def _table(data: Any, label: str | None, features: Sequence[str] | None = None) -> Table:
    if isinstance(data, Table):
        return data
    if isinstance(data, str | os.PathLike):
        return read_table(os.fspath(data), label=label, features=features)
    try:
        X, y = data
        X, y = np.asarray(X, dtype=np.float64), np.asarray(y)
    except (TypeError, ValueError) as error:
        raise DataError(f"data must be a file, a Table, or (X, y), found a {type(data).__name__}: {error}") from error
    if X.ndim != 2 or y.shape != X.shape[:1] or not np.isfinite(X).all():
        raise DataError(
            f"X must be finite numbers (samples, features) and y (samples,), found shapes {X.shape} and {y.shape}"
        )
    return Table(X, as_labels(y), tuple(str(column + 1) for column in range(X.shape[1])), "y")


def held_out(test: Any, label: str | None, classes: Sequence[Any] | None, train: Table) -> Table:
    """Rows to be scored on, with the features of the training rows and none but their classes.

    Args:
        test: as for `learning_problem`.
        label: likewise.
        classes: likewise.
        train: the training rows.
    """
    name = os.fspath(test) if isinstance(test, str | os.PathLike) else "the test rows"
    table = _table(test, label, train.features)
    if table.y is None:
        raise DataError(f"{name}: the rows to be scored on need labels too; say which column holds them")
    if classes is not None:
        table = table.of_classes([str(one) for one in classes])
    if table.X.shape[1] != train.X.shape[1]:
        raise DataError(f"{name}: has {table.X.shape[1]} features, the training rows have {train.X.shape[1]}")
    if strange := sorted(set(table.labels().tolist()) - set(train.labels().tolist()), key=str):
        raise DataError(f"{name}: holds class {strange[0]!r}, which the training rows do not")
    return table


def check_classifier(name: str) -> None:
    """
    Raises:
        ParameterError: no classifier has this name.
    """
    if name not in CLASSIFIERS and name in KINDS:
        raise ParameterError(f"{name!r} predicts numbers; compare takes classifiers: {', '.join(CLASSIFIERS)}")
    if name not in CLASSIFIERS:
        raise ParameterError(f"no estimator is called {name!r}{unlike(name, CLASSIFIERS)}")


def _classifier(estimator: Any, parameters: Mapping[str, Any]) -> Any:
    """The estimator, never the caller's own: cells set its parameters."""
    from sklearn.base import clone, is_classifier

    if isinstance(estimator, str):
        check_classifier(estimator)
        return made(estimator, parameters)
    if not (hasattr(estimator, "get_params") and is_classifier(estimator)):
        raise ParameterError(
            f"compare takes classifiers of hqml, found {type(estimator).__name__}; give one, or one of the names "
            f"{', '.join(CLASSIFIERS)}"
        )
    own = estimator.get_params(deep=False)
    if "backend" not in own and "estimator" not in own:
        raise ParameterError(
            f"{type(estimator).__name__} runs on no backend; give a classifier of hqml (features are scaled by scale=)"
        )
    return clone(estimator).set_params(**parameters)


def _loaded(model: Any) -> LoadedModel:
    if isinstance(model, LoadedModel):
        return model
    if isinstance(model, MaxCut):
        return LoadedModel(model.to_qubo(), model)
    return LoadedModel(as_qubo(model))


def _holds_data(path: FilePath) -> bool:
    try:
        with zipfile.ZipFile(path) as file:
            return "X.npy" in file.namelist()
    except NUMPY_FAILS:
        return False
