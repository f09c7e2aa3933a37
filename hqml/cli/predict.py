"""`hqml predict`: a model file and a table in, classes or numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from hqml.cli import show
from hqml.cli.options import json_option

if TYPE_CHECKING:
    from hqml.model_file import Model
    from hqml.tables import Table


@click.command("predict", short_help="Predict with a saved model.")
@click.argument("model")
@click.argument("data")
@click.option("--label", metavar="COLUMN", help="A column with the true classes: report how well the model does.")
@click.option("--classes", metavar="A,B,...", help="Take the rows of these classes only; needs --label.")
@click.option("--out", metavar="FILE.csv", help="Write a row for each sample: predicted class and decision values.")
@json_option
def command(model: str, data: str, label: str | None, classes: str | None, out: str | None, as_json: bool) -> None:
    """Predict the class of each row of the table DATA, or its number, with a MODEL that `hqml fit` saved.

    Columns are found by name, in any order, and others are ignored; without a header they are taken by their place.
    A MODEL whose name ends in .onnx, by `hqml fit` or hqml.to_onnx, is run by onnxruntime.
    Scores with --label: accuracy, balanced accuracy and, for two classes, the area under the ROC curve (auroc); of a
    model that predicts numbers r2 and the mean absolute error.

    \b
    Examples:
      hqml predict sonar.skops sonar.csv --label class --json
      hqml predict sat.onnx sat.tst --out classes.csv
    """
    from hqml.files import check_writable

    if out is not None:
        if not out.lower().endswith(".csv"):
            raise click.BadParameter(f"{out!r} must end in .csv", param_hint="--out")
        check_writable(out)
    if classes is not None and label is None:
        raise click.UsageError("--classes chooses rows by their label; add --label COLUMN")

    from hqml.cli.models import loaded

    source = loaded(model)
    table = _table(source, data, label, classes)
    predicted = source.estimator.predict(table.X)
    summary: dict[str, Any] = {"model": model, "samples": len(table.X)}
    if label is not None:
        summary |= _scores(source, table)
    summary["predicted"] = _overview(source, predicted)
    if out is not None:
        _write(out, source, table, predicted)
        summary["out"] = out
    if as_json:
        everything = out is None and label is None
        show.as_json(summary | ({"predictions": predicted.tolist()} if everything else {}))
    else:
        show.as_pairs(data, summary)


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
