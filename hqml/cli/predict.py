"""`hqml predict`: a model file and a table in, classes or numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hqml.cli import show
from hqml.cli.options import json_option

if TYPE_CHECKING:
    from hqml.model_file import Model
    from hqml.tables import Table

_SUFFIXES = (".csv", ".npy", ".npz")


@click.command("predict", short_help="Predict with a saved model.")
@click.argument("model")
@click.argument("data")
@click.option("--label", metavar="COLUMN", help="A column with the true classes: report how well the model does.")
@click.option("--classes", metavar="A,B,...", help="Take the rows of these classes only; needs --label.")
@click.option("--inputs", metavar="NAME", help="The array of inputs in an array file, for models of `hqml train`.")
@click.option(
    "--out",
    metavar="FILE",
    help="Write what was predicted: .csv with a row for each sample and its decision values or probabilities; for "
    "models of `hqml train` also .npy, or .npz with all that the model gives.",
)
@json_option
def command(
    model: str, data: str, label: str | None, classes: str | None, inputs: str | None, out: str | None, as_json: bool
) -> None:
    """Predict the class of each sample in DATA, or its numbers, with a MODEL that `hqml fit` or `hqml train` saved.

    In tables, columns are found by name, in any order, and others are ignored; without a header they are taken by their
    place. Models of `hqml train` read arrays as well: .npy, .npz, .h5, .zarr, a part at a time.
    A MODEL whose name ends in .onnx is run by onnxruntime.
    Scores with --label: accuracy, balanced accuracy and, for two classes, the area under the ROC curve (auroc); of a
    model that predicts numbers r2, the mean absolute error and the like.

    \b
    Examples:
      hqml predict sonar.skops sonar.csv --label class --json
      hqml predict sat.onnx sat.tst --out classes.csv
      hqml predict landsat/model.onnx tiles.h5 --inputs images --label labels
    """
    from hqml.files import check_writable

    if out is not None:
        if Path(out).suffix.lower() not in _SUFFIXES:
            raise click.BadParameter(f"{out!r} must end in .csv (or .npy, .npz)", param_hint="--out")
        check_writable(out)
    if classes is not None and label is None:
        raise click.UsageError("--classes chooses rows by their label; add --label COLUMN")

    from hqml.cli.models import of_any_kind
    from hqml.model_file import Model

    source = of_any_kind(model)
    if isinstance(source, Model):
        if inputs is not None:
            raise click.UsageError("--inputs is for models of `hqml train`; this one takes the columns of a table")
        if out is not None and not out.lower().endswith(".csv"):
            raise click.BadParameter(f"{out!r} must end in .csv", param_hint="--out")
        summary = _by_estimator(source, data, label, classes, out, as_json)
    else:
        from hqml.cli.predict_deep import predict

        if classes is not None:
            raise click.UsageError("--classes is for models of `hqml fit`; choose the samples before")
        everything = as_json and out is None and label is None
        summary = predict(source, data, inputs=inputs, label=label, out=out, keep=everything)
    summary = {"model": model, **summary}
    show.as_json(summary) if as_json else show.as_pairs(data, summary)


def _by_estimator(
    source: Model, data: str, label: str | None, classes: str | None, out: str | None, as_json: bool
) -> dict[str, Any]:
    """What the command shows of a model of `hqml fit`."""
    from hqml.display import first_line
    from hqml.errors import DataError, HqmlError

    table = _table(source, data, label, classes)
    summary: dict[str, Any] = {"samples": len(table.X)}
    try:
        predicted = source.estimator.predict(table.X)
        if label is not None:
            summary |= _scores(source, table)
    except (HqmlError, MemoryError):
        raise
    except Exception as error:  # of a damaged model anything may be missing, and steps of scikit-learn refuse data
        reason = first_line(error)
        raise DataError(f"the model cannot predict {data}: {reason}; is it whole, and are these its data?") from error
    summary["predicted"] = _overview(source, predicted)
    if out is not None:
        _write(out, source, table, predicted)
        summary["out"] = out
    elif as_json and label is None:
        summary["predictions"] = predicted.tolist()
    return summary


def _classes(model: Model) -> list[Any] | None:
    """The classes it knows; None of a regressor."""
    found = getattr(model.estimator, "classes_", None)
    return None if found is None else list(found.tolist())


def _scores(model: Model, table: Table) -> dict[str, float | None]:
    from hqml.cli.scores import regression_scores, scores

    return regression_scores(model.estimator, table) if _classes(model) is None else scores(model.estimator, table)


def _overview(model: Model, predicted: Any) -> dict[str, Any]:
    """How many samples are of each class; of a regressor, what the numbers range over."""
    if (known := _classes(model)) is not None:
        return {str(one): int((predicted == one).sum()) for one in known}
    return {"lowest": float(predicted.min()), "mean": float(predicted.mean()), "highest": float(predicted.max())}


def _table(model: Model, data: str, label: str | None, classes: str | None) -> Table:
    """The columns the model takes and, if asked for, the labels, of a classifier all of them classes that it knows."""
    from hqml.errors import DataError
    from hqml.tables import read_table

    known = _classes(model)
    if classes is not None and known is None:
        raise DataError("--classes chooses rows by their class, but this model predicts numbers; drop it")
    features = model.features or [str(n + 1) for n in range(model.estimator.n_features_in_)]
    table = read_table(data, label=label, features=features)
    if label is None or known is None:
        return table
    if classes is not None:
        table = table.of_classes(classes.split(","))
    found = sorted(set(table.labels().tolist()))
    if strange := [one for one in found if one not in known]:
        raise DataError(
            f"{data}: column {table.label!r} holds classes the model was not trained on: {_listed(strange)}; it knows "
            f"{_listed(known)}. Choose the rows with --classes, or another column"
        )
    return table


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values[:8])) + (", ..." if len(values) > 8 else "")


def _write(out: str, model: Model, table: Table, predicted: Any) -> None:
    from hqml.files import replacing

    names, columns = ["prediction"], [predicted.tolist()]
    if (classes := _classes(model)) is not None:
        decisions = model.estimator.decision_function(table.X).reshape(len(predicted), -1)
        # Two classes share one decision value, positive for the second.
        names += [f"decision_{one}" for one in (classes[1:] if decisions.shape[1] == 1 else classes)]
        columns += decisions.T.tolist()
    with replacing(out) as stream:
        show.write_csv(stream, names, zip(*columns, strict=True))
