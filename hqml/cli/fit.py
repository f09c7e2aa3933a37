"""`hqml fit`: a table of training data in, a model file out."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from hqml.catalogue import KINDS
from hqml.cli import show
from hqml.cli.estimators import SECTIONS, estimator_options, made, refuse_options_of_others
from hqml.cli.failures import noticing_interrupts, say
from hqml.cli.options import json_option, run_options
from hqml.cli.sections import Sectioned

if TYPE_CHECKING:
    from hqml.tables import Table


@click.command("fit", cls=Sectioned, sections=SECTIONS, short_help="Train a model on a table and save it.")
@click.argument("data")
@click.option(
    "--label", metavar="COLUMN", help="The label column: its name, or without a header its number (-1: the last)."
)
@click.option("--classes", metavar="A,B,...", help="Train on the rows of these classes only.")
@click.option("--estimator", type=click.Choice(list(KINDS)), default="svc", show_default=True)
@click.option("--out", required=True, metavar="MODEL", help="The model file to write: .skops, or .onnx for ONNX.")
@run_options
@estimator_options
@click.option("--no-scale", is_flag=True, help="Take the features as they are; else each is standardised.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    data: str,
    label: str | None,
    classes: str | None,
    estimator: str,
    out: str,
    no_scale: bool,
    as_json: bool,
    **parameters: Any,
) -> None:
    """Train a support vector machine on the table DATA and save it as MODEL.

    \b
    svc                       all samples in one QUBO; of more than two classes a QUBO each
    svc-ensemble              slices as small as an annealer needs them
    multiclass-svc            all samples and all classes in one QUBO
    multiclass-svc-ensemble   slices of it
    local-svc                 a machine for each neighbourhood of the training samples
    svr                       regression: the label is a number

    DATA is CSV with a header, columns of numbers without one, libsvm text, npz (arrays X and y) or parquet; text may be
    gzipped. The features are standardised unless --no-scale; the scaling is saved with the model. A MODEL whose name
    ends in .onnx is written as ONNX, which needs no scikit-learn to run.

    \b
    Examples:
      hqml fit sonar.csv --label class --out sonar.skops --seed 0
      hqml fit sat.trn --label -1 --classes 4,7 --estimator svc-ensemble --slice-size 40 --out sat.skops
      hqml fit lake.csv --label chlorophyll --estimator svr --epsilon 0.05 --out lake.skops
    """
    refuse_options_of_others(context, estimator)
    if KINDS[estimator].predicts_numbers and classes is not None:
        raise click.UsageError(f"--classes chooses rows by their class, but {estimator} predicts numbers; drop it")
    _check_out(out)
    model = made(estimator, parameters, scale=not no_scale)
    started = perf_counter()
    table = _training_table(data, label, classes, numbers=KINDS[estimator].predicts_numbers)
    read = perf_counter()
    with show.bar(f"{parameters['backend']}: {estimator} on {len(table.X)} samples"), noticing_interrupts() as presses:
        model.fit(table.X, table.y)
    fitted = perf_counter()
    if presses:
        say("interrupted: the model is made of the best found so far")
    summary = _summary(estimator, parameters["backend"], model, table)
    _save(out, model, table)
    stages = {"read": read - started, "fit": fitted - read, "total": perf_counter() - started}
    if "qpu" in model[-1].timing_:
        stages["qpu"] = model[-1].timing_["qpu"]
    summary |= {"timing": stages, "seed": getattr(model[-1], "seed_", parameters["seed"]), "out": out}
    if as_json:
        show.as_json(summary)
    else:
        show.as_pairs(data, summary)


def _training_table(data: str, label: str | None, classes: str | None, *, numbers: bool) -> Table:
    from hqml.errors import DataError
    from hqml.tables import read_table

    table = read_table(data, label=label)
    if table.y is None:
        raise DataError(f"{data}: say which column is the label with --label; columns: {', '.join(table.features)}")
    kind = table.y.dtype.kind
    if numbers and kind not in "iuf":
        raise DataError(
            f"{data}: column {table.label!r} holds text ({table.y[0]!s}), where svr needs numbers; name another with "
            "--label, or train a classifier, e.g. --estimator svc"
        )
    if not numbers and kind == "f":
        raise DataError(
            f"{data}: column {table.label!r} holds fractions ({table.y[(table.y % 1 != 0).argmax()]:g}), which are no "
            "classes; name another with --label, or train a regression with --estimator svr"
        )
    return table if classes is None else table.of_classes(classes.split(","))


def _summary(estimator: str, backend: str, model: Any, table: Table) -> dict[str, Any]:
    """What was trained on what. The energy is that of all its QUBOs together."""
    import numpy as np

    from hqml.cli.scores import regression_scores, scores

    numbers = KINDS[estimator].predicts_numbers
    return {
        "estimator": estimator,
        "backend": backend,
        "samples": len(table.X),
        "features": len(table.features),
        **({} if numbers else {"classes": model.classes_.tolist()}),
        **({"slices": len(model[-1].slices_)} if hasattr(model[-1], "slices_") else {}),
        "energy": float(np.nansum(model[-1].energies_)),  # nan: a neighbourhood of one class, which has no QUBO
        "train": regression_scores(model, table) if numbers else scores(model, table),
    }


def _check_out(out: str) -> None:
    """Find out before long work whether its result can be written."""
    from pathlib import PurePath

    from hqml.cli.models import is_onnx
    from hqml.files import check_writable

    if PurePath(out).suffix.lower() not in ("", ".skops", ".onnx"):
        raise click.BadParameter(f"{out!r} must end in .skops, or in .onnx to be written as ONNX", param_hint="--out")
    check_writable(out)
    if is_onnx(out):
        from hqml.libraries import check_libraries
        from hqml.onnx_model.export import LIBRARIES

        check_libraries(LIBRARIES, "an ONNX model", "onnx")


def _save(out: str, model: Any, table: Table) -> None:
    from hqml.cli.models import is_onnx
    from hqml.model_file import save_model

    if not is_onnx(out):
        save_model(out, model, features=table.features, label=table.label)
        return
    from hqml.errors import ParameterError
    from hqml.onnx_model import to_onnx

    try:
        to_onnx(model, path=out, features=table.features, label=table.label)
    except ParameterError as error:  # what was trained, perhaps paid for, is not to be lost
        kept = f"{out}.skops"
        save_model(kept, model, features=table.features, label=table.label)
        raise ParameterError(f"{error}. The model is kept in {kept}, which `hqml predict` takes") from error
