"""`hqml fit`: a table of training data in, a model file out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from hqml.cli import show
from hqml.cli.failures import noticing_interrupts, say
from hqml.cli.options import backend_options, json_option, run_options

if TYPE_CHECKING:
    from hqml.tables import Table

_KERNELS = ("rbf", "linear", "poly", "sigmoid")


def _number_or(*words: str) -> Callable[[click.Context, click.Parameter, str], Any]:
    """Read a number, or one of some words."""

    def read(context: click.Context, parameter: click.Parameter, value: str) -> Any:
        if value in words:
            return value
        try:
            number = float(value)
        except ValueError:
            raise click.BadParameter(f"{value!r} is neither a number nor {' or '.join(map(repr, words))}.") from None
        return int(number) if number.is_integer() else number

    return read


def _class_weight(context: click.Context, parameter: click.Parameter, pairs: Sequence[str]) -> Any:
    """None, "balanced", or a mapping {class: weight} from `class=weight` pairs."""
    if not pairs:
        return None
    if tuple(pairs) == ("balanced",):
        return "balanced"
    from hqml.tables import as_labels

    names, weights = [], []
    for pair in pairs:
        name, _, weight = pair.rpartition("=")
        try:
            weights.append(float(weight))
        except ValueError:
            name = ""
        if not name:
            raise click.BadParameter(f"found {pair!r}, write 'balanced', or class=weight once for each class")
        names.append(name)
    return dict(zip(as_labels(names).tolist(), weights, strict=True))


@click.command("fit", short_help="Train a model on a table and save it.")
@click.argument("data")
@click.option(
    "--label", metavar="COLUMN", help="The label column: its name, or without a header its number (-1: the last)."
)
@click.option("--classes", metavar="A,B,...", help="Train on the rows of these classes only.")
@click.option("--estimator", type=click.Choice(["svc", "svc-ensemble"]), default="svc", show_default=True)
@click.option("--out", required=True, metavar="MODEL", help="The model file to write; .skops is customary.")
@run_options
@click.option("--kernel", type=click.Choice(_KERNELS), default="rbf", show_default=True)
@click.option(
    "--gamma", callback=_number_or("scale", "auto"), default="scale", show_default=True, help="Factor of the kernel."
)
@click.option("--degree", type=int, default=3, show_default=True, help="Power of poly.")
@click.option("--coef0", type=float, default=0.0, show_default=True, help="Constant of poly and sigmoid.")
@click.option("--C", "C", type=float, help="Largest multiplier.  [default: from n-bits and base]")
@click.option("--n-bits", type=int, default=2, show_default=True, help="Binary digits a multiplier.")
@click.option("--base", type=float, default=2, show_default=True, help="Base of the digits.")
@click.option("--xi", type=float, default=1.0, show_default=True, help="Price of unbalanced multipliers.")
@click.option("--n-solutions", type=int, default=20, show_default=True, help="Lowest solutions to aggregate.")
@click.option(
    "--aggregate",
    type=click.Choice(["mean", "best", "boltzmann", "validation"]),
    default="mean",
    show_default=True,
    help="How several solutions become one.",
)
@click.option("--bias", type=click.Choice(["support", "post-selection", "zero"]), default="support", show_default=True)
@click.option(
    "--class-weight",
    multiple=True,
    metavar="WEIGHT",
    callback=_class_weight,
    help="balanced, or class=weight for each.",
)
@click.option(
    "--slice-size",
    callback=_number_or("auto"),
    default="auto",
    show_default=True,
    help="Samples a slice (svc-ensemble).",
)
@click.option(
    "--n-slices", type=int, help="Number of slices (svc-ensemble).  [default: as many as use each sample once]"
)
@click.option(
    "--sampling",
    type=click.Choice(["stratified", "balanced", "disjoint", "bootstrap"]),
    default="stratified",
    show_default=True,
    help="How slices are drawn (svc-ensemble).",
)
@click.option(
    "--combine",
    type=click.Choice(["mean", "vote", "weighted"]),
    default="mean",
    show_default=True,
    help="How slices decide together (svc-ensemble).",
)
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

    DATA is CSV with a header, columns of numbers without one, libsvm text, npz (arrays X and y) or parquet; text may be
    gzipped. The features are standardised unless --no-scale; the scaling is saved with the model. `svc` trains on all
    samples at once, `svc-ensemble` on slices as small as an annealer needs them.

    \b
    Examples:
      hqml fit sonar.csv --label class --out sonar.skops --seed 0
      hqml fit sat.trn --label -1 --classes 4,7 --estimator svc-ensemble --slice-size 40 --out sat.skops
    """
    from hqml.files import check_writable

    _refuse_options_of_the_ensemble(context, estimator)
    check_writable(out)
    model = _estimator(estimator, parameters, scale=not no_scale)
    started = perf_counter()
    table = _training_table(data, label, classes)
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


def _refuse_options_of_the_ensemble(context: click.Context, estimator: str) -> None:
    """An option that would be silently without effect is a mistake."""
    if estimator == "svc-ensemble":
        return
    for name in ("slice_size", "n_slices", "sampling", "combine"):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            option = f"--{name.replace('_', '-')}"
            raise click.UsageError(
                f"{option} belongs to svc-ensemble; add --estimator svc-ensemble or drop it", context
            )


def _training_table(data: str, label: str | None, classes: str | None) -> Table:
    from hqml.errors import DataError
    from hqml.tables import read_table

    table = read_table(data, label=label)
    if table.y is None:
        raise DataError(f"{data}: say which column is the label with --label; columns: {', '.join(table.features)}")
    return table if classes is None else table.of_classes(classes.split(","))


def _estimator(name: str, parameters: dict[str, Any], *, scale: bool) -> Any:
    """The pipeline to fit: scaling, if wanted, and the estimator."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from hqml.svm import QuboSVC, QuboSVCEnsemble

    given = dict(parameters)
    seed = given.pop("seed")
    options = backend_options(given.pop("options"), given.pop("num_sweeps"))
    slices = {key: given.pop(key) for key in ("slice_size", "n_slices", "sampling", "combine")}
    estimator = QuboSVC(**given, backend_options=options or None, random_state=seed)
    if name == "svc-ensemble":
        estimator = QuboSVCEnsemble(estimator=estimator, **slices, random_state=seed)
    return make_pipeline(*([StandardScaler()] if scale else []), estimator)


def _summary(estimator: str, backend: str, model: Any, table: Table) -> dict[str, Any]:
    """What was trained on what. The energy is that of all its binary machines together."""
    from hqml.cli.scores import scores

    return {
        "estimator": estimator,
        "backend": backend,
        "samples": len(table.X),
        "features": len(table.features),
        "classes": model.classes_.tolist(),
        "energy": float(model[-1].energies_.sum()),
        "train": scores(model, table),
    }


def _save(out: str, model: Any, table: Table) -> None:
    from hqml.model_file import save_model

    save_model(out, model, features=table.features, label=table.label)
